/** The client side of a SASL exchange. */
export interface SaslExchange {
  readonly mechanism: string;
  /** Returns the initial client response. */
  getInitialResponse(): string;
  /** Returns the response to AuthenticationSASLContinue. */
  respond(data: string): string;
  /** Checks AuthenticationSASLFinal. */
  verify(data: string): void;
  /** Checks that AuthenticationOk is allowed now. */
  accept(): void;
}
