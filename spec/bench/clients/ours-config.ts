import type { PgoutputConfig } from '../../../lib/index';
import type { Task } from './task';

/** How this library is configured: defaults throughout. */
export function configOf({ endpoint: { ca, ...connection }, slot, publication }: Task): {
  config: PgoutputConfig;
  /** Resolves when the slot is given back. */
  closed: Promise<unknown>;
} {
  let close: (value: unknown) => void;
  const closed = new Promise((resolve) => (close = resolve));
  const config = {
    connection: { ...connection, ...(ca !== undefined && { ssl: { ca } }) },
    slot,
    publications: [publication],
    closeObserver: { next: (info: unknown) => close(info) },
  };
  return { config, closed };
}
