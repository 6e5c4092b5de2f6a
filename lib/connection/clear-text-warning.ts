import { emitWarning } from '../common/warning';
import { formatAddress } from '../net/address';
import type { Target } from '../net/target';

const ON_THIS_MACHINE = /^(?:localhost|127\.[\d.]+|::1)$/;

/** Servers that were warned of: a stream comes back to them again and again. */
const known = new Set<string>();

/** Says that a server, for which TLS was preferred, has none. */
export function warnOfClearText(target: Target): void {
  const { host, port, address = host } = target;
  // By its name: a second connection goes to the address that was found.
  const server = `${host}:${port}`;
  if (ON_THIS_MACHINE.test(address) || known.has(server)) return;
  known.add(server);
  emitWarning(
    'RXPG_CLEAR_TEXT',
    `${formatAddress(target)} offers no TLS, so whoever stands in between can read and change everything, and be the server. Set sslmode=verify-full, or sslmode=disable where nobody can.`,
  );
}
