import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { Subject } from 'rxjs';
import { transactions } from '../../../lib/operators/transactions/transactions';
import { InsertMessage } from '../../../lib/pgoutput/messages/change-messages';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import type { AnyReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import type { TableLimits } from '../../../lib/pgoutput/decode/relations';
import { defaultTypes } from '../../../lib/pgoutput/values/values';
import {
  buildBegin,
  buildCommit,
  insertXid,
  buildInsert,
  buildRelation,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamStart,
  buildStreamStop,
  buildType,
} from '../../../lib/testing/payloads';
import { record } from '../../support/streaming';
import { captureError } from '../../support/capture-error';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const COLUMNS = ['id', 'name', 'created_at', 'updated_at', 'amount', 'note'];

function decoderWith(limits?: TableLimits, check?: () => void) {
  const decoder = new PgoutputDecoder(defaultTypes, { ...(limits && { limits }), check });
  return (...payloads: readonly Buffer[]) => payloads.map((payload) => decoder.decode(payload, 0, payload.length));
}

describe('tables that were described and are not used again', () => {
  const ids = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

  /** The bytes of the heap for each additional table, once there are many. */
  function bytesPerTable(payloadsOf: (id: number) => readonly Buffer[], limits?: TableLimits): number {
    const decode = decoderWith(limits);
    const heap = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const describe = (id: number): void => void decode(buildBegin(), ...payloadsOf(id), buildCommit());
    for (const id of ids(20_000, 4000)) describe(id);
    const before = heap();
    for (const id of ids(30_000, 8000)) describe(id);
    const bytes = (heap() - before) / 8000;
    // Keeps a reference to the decoder.
    expect(
      decode(buildBegin(), buildRelation({ oid: 1, columns: ['a'] }), buildInsert(['1'], 1), buildCommit()),
    ).toHaveLength(4);
    return bytes;
  }

  const table = (oid: number): Buffer[] => [
    buildRelation({ oid, name: `partition_${oid}`, columns: COLUMNS }),
    buildInsert(
      COLUMNS.map(() => 'x'),
      oid,
    ),
  ];

  it('take a fraction of the memory of those in use', () => {
    expect(bytesPerTable(table)).toBeLessThan(1000);
  });

  it('take no memory beyond a limit', () => {
    expect(bytesPerTable(table, { columns: 100, bytes: 100_000 })).toBeLessThan(50);
  });

  it('take no memory for the names of types', () => {
    const typed = (oid: number): Buffer[] => [
      buildType(oid + 100_000, `type_${oid}`),
      buildRelation({ oid, columns: [{ name: 'a', typeOid: oid + 100_000 }] }),
    ];
    expect(bytesPerTable(typed, { columns: 100, bytes: 100_000 })).toBeLessThan(50);
  });
});

describe('a table that was evicted while others were in use', () => {
  const described = [1, 2, 3].map((oid) => buildRelation({ oid, name: `t${oid}`, columns: [`c${oid}`] }));

  it('is compiled again for its next change, and is not checked again', () => {
    const check = jest.fn();
    const decode = decoderWith({ columns: 1, bytes: Infinity }, check);
    const messages = decode(
      buildBegin(),
      ...described,
      buildInsert(['x'], 1),
      buildInsert(['y'], 2),
      buildInsert(['z'], 1),
      buildCommit(),
    );
    expect(messages.flatMap((message) => (message instanceof InsertMessage ? [message] : []))).toMatchObject([
      { table: 't1', new: { c1: 'x' } },
      { table: 't2', new: { c2: 'y' } },
      { table: 't1', new: { c1: 'z' } },
    ]);
    const [, , second, , first] = messages;
    expect(second).toMatchObject({ kind: 'relation', name: 't2' });
    expect(first).toMatchObject({ relation: { oid: 1, name: 't1', columns: [{ name: 'c1' }] } });
    expect(check).toHaveBeenCalledTimes(3);
  });

  it('keeps its domains, whose types are not sent again', () => {
    const decode = decoderWith({ columns: 1, bytes: Infinity });
    const domain = [
      buildType(20_001, 'int4', 'pg_catalog'),
      buildRelation({ oid: 9, columns: [{ name: 'd', typeOid: 20_001 }] }),
    ];
    const others = Array.from({ length: 3000 }, (_, i) => buildType(30_000 + i, `other_${i}`));
    expect(decode(buildBegin(), ...domain, ...others, ...described, buildInsert(['42'], 9)).at(-1)).toMatchObject({
      new: { d: 42 },
    });
  });

  it('beyond the limit of descriptions ends the stream with a retryable error', () => {
    const decode = decoderWith({ columns: 100, bytes: 1000 });
    decode(buildBegin(), ...Array.from({ length: 20 }, (_, i) => buildRelation({ oid: i + 1, columns: ['a'] })));
    expect(decode(buildInsert(['1'], 20))).toMatchObject([{ new: { a: '1' } }]);
    const error = captureError(() => decode(buildInsert(['1'], 1)));
    expect(error).toMatchObject({ code: 'RELATION_FORGOTTEN', retryable: true });
    expect(String(error)).toMatch(/Insert message: .* OID 1 was evicted.* Subscribe again/);
  });

  it('is not the one that was used last', () => {
    const decode = decoderWith({ columns: 100, bytes: 2000 });
    decode(buildBegin(), buildRelation({ oid: 1, columns: ['a'] }));
    for (let oid = 2; oid < 100; oid++) {
      decode(buildRelation({ oid, columns: ['b'] }));
      expect(decode(buildInsert(['1'], 1))).toMatchObject([{ new: { a: '1' } }]);
    }
  });
});

/** A step of a server: a description or a change of a table, in a whole transaction or in a block. */
interface Step {
  readonly what: 'whole' | 'block' | 'commit' | 'abort' | 'abortPart';
  readonly oid: number;
  readonly xid: number;
  readonly form: number;
  readonly describes: boolean;
}

/** Tables with the same number of columns, so that a mix-up is not detected by the count. */
const FORMS = [['a'], ['b'], ['a', 'b'], ['b', 'a'], ['a', 'c']] as const;

interface Form {
  readonly columns: readonly string[];
  readonly order: number;
}

/** The payloads of some steps, with the expected row of each insert. */
function script(steps: readonly Step[]): { readonly payload: Buffer; readonly row?: Record<string, string> }[] {
  const committed = new Map<number, Form>();
  const streams = new Map<number, Map<number, Form>>();
  const sent: { payload: Buffer; row?: Record<string, string> }[] = [];
  let order = 0;
  const change = ({ oid, form, describes }: Step, own: Map<number, Form>, wrap: (payload: Buffer) => Buffer): void => {
    let seen = own.get(oid) ?? committed.get(oid);
    if (!seen || describes) {
      seen = { columns: FORMS[form % FORMS.length] ?? [], order: order++ };
      own.set(oid, seen);
      sent.push({ payload: wrap(buildRelation({ oid, name: `t${oid}`, columns: seen.columns })) });
    }
    const values = seen.columns.map((name) => `${name}${sent.length}`);
    const row = Object.fromEntries(seen.columns.map((name, i) => [name, values[i] ?? '']));
    sent.push({ payload: wrap(buildInsert(values, oid)), row });
  };
  for (const step of steps) {
    const { what, xid } = step;
    const stream = streams.get(xid);
    if (what === 'whole') {
      sent.push({ payload: buildBegin() });
      change(step, committed, (payload) => payload);
      sent.push({ payload: buildCommit() });
    } else if (what === 'block') {
      sent.push({ payload: buildStreamStart({ xid, first: !stream }) });
      const own = stream ?? new Map<number, Form>();
      streams.set(xid, own);
      change(step, own, (payload) => insertXid(xid, payload));
      sent.push({ payload: buildStreamStop() });
    } else if (stream && what === 'commit') {
      streams.delete(xid);
      for (const [oid, form] of stream) if ((committed.get(oid)?.order ?? -1) < form.order) committed.set(oid, form);
      sent.push({ payload: buildStreamCommit({ xid }) });
    } else if (stream) {
      if (what === 'abort') streams.delete(xid);
      sent.push({ payload: buildStreamAbort({ xid, subxid: what === 'abort' ? xid : xid + 1000 }) });
    }
  }
  return sent;
}

const steps = fc.array(
  fc.record<Step>({
    what: fc.constantFrom('whole', 'whole', 'block', 'block', 'block', 'commit', 'abort', 'abortPart'),
    oid: fc.integer({ min: 1, max: 6 }),
    xid: fc.integer({ min: 1, max: 3 }),
    form: fc.nat(FORMS.length - 1),
    describes: fc.boolean(),
  }),
  { maxLength: 60 },
);

/** Decodes a script, and compares each row, including those of transactions(). */
function play(all: readonly Step[], limits: TableLimits): unknown {
  const decode = decoderWith(limits);
  const source = new Subject<AnyReplicationMessage>();
  const { values } = record(source.pipe(transactions()));
  const expected = new Map<number, Record<string, string>[]>();
  for (const { payload, row } of script(all)) {
    let message: AnyReplicationMessage | undefined;
    try {
      [message] = decode(payload);
    } catch (error) {
      return error;
    }
    if (message instanceof InsertMessage) {
      expect(message.new).toStrictEqual(row);
      expect(message.relation.columns.map(({ name }) => name)).toEqual(Object.keys(row ?? {}));
      const xid = message.xid ?? 700;
      expected.set(xid, [...(expected.get(xid) ?? []), row ?? {}]);
    }
    if (message?.kind === 'streamAbort' && message.xid === message.subxid) expected.delete(message.xid);
    if (message) source.next(message);
    const unit = values.pop();
    if (!unit || !('changes' in unit)) continue;
    expect(unit.changes.map((change) => 'new' in change && change.new)).toEqual(expected.get(unit.xid));
    expected.delete(unit.xid);
  }
  return undefined;
}

describe('random tables that are described again, also in open transactions', () => {
  it('are decoded by the description at the time, however few are compiled', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 12 }), (all, columns) => {
        expect(play(all, { columns, bytes: Infinity })).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('are decoded by the description at the time, or not at all, however few are kept', () => {
    let forgotten = 0;
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 1500 }), (all, bytes) => {
        const error = play(all, { columns: 4, bytes });
        if (error === undefined) return;
        expect(error).toMatchObject({ code: 'RELATION_FORGOTTEN' });
        forgotten++;
      }),
      { numRuns: 300 },
    );
    expect(forgotten).toBeGreaterThan(0);
  });
});
