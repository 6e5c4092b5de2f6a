/** Random transactions with savepoints, and random streams in which a server may send them. */
import fc from 'fast-check';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildCommitPrepared,
  buildDelete,
  insertXid,
  buildInsert,
  buildLogicalMessage,
  buildPrepare,
  buildRelation,
  buildRollbackPrepared,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamPrepare,
  buildStreamStart,
  buildStreamStop,
  buildTruncate,
  buildUpdate,
} from '../../../lib/testing/payloads';

/** A step of a transaction: a change of a table in its current form, a logical message, or a savepoint command. */
type Action =
  | { readonly kind: 'change'; readonly relation: Buffer | undefined; readonly payload: Buffer }
  | { readonly kind: 'savepoint' | 'release' | 'rollback' };

export interface Script {
  readonly actions: readonly Action[];
  readonly end: 'commit' | 'abort' | 'prepare';
  /** For prepared transactions. */
  readonly after: 'commit' | 'rollback';
  readonly streamed: boolean;
}

/** The interleaving: the transaction and the number of steps to send next. */
export type Turns = readonly (readonly [pick: number, steps: number])[];

const TABLES = [1, 2].map((oid) => ({ oid, forms: [['a'], ['a', 'b'], ['b', 'c', 'd']] }));

const change = fc
  .tuple(fc.constantFrom(...TABLES), fc.nat(2), fc.nat(3), fc.string({ maxLength: 30 }))
  .map(([{ oid, forms }, form, kind, text]): Action => {
    const columns = forms[form] ?? [];
    const values = columns.map((_, i) => `${text.replaceAll('\0', '')}${i}`);
    const payloads = [
      buildInsert(values, oid),
      buildUpdate(values, undefined, oid),
      buildDelete({ old: values }, oid),
      buildTruncate({ oids: [oid] }),
    ];
    return {
      kind: 'change',
      relation: buildRelation({ oid, name: `t${oid}`, columns }),
      payload: payloads[kind] ?? buildInsert([]),
    };
  });
const message = fc
  .string({ maxLength: 10 })
  .map((content): Action => ({ kind: 'change', relation: undefined, payload: buildLogicalMessage({ content }) }));
const savepoint = fc
  .constantFrom('savepoint' as const, 'release' as const, 'rollback' as const)
  .map((kind) => ({ kind }));

