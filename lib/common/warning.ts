/** What a user should know of, and no error. */
export function emitWarning(code: string, text: string): void {
  process.emitWarning(text, { type: 'ReplicationWarning', code });
}
