/** The client's side of one SASL exchange. */
export interface SaslExchange {
  readonly mechanism: string;
  /** What goes with the choice of the mechanism. */
  getInitialResponse(): string;
  /** Answers AuthenticationSASLContinue. */
  respond(data: string): string;
  /** Takes AuthenticationSASLFinal. */
  verify(data: string): void;
  /** Takes AuthenticationOk. */
  accept(): void;
}
