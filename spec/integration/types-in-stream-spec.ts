import type { Client } from 'pg';
import { filter, lastValueFrom, map, mergeMap, tap, toArray } from 'rxjs';
import { logicalReplication, ofTable, reconnect, stopAtLsn, transactions, type PgoutputConfig } from '../../lib/index';
import { uniqueName } from '../support/server';
import { connectionOf, STREAMED } from './support/streamed';
import { TestBed, waitUntil, Recorder } from './support/bed';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make(
    'types',
    `CREATE TYPE mood AS ENUM ('sad', 'ok');
     CREATE DOMAIN positive AS int CHECK (VALUE > 0);
     CREATE TYPE address AS (street text, no int);
     CREATE TABLE known (id int PRIMARY KEY, m mood, ms mood[], ds positive[], a address, many address[]);
     CREATE PUBLICATION pub FOR ALL TABLES`,
  );
});

afterAll(() => bed.drop());

const ROW = `'ok', '{sad,NULL}', '{1,2}', '("Elm Street",7)', '{"(Oak,8)","(,)"}'`;

/** The next inserted row, as a stream with these options emits it. */
async function read(more: Partial<PgoutputConfig>): Promise<unknown> {
  const slot = await bed.slot();
  await bed.sql(`TRUNCATE known; INSERT INTO known VALUES (1, ${ROW})`);
  const end = await bed.position();
  const rows = await lastValueFrom(
    bed.stream(slot, more).pipe(
      stopAtLsn(end),
      tap((message) => message.ack()),
      filter((message) => message.kind === 'insert'),
      map((message) => message.new),
      toArray(),
    ),
  );
  return rows[0];
}

describe.each([false, true])('types that are not built in, with binary: %s', (binary) => {
  it('are looked up at the start of the stream', async () => {
    expect(await read({ binary })).toEqual({
      id: 1,
      m: 'ok',
      ms: ['sad', null],
      ds: [1, 2],
      a: '("Elm Street",7)',
      many: ['(Oak,8)', '(,)'],
    });
  });

  it('are objects if they are composites and objects are requested', async () => {
    expect(await read({ binary, composites: true })).toMatchObject({
      a: { street: 'Elm Street', no: 7 },
      many: [
        { street: 'Oak', no: 8 },
        { street: null, no: null },
      ],
    });
  });
});

it('stay text without a lookup', async () => {
  expect(await read({ lookUpTypes: false })).toEqual({
    id: 1,
    m: 'ok',
    ms: '{sad,NULL}',
    ds: '{1,2}',
    a: '("Elm Street",7)',
    many: '{"(Oak,8)","(,)"}',
  });
});

it('cannot be decoded in binary without a lookup, and the error says so', async () => {
  await expect(read({ lookUpTypes: false, binary: true })).rejects.toMatchObject({
    code: 'VALUE_DECODE_FAILED',
    message: expect.stringMatching(
      /Column m of known .* in an unknown binary format.* lookUpTypes: true, or without binary/,
    ),
  });
});

it('are looked up over another, ordinary connection when they occur during the stream', async () => {
  const slot = await bed.slot();
  const name = uniqueName('late');
  const rows: unknown[] = [];
  const subscription = logicalReplication(bed.config(slot))
    .pipe(ofTable(name))
    .subscribe((change) => {
      change.ack();
      if (change.kind === 'insert') rows.push(change.new);
    });
  try {
    const streaming = 'SELECT active FROM pg_replication_slots WHERE slot_name = $1';
    await waitUntil(
      () => bed.sql<{ active: boolean }>(streaming, [slot]),
      ([row]) => row?.active === true,
    );
    await bed.sql(
      `CREATE TYPE ${name}_hue AS ENUM ('red', 'blue'); CREATE TABLE ${name} (id int PRIMARY KEY, h ${name}_hue[])`,
    );
    await bed.sql(`INSERT INTO ${name} VALUES (1, '{red}'), (2, '{blue,red}')`);
    await waitUntil(
      () => Promise.resolve(rows.length),
      (count) => count === 2,
    );
    expect(rows).toEqual([
      { id: 1, h: ['red'] },
      { id: 2, h: ['blue', 'red'] },
    ]);
  } finally {
    subscription.unsubscribe();
  }
});

it.each([false, true])(
  'keep their values when a composite is altered during the stream, binary: %s',
  async (binary) => {
    const slot = await bed.slot();
    const name = uniqueName('altered');
    await bed.sql(
      `CREATE TYPE ${name}_pair AS (a int, b int); CREATE TABLE ${name} (id int PRIMARY KEY, p ${name}_pair)`,
    );
    const rows: unknown[] = [];
    const subscription = logicalReplication({ ...bed.config(slot), composites: true, binary })
      .pipe(ofTable(name))
      .subscribe((change) => {
        change.ack();
        if (change.kind === 'insert') rows.push(change.new['p']);
      });
    const sees = (count: number) =>
      waitUntil(
        () => Promise.resolve(rows.length),
        (seen) => seen === count,
      );
    try {
      await bed.sql(`INSERT INTO ${name} VALUES (1, '(1,2)')`);
      await sees(1);
      await bed.sql(`ALTER TYPE ${name}_pair ADD ATTRIBUTE c int`);
      await bed.sql(`INSERT INTO ${name} VALUES (2, '(1,2,3)')`);
      await sees(2);
      await bed.sql(
        `CREATE TYPE ${name}_hue AS ENUM ('red', 'blue'); ALTER TYPE ${name}_pair ADD ATTRIBUTE h ${name}_hue[]`,
      );
      await bed.sql(`INSERT INTO ${name} VALUES (3, '(1,2,3,"{red,NULL}")')`);
      await sees(3);
      expect(rows).toEqual([
        { a: 1, b: 2 },
        { a: 1, b: 2, c: 3 },
        { a: 1, b: 2, c: 3, h: ['red', null] },
      ]);
    } finally {
      subscription.unsubscribe();
    }
  },
);

