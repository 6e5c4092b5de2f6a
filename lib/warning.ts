import type { Target } from './net/transport';
import { whereabouts } from './net/address';

/** What a user should know of, and no error. */
export function warnOf(code: string, text: string): void {
  process.emitWarning(text, { type: 'ReplicationWarning', code });
}

/** What operators do with a transaction instead of passing it on to `ackAfter`, and what to write instead. */
const ASTRAY = {
  changes:
    'The changes of a Transaction are acknowledged one by one, which confirms nothing: only the Transaction can be acknowledged, and it has not come to ackAfter. Instead of mergeMap((tx) => tx.changes), ackAfter(save) write ackAfter(async (tx) => { for (const change of tx) await save(change); }).',
  overtaken:
    'A transaction has not come to ackAfter, though a later one has been acknowledged: nothing is confirmed until it is. If an operator such as filter has dropped it, choose inside the work instead: ackAfter(async (tx) => { if (isWanted(tx)) await save(tx); }).',
};

/** Says what drops transactions. */
export function warnOfAstray(how: keyof typeof ASTRAY): void {
  warnOf('RXPG_TRANSACTION_DROPPED', ASTRAY[how]);
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
