import { Observable } from 'rxjs';
import { SERVER_OPTIONS, type ConnectionSettings } from '../config/resolve-connection';
import { OptionReader } from '../common/option-reader';
import { HostConnector } from './host-connector';
import { connectSocket } from '../net/transport';
import type { ProtocolRoutine } from '../commands/protocol-routine';
import type { ServerInfo } from '../commands/startup';
import { encodeTerminate } from '../wire/frontend';

/** Reads and checks the options of a management command. */
export function readCommandOptions(config: unknown, more: readonly string[]): OptionReader {
  return new OptionReader('', config, [...SERVER_OPTIONS, ...more]);
}

/** Connects on subscribe, runs one routine, emits its result and completes. */
export function runManagementCommand<T>(
  settings: ConnectionSettings,
  script: (server: ServerInfo) => ProtocolRoutine<T>,
): Observable<T> {
  return new Observable((subscriber) => {
    const connector = new HostConnector(connectSocket, settings, script, {
      done: (result, { transport }) => {
        transport.write(encodeTerminate());
        transport.end(settings.closeTimeout);
        // In a turn of its own: an error that a subscriber throws is no failure of the connection.
        transport.defer(() => {
          subscriber.next(result);
          subscriber.complete();
        });
      },
      failed: (error) => {
        subscriber.error(error);
      },
    });
    return () => {
      connector.abort(() => undefined);
    };
  });
}
