import type { Target } from './net/transport';
import { whereabouts } from './net/address';

/** What a user should know of, and no error. */
export function warnOf(code: string, text: string): void {
  process.emitWarning(text, { type: 'ReplicationWarning', code });
}

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
  warnOf(
    'RXPG_CLEAR_TEXT',
    `${whereabouts(target)} offers no TLS, so whoever stands in between can read and change everything, and be the server. Set sslmode=verify-full, or sslmode=disable where nobody can.`,
  );
}
