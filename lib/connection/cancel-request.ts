import type { BackendKey } from '../commands/startup';
import type { Target } from '../net/target';
import type { Connect, Transport } from '../net/transport';
import { encodeCancelRequest } from '../wire/frontend';

/** A CancelRequest gets at least so many ms: without it the server would go on with the command. */
const MIN_CANCEL_TIMEOUT = 500;

/**
 * Cancels the command that a connection runs, over a second connection, then destroys both.
 *
 * @param target the address of the server that runs the command
 * @param closeTimeout in ms
 * @param done called when both connections are destroyed
 */
export function cancelCommand(
  connect: Connect,
  target: Target,
  key: BackendKey,
  transport: Transport,
  closeTimeout: number,
  done: () => void,
): void {
  const finish = (): void => {
    cancelTimeout();
    second.destroy();
    transport.destroy();
    done();
  };
  // The server closes the second connection after it has signalled the process.
  const second = connect(target, {
    connected: () => {
      second.write(encodeCancelRequest(key.processId, key.secret));
    },
    data: () => undefined,
    closed: finish,
  });
  const cancelTimeout = transport.timeout(Math.max(closeTimeout, MIN_CANCEL_TIMEOUT), finish);
}
