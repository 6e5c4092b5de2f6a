/** The program that commits rows, one to a transaction, at moments that it keeps as exactly as the system lets it. */
import { encodeQuery } from '../../../lib/wire/frontend';
import type { Endpoint } from '../server';
import { RawConnection } from './raw-connection';

/** What the program is told. */
export interface LoadOrder {
  readonly endpoint: Endpoint;
  readonly rows: number;
  /** ms from one commit to the next: anything from the first to the second. */
  readonly gap: readonly [number, number];
}

/** A sleep ends so many ms late: the kernel gathers timers, and waking takes its time. */
const OVERSLEEPING = 0.08;

const bell = new Int32Array(new SharedArrayBuffer(4));
let connection: RawConnection | undefined;

/** A statement that takes down the time at which it runs, in µs. A walsender sends what is flushed: it must not wait. */
const PREPARE = `
  SET synchronous_commit = on;
  PREPARE row AS INSERT INTO latency
    VALUES ((date_part('epoch', clock_timestamp()) * 1e6)::bigint, 7, 'a row as short as many are')`;

async function load({ endpoint, rows, gap: [shortest, longest] }: LoadOrder): Promise<void> {
  if (!connection) {
    connection = await RawConnection.open(endpoint);
    await connection.run(PREPARE);
  }
  const row = encodeQuery('EXECUTE row');
  const done = new Promise<void>((resolve) => {
    let missing = rows;
    if (connection) {
      connection.onFrame = (bytes, start) => {
        if (bytes[start] === 0x5a && --missing === 0) resolve();
      };
    }
  });
  let due = performance.now();
  let sent = -Infinity;
  for (let count = 0; count < rows; count++) {
    // What is late is made up for, but step by step: commits at once would make each other wait.
    const left = Math.max(due, sent + shortest / 2) - performance.now() - OVERSLEEPING;
    // Node's timers count whole ms; while nothing else is to be done the thread itself may sleep.
    if (left > 0) Atomics.wait(bell, 0, 0, left);
    sent = performance.now();
    connection.socket.write(row);
    due += shortest + Math.random() * (longest - shortest);
    // Answers are read, too.
    await new Promise(setImmediate);
  }
  await done;
}

process.on('message', (order: LoadOrder) => {
  void load(order).then(() => process.send?.({ kind: 'loaded' }));
});
// The bench needs no more rows, or is gone.
process.once('disconnect', () => process.exit());
