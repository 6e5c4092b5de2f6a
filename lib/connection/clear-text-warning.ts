import { emitWarning } from '../common/warning';
import { formatAddress } from '../net/address';
import type { Target } from '../net/target';

const ON_THIS_MACHINE = /^(?:localhost|127\.[\d.]+|::1)$/;

/** Servers for which the warning was emitted: a stream connects to them again and again. */
const known = new Set<string>();

/** Warns that a server for which TLS was preferred does not offer it. */
export function warnOfClearText(target: Target): void {
  const { host, port, address = host } = target;
  // By host name: a second connection uses the resolved address.
  const server = `${host}:${port}`;
  if (ON_THIS_MACHINE.test(address) || known.has(server)) return;
  known.add(server);
  emitWarning(
    'RXPG_CLEAR_TEXT',
    `${formatAddress(target)} does not support TLS, so an attacker on the network can read and change all data, or impersonate the server. Turn on ssl on the server and set sslmode=verify-full, or set sslmode=disable if the network is trusted.`,
  );
}
