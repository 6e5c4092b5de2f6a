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
  const where = whereabouts(target);
  if (ON_THIS_MACHINE.test(target.address ?? target.host) || known.has(where)) return;
  known.add(where);
  warnOf(
    'RXPG_CLEAR_TEXT',
    `${where} offers no TLS, so whoever stands in between can read and change everything, and be the server. Set sslmode=verify-full, or sslmode=disable where nobody can.`,
  );
}
