/** Emits a process warning of type ReplicationWarning. */
export function emitWarning(code: string, text: string): void {
  process.emitWarning(text, { type: 'ReplicationWarning', code });
}
