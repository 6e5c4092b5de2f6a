import {
  firstValueFrom,
  map,
  ReplaySubject,
  Subject,
  take,
  takeWhile,
  tap,
  toArray,
  type MonoTypeOperatorFunction,
  type Observable,
  type Subscription,
} from 'rxjs';
import {
  ackAfter,
  stopAtLsn,
  stopOn,
  transactions,
  type Lsn,
  type ReplicationMessage,
  type Transaction,
} from '../../lib/index';
import { NUMBERS, Observed, Proxy, range } from './support/life';
import { TestBed, Gate, Recorder } from './support/bed';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('endings', NUMBERS);
});

afterAll(() => bed.drop());

const nothing = (): void => undefined;

const idOf = (tx: Transaction): number => {
  const [change] = tx.changes;
  return change?.kind === 'insert' ? Number(change.new['id']) : NaN;
};

const insert = async (ids: number[]): Promise<void> => {
  for (const id of ids) await bed.sql('INSERT INTO numbers VALUES ($1)', [id]);
};

/** The ids that a stream delivers up to this one, without acknowledging them. */
const idsUpTo = (last: number, source: Observable<ReplicationMessage>): Promise<number[]> =>
  firstValueFrom(
    source.pipe(
      transactions(),
      map(idOf),
      takeWhile((id) => id !== last, true),
      toArray(),
    ),
  );

interface Ending {
  /** Before `transactions()`. */
  readonly flat?: (end: {
    readonly lsn: Lsn;
    readonly notifier: Observable<void>;
  }) => MonoTypeOperatorFunction<ReplicationMessage>;
  /** After it. */
  readonly grouped?: MonoTypeOperatorFunction<Transaction>;
  /** After the third transaction has been acknowledged. */
  readonly then?: (subscription: Subscription, slot: string) => Promise<void> | void;
}

const ENDINGS: Readonly<Record<string, Ending>> = {
  unsubscribe: { then: (subscription) => subscription.unsubscribe() },
  'take(3)': { grouped: take(3) },
  stopAtLsn: { flat: ({ lsn }) => stopAtLsn(lsn) },
  stopOn: { flat: ({ notifier }) => stopOn(notifier) },
  'an error of the subscriber': {
    grouped: tap((tx) => {
      if (idOf(tx) % 10 === 3) throw new Error('enough');
    }),
  },
  'an error of the server': {
    then: async (_, slot) => {
      await bed.sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [slot]);
    },
  },
};

describe.each(Object.entries(ENDINGS))('ending by %s', (name, { flat, grouped, then }) => {
  const base = Object.keys(ENDINGS).indexOf(name) * 10;

  it('leaves the slot free at the last reported position, and both kinds of next subscription resume there', async () => {
    const slot = await bed.slot();
    await insert(range(base + 1, base + 3));
    const lsn = await bed.position();
    await insert(range(base + 4, base + 6));

    const observed = new Observed();
    const stream = bed.stream(slot, observed.observers);
    const notifier = new Subject<void>();
    const delivered: Transaction[] = [];
    const three = new Gate();
    const subscription = stream
      .pipe(
        flat?.({ lsn, notifier }) ?? tap(),
        transactions(),
        tap((tx) => {
          delivered.push(tx);
          if (delivered.length <= 3) tx.ack();
          if (delivered.length === 3) {
            three.open();
            if (name === 'stopOn') notifier.next();
          }
        }),
        grouped ?? tap(),
      )
      .subscribe({ error: nothing });
    await three.opened;
    const third = delivered[2]!;
    if (name === 'an error of the server') await bed.confirmedAtLeast(slot, third.endLsn);
    await then?.(subscription, slot);
    const { confirmedLsn } = await observed.closed();

    expect(delivered.slice(0, 3).map(idOf)).toEqual(range(base + 1, base + 3));
    expect(observed.reported).toBe(confirmedLsn);
    expect(confirmedLsn).toBeGreaterThanOrEqual(third.endLsn);
    if (name.startsWith('an error')) await bed.released(slot);
    const [row] = await bed.sql<{ active: boolean }>('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [
      slot,
    ]);
    expect(row).toEqual({ active: false });
    expect(await bed.confirmed(slot)).toBe(confirmedLsn);

    await insert([base + 7]);
    const rest = range(base + 4, base + 7);
    expect(await idsUpTo(base + 7, stream)).toEqual(rest);
    expect((await observed.closed(2)).confirmedLsn).toBeLessThan(third.endLsn + 0x10000n);
    expect(await idsUpTo(base + 7, bed.stream(slot))).toEqual(rest);
  });
});

