import { Observable } from 'rxjs';
import { resolveConnection, type ConnectionOptions } from '../config/connection';
import { Options } from '../config/options';
import { ConversingConnection } from '../connection';
import { connect } from '../net/transport';
import type { Conversation } from '../session/conversation';
import type { ServerInfo } from '../session/startup';
import { terminate } from '../wire/frontend';

/** How to reach the server for a single command. */
export interface ServerConfig {
  /** A URI or the object that one gives `new pg.Client(…)`. PG* environment variables fill what is missing. */
  readonly connection?: string | ConnectionOptions | undefined;
  /** ms for connecting and for the command, where the command does not wait for others. Default 15 000. */
  readonly connectTimeout?: number | undefined;
  /** ms for taking leave of the server. Default 5000. */
  readonly closeTimeout?: number | undefined;
}

const COMMON = ['connection', 'connectTimeout', 'closeTimeout'];

/** The options of a one-shot, checked. */
export function readOptions(config: unknown, more: readonly string[]): Options {
  return new Options('', config, [...COMMON, ...more]);
}

/** Connects on subscribe, leads one conversation, emits its outcome and completes. */
export function oneShot<T>(options: Options, script: (server: ServerInfo) => Conversation<T>): Observable<T> {
  const settings = resolveConnection(options.get('connection'), {
    connectTimeout: options.ms('connectTimeout', 15_000, 1),
    closeTimeout: options.ms('closeTimeout', 5000),
  });
  return new Observable((subscriber) => {
    const connection = new ConversingConnection(connect, settings, script, {
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
