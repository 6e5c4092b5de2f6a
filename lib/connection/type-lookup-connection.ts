import type { ConnectionSettings } from '../config/resolve-connection';
import { StartupConnection } from './startup-connection';
import { toError } from './startup-errors';
import type { Target } from '../net/target';
import type { Connect } from '../net/transport';
import type { TypeCatalog } from '../pgoutput/types/type-catalog';
import { lookUpTypes } from '../commands/type-lookup';
import { encodeTerminate } from '../wire/frontend';

/**
 * Looks types up over a separate connection: a connection that streams accepts no queries.
 *
 * @param target the server of the stream
 * @param onDone called once the catalog has the types; with an error where the lookup failed
 * @returns cancels the lookup; `onDone` is not called then
 */
export function lookUpTypesOverNewConnection(
  connect: Connect,
  target: Target,
  settings: ConnectionSettings,
  catalog: TypeCatalog,
  typeOids: readonly number[],
  onDone: (error?: Error) => void,
): () => void {
  const ordinary = { ...settings, startup: { ...settings.startup, replication: false } };
  const connection = new StartupConnection(connect, target, ordinary, () => lookUpTypes(typeOids), {
    done: (found, { transport }) => {
      transport.write(encodeTerminate());
      transport.end(settings.closeTimeout);
      catalog.learn(typeOids, found);
      onDone();
    },
    failed: (thrown) => {
      onDone(toError(thrown));
    },
  });
  return () => {
    connection.abort(() => undefined);
  };
}
