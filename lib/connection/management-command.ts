import { Observable } from 'rxjs';
import { SERVER_OPTIONS, type ConnectionSettings } from '../config/connection';
import { Options } from '../common/options';
import { HostConnector } from './host-connector';
import { connect } from '../net/transport';
import type { ProtocolRoutine } from '../commands/protocol-routine';
import type { ServerInfo } from '../commands/startup';
import { encodeTerminate } from '../wire/frontend';

/** The options of a one-shot, checked. */
export function readCommandOptions(config: unknown, more: readonly string[]): Options {
  return new Options('', config, [...SERVER_OPTIONS, ...more]);
}

/** Connects on subscribe, leads one conversation, emits its outcome and completes. */
export function runManagementCommand<T>(
  settings: ConnectionSettings,
  script: (server: ServerInfo) => ProtocolRoutine<T>,
): Observable<T> {
  return new Observable((subscriber) => {
    const connection = new HostConnector(connect, settings, script, {
      done: (outcome, { transport }) => {
        transport.write(encodeTerminate());
        transport.end(settings.closeTimeout);
        subscriber.next(outcome);
        subscriber.complete();
      },
      failed: (error) => {
        subscriber.error(error);
      },
    });
    return () => {
      connection.abort(() => undefined);
    };
  });
}
