import { isatty } from 'node:tty';
import picocolors from 'picocolors';

/** Colors on a terminal; plain text in a pipe, in a file, or with NO_COLOR. */
function terminalHasColors(): boolean {
  const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0';
  return isatty(1) && TERM !== 'dumb';
}

export const colors = picocolors.createColors(terminalHasColors());
