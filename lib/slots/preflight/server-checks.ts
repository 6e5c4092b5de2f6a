import { pgoutputOptions } from '../../session/pgoutput-options';
import { onlyRow, query, type Conversation } from '../../session/conversation';
import { requireKind } from '../../session/slot-commands';
import { failure, finding, type Finding } from './finding';
import { objections, type Check, type Scene } from './scene';

/** Below it, work that keeps the process busy for some seconds ends the stream. */
const SHORT_TIMEOUT = 5000;

/** Whether the server can decode at all. */
export const checkWalLevel: Check = function* ({ server }) {
  if (server.version < 160_000 && (yield* isStandby())) {
    return [failure('UNSUPPORTED', 'The server is a standby, which can be streamed from since PostgreSQL 16 only')];
  }
  // From 19 on the server raises the level by itself.
  if (server.walLevel === 'logical' || server.version >= 190_000) return [];
  return [failure('WAL_LEVEL', `wal_level is ${server.walLevel}`)];
};

export function* isStandby(): Conversation<boolean> {
  const row = onlyRow(yield* query('SELECT pg_is_in_recovery() AS standby'), 'pg_is_in_recovery()');
  return row['standby'] === 't';
}

/** Whether the server's version has what the stream asks for. */
export function checkVersion({ plan, server: { version } }: Scene): readonly Finding[] {
  const { pgoutput, ensureSlot } = plan;
  return objections(() => {
    if (pgoutput) pgoutputOptions(pgoutput.request, pgoutput.publications, version);
    if (ensureSlot) requireKind(ensureSlot, version);
  });
}

/** How long the server bears silence. */
export function checkWalSenderTimeout({ server: { walSenderTimeout } }: Scene): readonly Finding[] {
  if (walSenderTimeout === 0) {
    const what =
      'wal_sender_timeout is 0, so the server may never notice that a client is gone, whose slot stays active';
    return [finding('WAL_SENDER_TIMEOUT', what)];
  }
  if (walSenderTimeout >= SHORT_TIMEOUT) return [];
  const what = `wal_sender_timeout is ${walSenderTimeout} ms: what keeps this process busy for longer ends the stream`;
  return [finding('WAL_SENDER_TIMEOUT', what)];
}
