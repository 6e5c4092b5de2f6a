import type { ConnectionSettings } from '../config/connection';
import { StartupConnection } from './startup-connection';
import { asError } from './startup-errors';
import type { Target } from '../net/target';
import type { Connect } from '../net/transport';
import type { TypeCatalog } from '../pgoutput/types/type-catalog';
import { lookUpTypes } from '../commands/type-lookup';
import { encodeTerminate } from '../wire/frontend';

/**
 * Asks over a connection of its own what types are made of: the one that streams takes no queries.
 *
 * @param target where the stream comes from
 * @param answered called once the catalog has learnt what could be found out; with the error where nothing could
 * @returns gives up, without an answer
 */
export function lookUpTypesOverNewConnection(
  connect: Connect,
  target: Target,
  settings: ConnectionSettings,
  catalog: TypeCatalog,
  typeOids: readonly number[],
  answered: (error?: Error) => void,
): () => void {
  const ordinary = { ...settings, startup: { ...settings.startup, replication: false } };
  const connection = new StartupConnection(connect, target, ordinary, () => lookUpTypes(typeOids), {
    done: (found, { transport }) => {
      transport.write(encodeTerminate());
      transport.end(settings.closeTimeout);
      catalog.learn(typeOids, found);
      answered();
    },
    failed: (thrown) => {
      answered(asError(thrown));
    },
  });
  return () => {
    connection.abort(() => undefined);
  };
}