describe('a type that is created within a streamed transaction', () => {
  /** Creates a type and a table, writes enough rows to be streamed, and leaves the transaction open. */
  async function begun(name: string): Promise<Client> {
    const client = await bed.database.client();
    await client.query(`BEGIN; CREATE TYPE ${name}_hue AS ENUM ('red', 'blue');
      CREATE TABLE ${name} (id int PRIMARY KEY, h ${name}_hue[], pad text);
      INSERT INTO ${name} SELECT i, '{red,blue}', repeat('x', 200) FROM generate_series(1, 3000) AS i`);
    return client;
  }

  const config = (slot: string, binary: boolean) => ({
    ...bed.config(slot),
    connection: connectionOf(bed, STREAMED),
    streaming: 'on' as const,
    binary,
  });

  it.each(['COMMIT', 'PREPARE'])('is decoded from its %s on, including earlier values', async (end) => {
    // Before 15, a prepared transaction is sent when it is committed.
    const twoPhase = end === 'PREPARE' && bed.server.version >= 15;
    const slot = await bed.slot();
    const name = uniqueName('open');
    const seen: unknown[] = [];
    const kinds: string[] = [];
    const recorder = new Recorder(
      logicalReplication({ ...config(slot, false), twoPhase }).pipe(
        tap((message) => {
          kinds.push(message.kind);
          if (message.kind === 'insert' && message.commitLsn === undefined) seen.push(message.new['h']);
        }),
        transactions(),
        tap((unit) => unit.ack()),
        mergeMap((unit) => (unit.kind === 'transaction' || unit.kind === 'preparedTransaction' ? [[...unit]] : [])),
        map((changes) => changes.map((change) => (change.kind === 'insert' ? change.new['h'] : change.kind))),
      ),
    );
    const client = await begun(name);
    await waitUntil(
      () => Promise.resolve(seen.length),
      (count) => count > 1000,
    );
    if (!twoPhase) {
      await client.query('COMMIT');
      await client.end();
      const [rows = []] = await recorder.take(1);
      expect([rows.length, new Set(rows.map((row) => JSON.stringify(row)))]).toEqual([
        3000,
        new Set(['["red","blue"]']),
      ]);
    } else {
      // A prepared transaction is still open, so its types are invisible to other sessions.
      await client.query(`PREPARE TRANSACTION '${name}'`);
      await client.end();
      const [rows = []] = await recorder.take(1);
      expect(rows).toEqual(Array.from({ length: 3000 }, () => '{red,blue}'));
      await bed.sql(`COMMIT PREPARED '${name}'`);
    }
    expect(kinds).toContain('streamStart');
    expect(new Set(seen)).toEqual(new Set(['{red,blue}']));
    await bed.sql(`INSERT INTO ${name} VALUES (-1, '{blue}')`);
    const units = await recorder.take(2);
    expect(units[1]).toEqual([['blue']]);
    recorder.unsubscribe();
  });

  it('is text only within a transaction that is rolled back, if another one creates the type again', async () => {
    const slot = await bed.slot();
    const name = uniqueName('again');
    const recorder = new Recorder(logicalReplication(config(slot, false)).pipe(tap((message) => message.ack())));
    for (const end of ['ROLLBACK', 'COMMIT']) {
      const client = await begun(name);
      await recorder.find((message) => message.kind === 'insert' && message.table === name);
      await client.query(end);
      await client.end();
    }
    await recorder.find((message) => message.kind === 'streamAbort');
    await bed.sql(`INSERT INTO ${name} VALUES (-1, '{blue}')`);
    const last = await recorder.find((message) => message.kind === 'insert' && message.new['id'] === -1);
    expect(last).toMatchObject({ new: { h: ['blue'] } });
    recorder.unsubscribe();
  });

  it('ends the stream in binary, which can be resumed after the commit', async () => {
    const slot = await bed.slot();
    const name = uniqueName('binary');
    const client = await begun(name);
    const failure = await lastValueFrom(logicalReplication(config(slot, true))).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({
      code: 'VALUE_DECODE_FAILED',
      retryable: true,
      remedy: expect.stringMatching(/subscribe again after the commit/),
    });
    const recorder = new Recorder(
      logicalReplication(config(slot, true)).pipe(
        transactions(),
        tap((tx) => tx.ack()),
        map((tx) => [...tx].map((change) => (change.kind === 'insert' ? change.new['h'] : change.kind))),
        reconnect(),
      ),
    );
    await client.query('COMMIT');
    await client.end();
    const [rows = []] = await recorder.take(1);
    expect([rows.length, rows[0]]).toEqual([3000, ['red', 'blue']]);
    recorder.unsubscribe();
  });
});
