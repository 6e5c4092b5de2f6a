import { ServerError } from '../../common/errors';
import type { PreflightFinding } from '../../common/preflight-findings';
import { runQuery, getText, type ProtocolRoutine } from '../protocol-routine';
import { buildNamesCondition } from '../published-tables';
import { toSkippedPublicationError } from '../server-errors';
import { quotePublicationNames, quoteLiteral } from '../sql';
import { createFinding, toFinding } from './finding';

/** Time limit of decoding, in ms. */
const DECODING_TIME = 2000;
/** The number of messages after which decoding ends. */
const MAX_DECODED = 1000;

const YOUNGER_REMEDY =
  'Create a new slot and copy the data again; or, to skip those changes, advance the slot past them (pg_replication_slot_advance).';

/**
 * Checks whether a publication was created after changes that the slot has not sent yet. The server decodes each change with the
 * catalog of that time: without the publication it fails or, from 18 on, skips the change.
 *
 * The id of the transaction that wrote the publication's row rules out most publications: it precedes the slot's
 * catalog_xmin. Otherwise the row may also have been altered, or the slot may have inherited an older catalog_xmin from
 * another slot. Then the check decodes: peeking neither consumes changes nor moves a position. From 17 on it updates
 * inactive_since, as reading the slot does.
 *
 * @param slot an inactive logical slot of pgoutput in this database
 */
export function* checkPublicationAge(
  publications: readonly string[],
  slot: string,
): ProtocolRoutine<readonly PreflightFinding[]> {
  const rows = yield* runQuery(
    `SELECT pubname FROM pg_catalog.pg_publication p, pg_catalog.pg_replication_slots s
      WHERE ${buildNamesCondition(publications)} AND slot_name = ${quoteLiteral(slot)}
        AND age(p.xmin) <= age(catalog_xmin) ORDER BY pubname`,
  );
  if (rows.length === 0) return [];
  const candidates = rows.map((row) => getText(row, 'pubname'));
  const outcome = yield* peekChanges(slot, candidates);
  if (outcome === undefined) return [];
  // The server's message may be localized, but contains the name unchanged.
  const named = candidates.filter((name) => outcome.server.message.includes(name));
  const names = (named.length > 0 ? named : candidates).map((name) => JSON.stringify(name)).join(', ');
  if (outcome.code === 'CANCELLED') {
    return [
      createFinding(
        'PUBLICATION_AGE_UNCERTAIN',
        `Publication ${names} may be newer than changes that slot "${slot}" has not sent yet`,
      ),
    ];
  }
  const what = `Publication ${names} is newer than changes that slot "${slot}" has not sent yet`;
  return [{ ...toFinding(outcome), message: `${what}.`, remedy: YOUNGER_REMEDY }];
}

/** @returns the error or warning of decoding about a missing publication, or the error of the time limit */
function* peekChanges(slot: string, publications: readonly string[]): ProtocolRoutine<ServerError | undefined> {
  let skipped: ServerError | undefined;
  yield* runQuery(`SET statement_timeout = ${DECODING_TIME}`);
  try {
    yield* runQuery(
      `SELECT count(*) FROM pg_logical_slot_peek_binary_changes(${quoteLiteral(slot)}, NULL, ${MAX_DECODED},
        'proto_version', '1', 'publication_names', ${quoteLiteral(quotePublicationNames(publications))})`,
      { noTimeout: true, onNotice: (fields) => (skipped ??= toSkippedPublicationError(fields)) },
    );
  } catch (error) {
    if (!(error instanceof ServerError) || error.server.severity !== 'ERROR') throw error;
    const isConclusive = error.code === 'PUBLICATION_MISSING' || error.code === 'CANCELLED';
    if (isConclusive) skipped ??= error;
  }
  yield* runQuery('SET statement_timeout = 0');
  return skipped;
}
