/** The client under test that is hardly one: a socket whose bytes are looked at as they come. */
import { onListenTask } from './listener';
import { PAYLOAD_AT, RawConnection, STATUS_INTERVAL } from './raw-connection';

/** Of an insert, behind `I`, the relation's OID, `N` and the number of columns. */
const FIRST_COLUMN_AT = PAYLOAD_AT + 8;
const [INSERT, ZERO] = [0x49, 0x30];

/** A column in text that holds digits: `t`, their number, and they. */
function readDigits(bytes: Buffer, at: number): number {
  const start = at + 5;
  const end = start + bytes.readUInt32BE(at + 1);
  let number = 0;
  for (let index = start; index < end; index++) number = number * 10 + bytes.readUInt8(index) - ZERO;
  return number;
}

onListenTask(async ({ task, arrivals, streaming, heard }) => {
  const connection = await RawConnection.open(task.endpoint, { replication: 'database' });
  await connection.startStream(task, (bytes, start, end, time) => {
    // A keepalive is shorter than all that stands before a payload.
    if (end <= start + PAYLOAD_AT || bytes[start + PAYLOAD_AT] !== INSERT) return;
    arrivals.record(readDigits(bytes, start + FIRST_COLUMN_AT), time);
    if (!arrivals.complete) return;
    clearInterval(status);
    heard();
    connection.socket.destroy();
  });
  // 0: received nothing and confirmed nothing, which keeps the connection and leaves the slot alone.
  const status = setInterval(() => connection.confirm(0n), STATUS_INTERVAL);
  streaming();
});
