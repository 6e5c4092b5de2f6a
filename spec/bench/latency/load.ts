/** Commits one row per transaction, at times that are as exact as the system allows. */
import { encodeQuery } from '../../../lib/wire/frontend';
import type { Endpoint } from '../server';
import { RawConnection } from './raw-connection';

/** The task of the program. */
export interface LoadOrder {
  readonly endpoint: Endpoint;
  readonly rows: number;
  /** The minimum and maximum time in ms from one commit to the next. */
  readonly gap: readonly [number, number];
}

/** A sleep ends up to this many ms late, because the kernel coalesces timers and waking takes time. */
const OVERSLEEPING = 0.08;

const bell = new Int32Array(new SharedArrayBuffer(4));
let connection: RawConnection | undefined;

/**
 * A statement that records when it runs, in µs. The walsender sends only flushed WAL, so the commit must wait for the flush.
 */
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
    // Delays are made up for gradually, because simultaneous commits would wait for each other.
    const left = Math.max(due, sent + shortest / 2) - performance.now() - OVERSLEEPING;
    // Node's timers have whole ms. While there is nothing else to do, the thread may sleep.
    if (left > 0) Atomics.wait(bell, 0, 0, left);
    sent = performance.now();
    connection.socket.write(row);
    due += shortest + Math.random() * (longest - shortest);
    // The event loop must also read the responses.
    await new Promise(setImmediate);
  }
  await done;
}

process.on('message', (order: LoadOrder) => {
  void load(order).then(() => process.send?.({ kind: 'loaded' }));
});
// The bench needs no more rows, or has ended.
process.once('disconnect', () => process.exit());
