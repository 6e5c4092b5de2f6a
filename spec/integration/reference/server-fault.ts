import { DatabaseError } from 'pg';
import { ServerError } from '../../../lib/index';
import type { Reading } from './options';
import { settingsOf, type RoundContext } from './stream';

const INTERNAL_ERROR = 'XX000';

/**
 * The server sometimes cannot decode a transaction with DDL that is rolled back wholly or in part, when it streams, spools or
 * prepares it: "could not map filenumber … to relation OID". An error is a fault of the server if the server also fails without
 * the library. While such transactions are open, there are more such errors ("pg_attribute catalog is missing …"), which are
 * transient; at the time of this check, the workload has ended.
 *
 * @returns undefined if it is not an internal error of the server
 */
export async function findServerFault(
  error: unknown,
  context: RoundContext,
  reading: Reading,
): Promise<'lasting' | 'passing' | undefined> {
  if (!(error instanceof ServerError) || error.server.sqlState !== INTERNAL_ERROR) return undefined;
  const { way, twoPhase } = reading;
  await context.source.released(context.slot);
  const client = await context.source.database.client();
  try {
    for (const [name, value] of settingsOf(reading)) await client.query(`SET ${name} = '${value}'`);
    await client.query(
      `SELECT count(*) FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'publication_names', 'pub', 'messages', 'true',
        'proto_version', $2, 'streaming', $3${twoPhase ? `, 'two_phase', 'true'` : ''})`,
      [context.slot, String(way.protoVersion), way.streaming],
    );
    return 'passing';
  } catch (alone) {
    if (!(alone instanceof DatabaseError) || alone.code !== INTERNAL_ERROR) throw alone;
    return 'lasting';
  } finally {
    await client.end();
  }
}

/** Options with which the server has decoded this workload: each transaction as a whole, in memory. */
export function easier(reading: Reading): Reading {
  const way = { ...reading.way, streaming: 'off', atOnce: false } as const;
  return { ...reading, way, memory: '64MB' };
}
