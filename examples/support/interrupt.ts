import { Subject, type Observable } from 'rxjs';

/** In ms. npm sends the same Ctrl-C a second time within this time; a later one comes from the user. */
const REPEAT_INTERVAL = 1000;

/**
 * Emits on Ctrl-C or SIGTERM. The listeners stay, so a second signal does not kill the process while the stream closes, unless
 * it comes later.
 */
export function interrupts(): Observable<NodeJS.Signals> {
  const interrupt$ = new Subject<NodeJS.Signals>();
  let first: number | undefined;
  const listener = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (first !== undefined && now - first > REPEAT_INTERVAL) process.exit(130);
    first ??= now;
    interrupt$.next(signal);
  };
  process.on('SIGINT', listener).on('SIGTERM', listener);
  return interrupt$;
}
