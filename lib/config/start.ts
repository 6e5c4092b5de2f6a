import { defaultIfEmpty, defer, from, isObservable, map, of, take, type Observable, type ObservableInput } from 'rxjs';
import { toStartPosition } from '../ledger/checkpoint';
import { ReplicationError } from '../common/errors';
import { isRecord, type OptionReader } from '../common/option-reader';
import type { UserCallback } from '../commands/protocol-routine';
import type { StartRequest } from '../commands/open-stream';

/** Reads `startLsn`: an LSN, or a function that returns a position. */
export function readStart(options: OptionReader): StartRequest {
  const startLsn = options.get('startLsn');
  if (isFunction(startLsn)) return { callback: createUserCallback(startLsn) };
  if (isRecord(startLsn))
    throw options.error('startLsn', 'expected a function that returns the stored position: () => checkpoint');
  return { position: startLsn === undefined ? undefined : toStartPosition(options.lsn('startLsn')) };
}

function isFunction(value: unknown): value is () => unknown {
  return typeof value === 'function';
}

/** Uses the first value. An Observable that completes without a value means an empty store, as undefined does. */
function createUserCallback(startLsn: () => unknown): UserCallback {
  return {
    call(onAnswer, onError) {
      const subscription = defer(() => toObservableInput(startLsn()))
        .pipe(take(1), map(toStartPosition), defaultIfEmpty(undefined))
        .subscribe({
          next: (position) => {
            onAnswer({ kind: 'startPosition', position });
          },
          error: onError,
        });
      return () => {
        subscription.unsubscribe();
      };
    },
    createTimeoutError: (ms) =>
      new ReplicationError('CHECKPOINT_UNAVAILABLE', `The function startLsn did not return a position within ${ms} ms`),
  };
}

/** Wraps a value that RxJS cannot convert, and text, over which RxJS would iterate. */
function toObservableInput(answer: unknown): Observable<unknown> {
  return isObservableInput(answer) ? from(answer) : of(answer);
}

/** The methods by which RxJS recognizes an ObservableInput. Source: innerFrom.ts. */
const METHODS = [Symbol.observable, 'then', Symbol.iterator, Symbol.asyncIterator, 'getReader'];

function isObservableInput(answer: unknown): answer is ObservableInput<unknown> {
  if (typeof answer !== 'object' || answer === null || 'endLsn' in answer || ArrayBuffer.isView(answer)) return false;
  return isObservable(answer) || METHODS.some((name) => typeof Reflect.get(answer, name) === 'function');
}
