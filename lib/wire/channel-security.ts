/** The security of the connection, which determines what may be sent over it. */
export interface ChannelSecurity {
  /** `local`: a Unix socket; `tls`: encrypted; `clear`: can be read by a man in the middle. */
  readonly kind: 'local' | 'tls' | 'clear';
  /** The server's certificate, in DER. With TLS only. */
  readonly certificate?: Buffer | undefined;
  /** The resolved address of the server. Not with a Unix socket. */
  readonly address?: string | undefined;
}
