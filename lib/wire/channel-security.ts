/** What is between us and the server, as far as it decides what may be said. */
export interface ChannelSecurity {
  /** Who can read along: nobody beyond this machine (a Unix socket), nobody (TLS), or everybody in between. */
  readonly kind: 'local' | 'tls' | 'clear';
  /** The certificate that the server has shown, in DER. With TLS only. */
  readonly certificate?: Buffer | undefined;
  /** The address that the server's name stood for. Not with a Unix socket. */
  readonly address?: string | undefined;
}
