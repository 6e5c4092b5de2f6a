/** A bare socket over TCP, TLS or a Unix socket, read without pausing. Changes are counted by the types of their frames. */
import { encodeTerminate } from '../../../lib/wire/frontend';
import { runClient } from '../clients/harness';
import { PAYLOAD_AT, RawConnection, STATUS_INTERVAL } from '../latency/raw-connection';

const [INSERT, UPDATE, DELETE, COMMIT] = [0x49, 0x55, 0x44, 0x43];

runClient(async (task, tally) => {
  const connection = await RawConnection.open(task.endpoint, { replication: 'database' });
  let confirmed = 0n;
  await connection.startStream(task, (bytes, start, end) => {
    // A keepalive is shorter than the headers of a payload.
    if (end <= start + PAYLOAD_AT) return;
    switch (bytes[start + PAYLOAD_AT]) {
      case INSERT:
        tally.insert += 1;
        break;
      case UPDATE:
        tally.update += 1;
        break;
      case DELETE:
        tally.delete += 1;
        break;
      case COMMIT:
        // The XLogData of a commit contains the end LSN.
        confirmed = bytes.readBigUInt64BE(start + 6);
        tally.check();
        break;
    }
  });
  const status = setInterval(() => connection.confirm(confirmed), STATUS_INTERVAL);
  return {
    leave() {
      clearInterval(status);
      connection.socket.end(encodeTerminate());
    },
  };
});
