import { DatabaseError } from 'pg';
import { ServerError } from '../../../lib/index';
import type { Reading } from './options';
import { settingsOf, type Scene } from './stream';

const INTERNAL_ERROR = 'XX000';

/**
 * Of transactions with DDL that are rolled back, wholly or in part, the server sometimes cannot decode what it streams, spools
 * or sends when it is prepared: "could not map filenumber … to relation OID". So it is no fault of ours where the server fails
 * by itself, too, without any connection of ours. While they are open, there are more such errors ("pg_attribute catalog is
 * missing …"), which pass: when we look, the work is at its end.
 *
 * @returns undefined for what is no internal error of the server
 */
export async function serversFault(
  error: unknown,
  scene: Scene,
  reading: Reading,
): Promise<'lasting' | 'passing' | undefined> {
  if (!(error instanceof ServerError) || error.server.sqlState !== INTERNAL_ERROR) return undefined;
  const { way, twoPhase } = reading;
  await scene.source.released(scene.slot);
  const client = await scene.source.database.client();
  try {
    for (const [name, value] of settingsOf(reading)) await client.query(`SET ${name} = '${value}'`);
    await client.query(
      `SELECT count(*) FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'publication_names', 'pub', 'messages', 'true',
        'proto_version', $2, 'streaming', $3${twoPhase ? `, 'two_phase', 'true'` : ''})`,
      [scene.slot, String(way.protoVersion), way.streaming],
    );
    return 'passing';
  } catch (alone) {
    if (!(alone instanceof DatabaseError) || alone.code !== INTERNAL_ERROR) throw alone;
    return 'lasting';
  } finally {
    await client.end();
  }
}

/** What the server has managed so far: to decode each transaction as a whole, in memory. */
export function easier(reading: Reading): Reading {
  const way = { ...reading.way, streaming: 'off', atOnce: false } as const;
  return { ...reading, way, memory: '64MB' };
}
