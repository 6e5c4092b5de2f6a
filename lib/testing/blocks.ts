import type { ClientOptions } from './client-options';
import {
  insertXid,
  buildOrigin,
  buildStreamAbort,
  buildStreamStart,
  buildStreamStop,
  type RelationFields,
} from './payloads';
import { buildRelations, type PositionedChange, type PositionedTransaction } from './positions';

/** Builds the blocks of a streamed transaction; undefined if the client receives it as a whole. */
export function buildBlocks(transaction: PositionedTransaction, client: ClientOptions): Buffer[] | undefined {
  const { draft, changes, xid, commitTime: abortTime } = transaction;
  if (client.streaming === 'off' || draft.blocks === undefined) return undefined;
  const described = new Set<RelationFields>();
  return splitIntoBlocks(changes, draft.blocks).flatMap((block, index) => {
    const first = index === 0;
    const content = block.flatMap(({ change, lsn, savepoint }) =>
      [...buildRelations(change, described), change.payload(lsn)].map((payload) => insertXid(xid + savepoint, payload)),
    );
    const { savepoint = 0, lsn: abortLsn } = block.at(-1) ?? {};
    if (first && draft.origin !== undefined) content.unshift(buildOrigin(draft.origin));
    const sent = [buildStreamStart({ xid, first }), ...content, buildStreamStop()];
    if (savepoint === 0) return sent;
    // Tables that the savepoint described are described again.
    described.clear();
    const place = client.streaming === 'parallel' && abortLsn !== undefined ? { abortLsn, abortTime } : {};
    return [...sent, buildStreamAbort({ xid, subxid: xid + savepoint, ...place })];
  });
}

/** Splits changes into `count` blocks of similar length. A savepoint that was rolled back has a separate block. */
function splitIntoBlocks(changes: readonly PositionedChange[], count: number): PositionedChange[][] {
  const maxLength = Math.max(1, Math.ceil(changes.length / count));
  const blocks: PositionedChange[][] = [[]];
  for (const change of changes) {
    const last = blocks.at(-1) ?? [];
    const isSame = last.at(-1)?.savepoint === change.savepoint;
    const belongs = last.length === 0 || (isSame && (change.savepoint > 0 || last.length < maxLength));
    if (belongs) last.push(change);
    else blocks.push([change]);
  }
  return blocks;
}
