/**
 * A socket without a client: the cost of the connection itself. It counts changes by the first bytes of their frames, and sends
 * a status update per second. With the argument `paced` it pauses after a small read, so that fewer and larger reads follow.
 */
import { connect } from 'node:net';
import { encodeQuery, encodeStartupMessage, encodeTerminate } from '../../../lib/wire/frontend';
import { encodeStandbyStatusUpdate } from '../../../lib/wire/replication-messages';
import { ChangeCounter } from './change-counter';
import { runClient } from './harness';

const LITTLE = 32 * 1024;
const REST = 2;

const paced = process.argv.includes('paced');

runClient(({ endpoint: { host, port, user, database, ca }, slot, publication }, tally, fail) => {
  if (ca !== undefined) throw new Error('Over TLS this client is not measured.');
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  let high = 0;
  let low = 0;
  let status: NodeJS.Timeout | undefined;
  const confirm = (): void => {
    const end = (BigInt(high) << 32n) | BigInt(low);
    const now = Date.now();
    socket.write(encodeStandbyStatusUpdate({ written: end, flushed: end, applied: end, now, replyRequested: false }));
  };
  const counter = new ChangeCounter({
    changed(kind) {
      tally[kind] += 1;
    },
    committed(...end) {
      [high, low] = end;
      tally.check();
    },
    replyRequested: confirm,
    readyForQuery() {
      const options = `proto_version '1', publication_names '${publication}'`;
      socket.write(encodeQuery(`START_REPLICATION SLOT ${slot} LOGICAL 0/0 (${options})`));
      status = setInterval(confirm, 1000);
    },
    failed: () => fail(new Error('The server sent an error.')),
  });
  socket.on('connect', () => socket.write(encodeStartupMessage({ user, database, replication: 'database' })));
  socket.on('data', (chunk) => {
    counter.push(chunk);
    if (!paced || chunk.length >= LITTLE) return;
    socket.pause();
    setTimeout(() => socket.resume(), REST);
  });
  socket.on('error', fail);
  return {
    leave() {
      clearInterval(status);
      socket.end(encodeTerminate());
    },
    bare: () => ({ end: `${high.toString(16)}/${low.toString(16)}`.toUpperCase(), bytes: counter.bytes }),
  };
});
