/** The security of the connection, which decides what may be sent over it. */
export interface ChannelSecurity {
  /** `local`: a Unix socket; `tls`: encrypted; `clear`: can be read by a man in the middle. */
  readonly kind: 'local' | 'tls' | 'clear';
  /** The server's certificate, in DER. With TLS only. */
  readonly certificate?: Buffer | undefined;
  /** The address that the server's name resolved to. Not with a Unix socket. */
  readonly address?: string | undefined;
}
