import { Observable } from 'rxjs';
import { SERVER_OPTIONS, type ConnectionSettings } from '../config/connection';
import { Options } from '../common/options';
import { Connecting } from './connecting';
import { connect } from '../net/transport';
import type { Conversation } from '../commands/conversation';
import type { ServerInfo } from '../commands/startup';
import { terminate } from '../wire/frontend';

/** The options of a management command, checked. */
export function readOptions(config: unknown, more: readonly string[]): Options {
  return new Options('', config, [...SERVER_OPTIONS, ...more]);
}

/** Connects on subscribe, leads one conversation, emits its outcome and completes. */
export function oneShot<T>(
  settings: ConnectionSettings,
  script: (server: ServerInfo) => Conversation<T>,
): Observable<T> {
  return new Observable((subscriber) => {
    const connection = new Connecting(connect, settings, script, {
      done: (outcome, { transport }) => {
        transport.write(terminate());
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
