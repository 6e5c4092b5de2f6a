import type { ConnectionOptions as TlsOptions } from 'node:tls';

/** The address of a server, and how to connect to it. */
export interface Target {
  /** A name or an address, or the folder of a Unix socket, which starts with `/` (or `@`, in Linux' abstract namespace; from Node.js 22 on). */
  readonly host: string;
  readonly port: number;
  /** Where to connect to without asking for the name's address; the name is still what a certificate has to be for. */
  readonly address?: string | undefined;
  /** undefined: no TLS. Never used on a Unix socket. */
  readonly tls: TlsSettings | undefined;
  /** ms without traffic after which the system asks whether the other side is there; 0: its own default; undefined: never */
  readonly keepAlive: number | undefined;
}

/** The settings of a TLS connection. */
export interface TlsSettings {
  /** What `tls.connect` takes. Asked for each connection, as certificates and keys are renewed. */
  readonly options: () => TlsOptions;
  /** Whether to go on without TLS where the server has none. */
  readonly optional: boolean;
  /** Whether TLS starts at once instead of being asked for. From PostgreSQL 17 on. */
  readonly direct: boolean;
}
