import { Subject, type Observable } from 'rxjs';

/** A person who presses Ctrl-C again after so many ms means it. npm passes the same one on once more. */
const SAME = 1000;

/**
 * Emits when Ctrl-C is pressed or SIGTERM comes. The listeners stay, so that a second one does not kill the process
 * while it takes its leave, unless it comes later.
 */
export function interrupts(): Observable<NodeJS.Signals> {
  const interrupt$ = new Subject<NodeJS.Signals>();
  let first: number | undefined;
  const listener = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (first !== undefined && now - first > SAME) process.exit(130);
    first ??= now;
    interrupt$.next(signal);
  };
  process.on('SIGINT', listener).on('SIGTERM', listener);
  return interrupt$;
}
