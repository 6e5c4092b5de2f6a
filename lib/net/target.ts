import type { ConnectionOptions as TlsOptions } from 'node:tls';

/** The address of a server, and how to connect to it. */
export interface Target {
  /** A name or an address, or the directory of a Unix socket, which starts with `/` (or `@`, in Linux' abstract namespace; from Node.js 22 on). */
  readonly host: string;
  readonly port: number;
  /** The address to connect to, without name resolution. The certificate must still match `host`. */
  readonly address?: string | undefined;
  /** undefined: no TLS. Never used on a Unix socket. */
  readonly tls: TlsSettings | undefined;
  /** The idle time before TCP keepalive probes, in ms; 0: the default of the system; undefined: no probes. */
  readonly keepAlive: number | undefined;
}

/** The settings of a TLS connection. */
export interface TlsSettings {
  /** Returns the options of `tls.connect`. Called for each connection, because certificates and keys may be renewed. */
  readonly options: () => TlsOptions;
  /** Whether to continue without TLS if the server does not support it. */
  readonly optional: boolean;
  /** Whether TLS starts immediately, without SSLRequest. From PostgreSQL 17 on. */
  readonly direct: boolean;
}
