/** Messages without a session, created with the builders. */
import { type ReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import { CommitMessage } from '../../../lib/pgoutput/messages/transaction-messages';
import { KeepaliveMessage } from '../../../lib/pgoutput/messages/walsender-messages';
import { decodeAll } from '../../pgoutput/support/decode';
import {
  buildBegin,
  buildLogicalMessage,
  buildRelation,
  buildTruncate,
  type LogicalMessageFields,
} from '../../../lib/testing/payloads';
import { transaction, type TransactionOptions } from '../../support/fake-backend';

/** Begin, Relation, the inserts, Commit. */
export function createMessages(options: TransactionOptions): ReplicationMessage[] {
  return decodeAll(transaction(options).payloads);
}

/** The same by letter, for marble diagrams: `b`, `r`, `i` and `c`. */
export function createMarbles(options: TransactionOptions = {}): Record<'b' | 'r' | 'i' | 'c', ReplicationMessage> {
  const [b, r, i, c] = createMessages(options);
  return { b: b!, r: r!, i: i!, c: c! };
}

export function createKeepalive(walEnd: bigint): KeepaliveMessage {
  return new KeepaliveMessage(walEnd, new Date('2024-05-06T07:08:10Z'), false);
}

/** A non-transactional logical message, or one in a transaction. */
export function createLogicalMessage(fields: LogicalMessageFields): ReplicationMessage {
  return decodeAll(
    fields.transactional === false ? [buildLogicalMessage(fields)] : [buildBegin(), buildLogicalMessage(fields)],
  ).at(-1)!;
}

/** A transaction that truncates tables, given by their OIDs. */
export function createTruncate(tables: Readonly<Record<string, number>>): ReplicationMessage {
  const relations = Object.entries(tables).map(([name, oid]) => buildRelation({ name, oid }));
  return decodeAll([buildBegin(), ...relations, buildTruncate({ oids: Object.values(tables) })]).at(-1)!;
}

export function createCommit(commitLsn: bigint, endLsn: bigint): CommitMessage {
  return new CommitMessage(commitLsn, endLsn, new Date('2024-05-06T07:08:10Z'));
}