describe('take(1)', () => {
  it('emits exactly one message and releases the slot', async () => {
    const slot = await bed.slot();
    await bed.sql('INSERT INTO numbers SELECT 1000 + g FROM generate_series(1, 500) g');
    const observed = new Observed();
    let delivered = 0;
    await firstValueFrom(bed.stream(slot, observed.observers).pipe(tap(() => delivered++)));
    await observed.closed();
    expect(delivered).toBe(1);
    expect(await bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot])).toEqual([]);
  });
});

describe('a graceful stop', () => {
  it('lets the running work for four transactions finish and confirms it, and the slot is free on completion', async () => {
    const slot = await bed.slot();
    await insert(range(2001, 2010));
    const observed = new Observed();
    const asked = new ReplaySubject<void>(1);
    const gates = new Map<number, Gate>();
    const log: string[] = [];
    let confirmed = 0n;
    const four = new Gate();

    const done = new Promise<void>((resolve, reject) => {
      bed
        .stream(slot, observed.observers)
        .pipe(
          stopOn<ReplicationMessage>(asked),
          transactions(),
          // At most four are delivered before the stop.
          tap((tx) => {
            if (idOf(tx) === 2004) asked.next();
          }),
          ackAfter(async (tx) => {
            const gate = new Gate();
            gates.set(idOf(tx), gate);
            if (gates.size === 4) four.open();
            await gate.opened;
            log.push(`done ${idOf(tx)}`);
            if (tx.endLsn > confirmed) confirmed = tx.endLsn;
          }, 4),
        )
        .subscribe({
          error: reject,
          complete: () => {
            log.push('complete');
            resolve();
          },
        });
    });

    await four.opened;
    expect([...gates.keys()]).toEqual(range(2001, 2004));
    for (const id of [2003, 2001, 2004, 2002]) gates.get(id)!.open();
    await done;

    expect(log).toEqual(['done 2003', 'done 2001', 'done 2004', 'done 2002', 'complete']);
    const [row] = await bed.sql<{ active: boolean }>('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [
      slot,
    ]);
    expect(row).toEqual({ active: false });
    expect(await bed.confirmed(slot)).toBe(confirmed);
    expect(await idsUpTo(2010, bed.stream(slot))).toEqual(range(2005, 2010));
  });
});

describe('an acknowledgement that was not reported', () => {
  it('is not redelivered by the same observable, and is by a new one', async () => {
    const slot = await bed.slot();
    await insert(range(3001, 3004));
    const proxy = await Proxy.before(bed.database.url);
    const stream = bed.stream(slot, {
      connection: { connectionString: bed.database.url, host: '127.0.0.1', port: proxy.port },
    });
    const recorder = new Recorder(stream.pipe(transactions()));
    const delivered = await recorder.take(4);

    proxy.discardClientData();
    expect(delivered.slice(0, 2).map((tx) => tx.ack())).toEqual([true, true]);
    proxy.cut();
    await expect(recorder.completed()).rejects.toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
    expect(delivered.slice(2).map((tx) => tx.ack())).toEqual([false, false]);

    await bed.released(slot);
    await insert([3005]);
    expect(await idsUpTo(3005, stream)).toEqual(range(3003, 3005));
    await bed.released(slot);
    await proxy.close();
  });
});
