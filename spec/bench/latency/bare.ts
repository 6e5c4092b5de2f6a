/** The measured client without a library: a socket whose bytes are inspected as they arrive. */
import { onListenTask } from './listener';
import { PAYLOAD_AT, RawConnection, STATUS_INTERVAL } from './raw-connection';

/** The offset of the first column in an insert: after `I`, the relation's OID, `N` and the number of columns. */
const FIRST_COLUMN_AT = PAYLOAD_AT + 8;
const [INSERT, ZERO] = [0x49, 0x30];

/** Reads a column in text format that contains digits: `t`, the length, and the digits. */
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
    // A keepalive is shorter than the headers of a payload.
    if (end <= start + PAYLOAD_AT || bytes[start + PAYLOAD_AT] !== INSERT) return;
    arrivals.record(readDigits(bytes, start + FIRST_COLUMN_AT), time);
    if (!arrivals.complete) return;
    clearInterval(status);
    heard();
    connection.socket.destroy();
  });
  // Positions of 0 confirm nothing. They keep the connection open and leave the slot unchanged.
  const status = setInterval(() => connection.confirm(0n), STATUS_INTERVAL);
  streaming();
});
