import type { PgoutputConfig } from '../../../lib/index';
import type { Task } from './task';

/** The configuration of this library: defaults only, except that TLS is used where the endpoint has a certificate. */
export function configOf({ endpoint: { ca, ...connection }, slot, publication }: Task): {
  config: PgoutputConfig;
  /** Resolves when the slot is released. */
  closed: Promise<unknown>;
} {
  let close: (value: unknown) => void;
  const closed = new Promise((resolve) => (close = resolve));
  const config = {
    connection: { ...connection, ssl: ca === undefined ? false : { ca } },
    slot,
    publications: [publication],
    closeObserver: { next: (info: unknown) => close(info) },
  };
  return { config, closed };
}
