import { of } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  transactions,
  type CommitMessage,
  type Lsn,
  type PgoutputConfig,
  type Transaction,
} from '../../lib/index';
import { TestBed, waitUntil, Gate, ofKind, Recorder } from '../integration/support/bed';
import { buildKeepalive } from '../../lib/testing/backend-messages';
import { getFlushPosition, streamedType } from '../support/frame-splitter';
import { FaultProxy } from '../support/proxy';

const TRANSACTIONS = [[1, 2, 3], [4], [5, 6]];
/** The messages of the three transactions. */
const MESSAGES = ['B', 'R', 'I', 'I', 'I', 'C', 'B', 'I', 'C', 'B', 'I', 'I', 'C'];
/** An LSN beyond everything that the server writes. */
const FAR = 1n << 40n;

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('keepalive', 'CREATE TABLE numbers (id int); CREATE PUBLICATION pub FOR TABLE numbers');
});

afterEach(() => HeldStream.endAll());

afterAll(() => bed.drop());

async function commitAll(): Promise<void> {
  for (const ids of TRANSACTIONS) await bed.sql(`INSERT INTO numbers VALUES ${ids.map((id) => `(${id})`).join(', ')}`);
}

/** The keepalive that is inserted before the server's message of this number, or after the last one. */
type Injection = (point: number) => readonly Buffer[];

/** A stream of three transactions whose work is all running, and the positions that it reports as flushed. */
class HeldStream {
  readonly flushes: Lsn[] = [];
  readonly works: { readonly tx: Transaction; readonly finish: () => void }[] = [];
  readonly messages: string[] = [];
  readonly #proxy: FaultProxy;
  readonly #recorder: Recorder<unknown>;

  private constructor(proxy: FaultProxy, slot: string, inject: Injection, more: Partial<PgoutputConfig>) {
    this.#proxy = proxy;
    proxy.filter = (frame, from) => {
      if (from === 'client') {
        const flush = getFlushPosition(frame);
        if (flush !== undefined) this.flushes.push(flush);
        return frame;
      }
      const type = streamedType(frame);
      // The server's own keepalives would interfere with the inserted ones.
      if (type === 'k') return [];
      if (type === undefined) return frame;
      const before = inject(this.messages.length);
      const isLast = this.messages.push(type) === MESSAGES.length;
      return [...before, frame, ...(isLast ? inject(MESSAGES.length) : [])];
    };
    const connection = proxy.through(bed.database.url);
    const config = { connection, slot, publications: ['pub'], statusInterval: 20, ...more };
    this.#recorder = new Recorder(
      logicalReplication(config).pipe(
        transactions(),
        ackAfter(async (tx) => {
          if (tx.kind === 'progress') return;
          const gate = new Gate();
          this.works.push({ tx, finish: gate.open });
          await gate.opened;
        }, 10),
      ),
    );
  }

  /** Resources of a case, released even if it fails. */
  static async endAll(): Promise<void> {
    for (const held of HeldStream.#open) await held.#close();
  }

  static readonly #open = new Set<HeldStream>();

  /** Resolves when the work of all transactions is running. */
  static async start(slot: string, inject: Injection, more: Partial<PgoutputConfig> = {}): Promise<HeldStream> {
    const held = new HeldStream(await FaultProxy.before(bed.database.url), slot, inject, more);
    HeldStream.#open.add(held);
    await waitUntil(
      () => Promise.resolve(held.works.length),
      (count) => count === TRANSACTIONS.length,
    );
    await held.updates(3);
    return held;
  }

  /** Resolves after this number of further status updates. */
  async updates(count: number): Promise<void> {
    const { length } = this.flushes;
    await waitUntil(
      () => Promise.resolve(this.flushes.length),
      (now) => now >= length + count,
    );
  }

  /** Resolves when this position has been reported, and verifies that nothing higher was. */
  async reports(lsn: Lsn): Promise<void> {
    await waitUntil(
      () => Promise.resolve(this.furthest),
      (furthest) => furthest >= lsn,
    );
    expect(this.furthest).toBe(lsn);
  }

  /** The highest position ever reported. */
  get furthest(): Lsn {
    return this.flushes.reduce((most, flush) => (flush > most ? flush : most), 0n);
  }

  async end(slot: string): Promise<void> {
    this.#recorder.unsubscribe();
    await bed.released(slot);
    await this.#close();
  }

  async #close(): Promise<void> {
    HeldStream.#open.delete(this);
    this.#recorder.unsubscribe();
    await this.#proxy.close();
  }
}

/** The end LSNs of the three transactions, and slots created before them. */
async function withSlots(count: number): Promise<{ slots: string[]; commits: CommitMessage[]; end: Lsn }> {
  const slots: string[] = [];
  for (let i = 0; i <= count; i++) slots.push(await bed.slot());
  await commitAll();
  const end = await bed.position();
  return { slots, commits: ofKind(await bed.readTo(slots.pop()!, end), 'commit'), end };
}

describe.each([
  ['the slot owns the position', {}],
  ['the consumer owns the position', { startLsn: () => of(null) }],
])('while work is running, and %s,', (_, more: Partial<PgoutputConfig>) => {
  it('a keepalive at any point confirms nothing unfinished, and is confirmed when everything before it is done', async () => {
    const { slots, commits, end } = await withSlots(MESSAGES.length + 1);
    const streams = await Promise.all(
      slots.map(async (slot, point) => {
        // The highest position that the server could send here: everything that commits before it has been sent.
        const sent = MESSAGES.slice(0, point).filter((type) => type === 'C').length;
        const walEnd = commits[sent]?.commitLsn ?? end;
        const held = await HeldStream.start(slot, (at) => (at === point ? [buildKeepalive(walEnd, true)] : []), more);
        expect(held.messages).toEqual(MESSAGES);
        const [first, second, third] = held.works;
        // In a different order than they were delivered.
        for (const [work, unfinished] of [
          [second, first],
          [third, first],
          [first, undefined],
        ]) {
          work!.finish();
          await held.updates(2);
          if (unfinished) expect(held.furthest).toBeLessThanOrEqual(unfinished.tx.commitLsn);
        }
        const last = commits.at(-1)!.endLsn;
        await held.reports(walEnd > last ? walEnd : last);
        return { held, slot };
      }),
    );
    for (const { held, slot } of streams) await held.end(slot);
  });

  it('keepalives far ahead at every point leave the slot before the oldest unfinished transaction', async () => {
    const { slots, commits } = await withSlots(1);
    const slot = slots[0]!;
    const held = await HeldStream.start(slot, (at) => (at === 0 ? [] : [buildKeepalive(FAR, at % 2 === 0)]), more);
    held.works[1]!.finish();
    held.works[2]!.finish();
    await held.updates(5);
    await held.end(slot);
    expect(held.messages).toEqual(MESSAGES);
    expect(held.furthest).toBeLessThanOrEqual(commits[0]!.commitLsn);
    expect(await bed.confirmed(slot)).toBeLessThanOrEqual(commits[0]!.commitLsn);
    expect(ofKind(await bed.readTo(slot, await bed.position()), 'commit')).toHaveLength(TRANSACTIONS.length);
  });
});
