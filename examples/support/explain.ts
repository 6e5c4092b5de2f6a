import { colors } from './colors';

/** Prints an error on stderr. The message of a ReplicationError ends with the remedy. */
export function explain(error: unknown, hint?: string): void {
  const code = getCode(error);
  const message = error instanceof Error ? error.message : String(error);
  console.error(`\n${colors.red('✗')} ${code === undefined ? '' : `${colors.bold(code)}: `}${message}`);
  if (hint) console.error(`  ${hint}`);
}

/** The error's code: of the library, of PostgreSQL (the SQLSTATE), or of Node. */
export function getCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