export const scripts: fc.Arbitrary<Script[]> = fc.array(
  fc.record({
    actions: fc.array(fc.oneof({ weight: 6, arbitrary: change }, message, { weight: 3, arbitrary: savepoint }), {
      maxLength: 25,
    }),
    end: fc.constantFrom('commit' as const, 'commit' as const, 'abort' as const, 'prepare' as const),
    after: fc.constantFrom('commit' as const, 'rollback' as const),
    streamed: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

export const turns: fc.Arbitrary<Turns> = fc.array(fc.tuple(fc.nat(100), fc.integer({ min: 0, max: 8 })), {
  maxLength: 60,
});

type Step =
  | { readonly kind: 'change'; readonly xid: number; readonly relation: Buffer | undefined; readonly payload: Buffer }
  | { readonly kind: 'abort'; readonly subxid: number };

/** The decoded steps of a transaction, and the ones that are committed. */
class Transaction {
  readonly steps: Step[] = [];
  readonly kept: Buffer[] = [];
  at = 0;
  started = false;
  /** The tables that were described in its blocks. */
  readonly #described = new Set<string>();

  constructor(
    readonly script: Script,
    readonly xid: number,
  ) {
    const aborted = this.#play(script.actions);
    const described = new Map<number, string>();
    for (const step of this.steps) {
      if (step.kind === 'abort' || aborted.has(step.xid)) continue;
      if (step.relation) this.#describe(step.relation, described);
      this.kept.push(step.payload);
    }
  }

  /** Sends the next steps as blocks and aborts; the end follows the last one. */
  take(count: number): Buffer[] {
    const steps = this.steps.slice(this.at, this.at + count);
    this.at += steps.length;
    const blocks: Buffer[] = [];
    let block: Buffer[] | undefined;
    const close = (): void => {
      if (!block) return;
      blocks.push(buildStreamStart({ xid: this.xid, first: !this.started }), ...block, buildStreamStop());
      this.started = true;
      block = undefined;
    };
    // A block may be empty.
    if (steps.length === 0) block = [];
    for (const step of steps) {
      if (step.kind === 'abort') {
        close();
        // Descriptions of tables are repeated.
        this.#described.clear();
        blocks.push(buildStreamAbort({ xid: this.xid, subxid: step.subxid }));
      } else {
        block ??= [];
        const key = step.relation?.toString('latin1');
        if (step.relation && key !== undefined && !this.#described.has(key)) {
          for (const known of this.#described) if (known.slice(0, 5) === key.slice(0, 5)) this.#described.delete(known);
          this.#described.add(key);
          block.push(insertXid(step.xid, step.relation));
        }
        block.push(insertXid(step.xid, step.payload));
      }
    }
    close();
    return blocks;
  }

  /** @returns the subtransactions that were aborted */
  #play(actions: readonly Action[]): Set<number> {
    const aborted = new Set<number>();
    const open: number[][] = [];
    let last = this.xid;
    for (const action of actions) {
      if (action.kind === 'change') {
        // The server sends messages with the xid of the top-level transaction.
        const sub = action.relation && open.at(-1)?.[0];
        this.steps.push({ ...action, xid: sub ?? this.xid });
      } else if (action.kind === 'savepoint') {
        open.push([++last]);
      } else {
        const ended = open.pop() ?? [];
        if (action.kind === 'release') open.at(-1)?.push(...ended);
        else {
          for (const subxid of ended) {
            aborted.add(subxid);
            this.steps.push({ kind: 'abort', subxid });
          }
        }
      }
    }
    return aborted;
  }

  #describe(table: Buffer, described: Map<number, string>): void {
    const [oid, key] = [table.readUInt32BE(1), table.toString('latin1')];
    if (described.get(oid) !== key) this.kept.push(table);
    described.set(oid, key);
  }
}

/** A stream, and the same transactions as wholes, in the order in which they end. */
export interface RandomStream {
  readonly payloads: readonly Buffer[];
  readonly whole: readonly Buffer[];
  /** The end LSN of the last one. */
  readonly endLsn: bigint;
}

export function randomStream(all: readonly Script[], turns: Turns): RandomStream {
  const payloads: Buffer[] = [];
  const whole: Buffer[] = [];
  const running = all.map((script, i) => new Transaction(script, 1000 * (i + 1)));
  const prepared: Transaction[] = [];
  let endLsn = 0x1000n;

  const end = (transaction: Transaction): void => {
    const { script, xid, kept } = transaction;
    const fields = {
      xid,
      gid: `gid ${xid}`,
      commitLsn: endLsn + 0x20n,
      prepareLsn: endLsn + 0x20n,
      endLsn: endLsn + 0x50n,
    };
    const isPrepare = script.end === 'prepare';
    const pieces = isPrepare
      ? [buildBeginPrepare(fields), ...kept, buildPrepare(fields)]
      : [buildBegin(fields), ...kept, buildCommit(fields)];
    if (script.end === 'abort') {
      if (script.streamed) payloads.push(buildStreamAbort({ xid }));
      return;
    }
    if (!script.streamed) payloads.push(...pieces);
    else payloads.push(isPrepare ? buildStreamPrepare(fields) : buildStreamCommit(fields));
    whole.push(...pieces);
    if (isPrepare) prepared.push(transaction);
    ({ endLsn } = fields);
  };

  const finish = ({ xid, script }: Transaction): void => {
    const fields = { xid, gid: `gid ${xid}`, commitLsn: endLsn + 0x20n, endLsn: endLsn + 0x50n };
    const payload = script.after === 'commit' ? buildCommitPrepared(fields) : buildRollbackPrepared(fields);
    payloads.push(payload);
    whole.push(payload);
    ({ endLsn } = fields);
  };

  const step = (pick: number, count: number): void => {
    const one = [...running, ...prepared][pick % (running.length + prepared.length)];
    if (!one) return;
    if (prepared.includes(one)) {
      prepared.splice(prepared.indexOf(one), 1);
      finish(one);
      return;
    }
    if (one.script.streamed) payloads.push(...one.take(count));
    if (one.script.streamed && (one.at < one.steps.length || !one.started)) return;
    running.splice(running.indexOf(one), 1);
    end(one);
  };

  for (const [pick, count] of turns) step(pick, count);
  while (running.length + prepared.length > 0) step(0, 5);
  return { payloads, whole, endLsn };
}
