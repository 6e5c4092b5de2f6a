import type { Bare, ClientCommand, ClientEvent, Task } from './task';
import { Tally } from './tally';
import { getPeakRss } from '../../support/peak-memory';

/** A connection that drains a workload. */
export interface Draining {
  /** Ends the connection as a user would. */
  leave(): unknown;
  /** Only for bare sockets. */
  readonly bare?: () => Bare;
}

/**
 * Runs a client in a separate process. When its modules are loaded, it receives its task. It reports the time from just before
 * connecting to the last change, and stays connected until it is told to exit, so that the bench can read the walsender's
 * processor time.
 *
 * @param start connects, and reports later errors to `fail`
 */
export function runClient(
  start: (task: Task, tally: Tally, fail: (error: unknown) => void) => Draining | Promise<Draining>,
): void {
  let leave = fail;
  process.on('message', (command: ClientCommand) => {
    if (command.command === 'leave') leave('Told to leave before there was anything to leave.');
    else drain(command.task).catch(fail);
  });
  // Exits if the bench has ended without telling the process to.
  process.on('disconnect', () => process.exit(1));
  say({ event: 'ready' });

  async function drain(task: Task): Promise<void> {
    const usage = process.cpuUsage();
    const started = performance.now();
    const tally = new Tally(task.changes, () => {
      const { user, system } = process.cpuUsage(usage);
      const measured = {
        wallMs: performance.now() - started,
        userMicros: user,
        systemMicros: system,
        peakRssBytes: getPeakRss(),
      };
      // The message may have arrived before `start` has returned.
      void starting.then(({ bare }) => say({ event: 'done', ...measured, ...(bare && { bare: bare() }) }));
    });
    const starting = Promise.resolve(start(task, tally, fail));
    const draining = await starting;
    leave = () => void depart(draining, tally).catch(fail);
  }
}

async function depart(draining: Draining, tally: Tally): Promise<void> {
  const counts = { insert: tally.insert, update: tally.update, delete: tally.delete };
  await draining.leave();
  say({ event: 'left', counts }, () => process.exit(0));
}

function say(event: ClientEvent, then: () => void = () => undefined): void {
  if (!process.send) throw new Error('This program is a client of the bench, and nothing to start by hand.');
  process.send(event, undefined, undefined, then);
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
