import { toLsn, type Lsn } from '../common/lsn';
import { buildOrigin, buildRelation, type RelationFields } from './payloads';
import type { ChangeDraft, TransactionDraft } from './transaction';

/** The size in bytes of a change and of a commit record in the WAL. The real sizes depend on the row. */
const CHANGE_SIZE = 0x40n;
export const COMMIT_SIZE = 0x30n;

/** A change in the WAL. */
export interface PositionedChange {
  readonly change: ChangeDraft;
  /** The end of its record. */
  readonly lsn: Lsn;
  /** The number, from 1, of the savepoint with which it was rolled back; 0: none. */
  readonly savepoint: number;
}

/** The fields of the messages of a transaction. */
export interface PositionedTransaction {
  readonly draft: TransactionDraft;
  readonly changes: readonly PositionedChange[];
  readonly startLsn: Lsn;
  readonly commitLsn: Lsn;
  readonly endLsn: Lsn;
  readonly xid: number;
  readonly commitTime: Date;
}

/**
 * Assigns LSNs to a transaction and its changes, from `startLsn` on.
 *
 * @param now the commit time, unless the draft has one
 */
export function assignPositions(draft: TransactionDraft, startLsn: Lsn, now: Date): PositionedTransaction {
  const { xid = Number((startLsn >> 3n) & 0xffff_ffffn), commitTime = now } = draft;
  let lsn = startLsn;
  let savepoints = 0;
  const changes = draft.changes.flatMap((part): PositionedChange[] => {
    const savepoint = 'rolledBack' in part ? ++savepoints : 0;
    const drafts = 'rolledBack' in part ? part.rolledBack : [part];
    return drafts.map((change) => ({ change, lsn: (lsn += CHANGE_SIZE), savepoint }));
  });
  const commitLsn = toLsn('commitLsn', draft.commitLsn ?? lsn);
  const endLsn = toLsn('endLsn', draft.endLsn ?? commitLsn + COMMIT_SIZE);
  return { draft, changes, startLsn, commitLsn, endLsn, xid, commitTime };
}

/** Builds the messages between Begin and Commit. */
export function buildContent({ draft, changes }: PositionedTransaction): Buffer[] {
  const described = new Set<RelationFields>();
  const content = changes
    .filter(({ savepoint }) => savepoint === 0)
    .flatMap(({ change, lsn }) => [...buildRelations(change, described), change.payload(lsn)]);
  return draft.origin === undefined ? content : [buildOrigin(draft.origin), ...content];
}

/** Builds the Relation messages to send before a change. */
export function buildRelations({ relations }: ChangeDraft, described: Set<RelationFields>): Buffer[] {
  return relations.flatMap((table) => {
    if (described.has(table)) return [];
    described.add(table);
    return [buildRelation(table)];
  });
}
