import { formatLsn, transactions, type ReplicationMessage } from '../../lib/index';
import { uniqueName } from '../support/server';
import { TestBed, listKinds, ofKind, Recorder } from './support/bed';

const LONG = 'b'.repeat(10_000);

describe('messages from a real server', () => {
  let bed: TestBed;

  beforeAll(async () => {
    bed = await TestBed.make(
      'messages',
      `CREATE TYPE mood AS ENUM ('sad', 'happy');
       CREATE TABLE users (id int PRIMARY KEY, name text, bio text);
       ALTER TABLE users ALTER bio SET STORAGE EXTERNAL;
       CREATE TABLE whole (id int PRIMARY KEY, name text, bio text);
       ALTER TABLE whole REPLICA IDENTITY FULL, ALTER bio SET STORAGE EXTERNAL;
       CREATE TABLE moods (id int PRIMARY KEY, mood mood);
       CREATE SCHEMA billing;
       CREATE TABLE billing.invoices (id int PRIMARY KEY, amount numeric(10, 2));
       CREATE TABLE parents (id serial PRIMARY KEY);
       CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents);
       CREATE TABLE unpublished (id int);
       CREATE TABLE regions (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
       CREATE TABLE regions_eu PARTITION OF regions FOR VALUES IN ('eu');
       CREATE TABLE regions_us PARTITION OF regions FOR VALUES IN ('us');
       CREATE PUBLICATION pub FOR TABLE users, whole, moods, billing.invoices, parents, children;
       CREATE PUBLICATION leaves FOR TABLE regions;
       CREATE PUBLICATION root FOR TABLE regions WITH (publish_via_partition_root);`,
    );
  });

  afterAll(() => bed.drop());

  it('puts a transaction between begin and commit, and a relation before its first change', async () => {
    const before = Date.now();
    const messages = await bed.messagesOf(() =>
      bed.transaction("INSERT INTO users VALUES (1, 'Ann')", "INSERT INTO users VALUES (2, NULL, 'x')"),
    );

    expect(listKinds(messages)).toEqual(['begin', 'relation', 'insert', 'insert', 'commit']);
    const [begin] = ofKind(messages, 'begin');
    const [commit] = ofKind(messages, 'commit');
    const [relation] = ofKind(messages, 'relation');
    const [first, second] = ofKind(messages, 'insert');
    expect(commit!.commitLsn).toBe(begin!.commitLsn);
    expect(commit!.endLsn).toBeGreaterThan(commit!.commitLsn);
    expect(commit!.commitTime).toEqual(begin!.commitTime);
    expect(begin!.commitTime.getTime()).toBeGreaterThanOrEqual(before - 1);
    expect(begin!.commitTime.getTime()).toBeLessThanOrEqual(Date.now() + 1);
    expect(begin!.xid).toBeGreaterThan(0);
    expect(relation).toMatchObject({
      schema: 'public',
      name: 'users',
      table: 'users',
      replicaIdentity: 'default',
      columns: [
        { name: 'id', key: true, typeOid: 23, typeModifier: -1 },
        { name: 'name', key: false, typeOid: 25, typeModifier: -1 },
        { name: 'bio', key: false, typeOid: 25, typeModifier: -1 },
      ],
    });
    expect(first).toMatchObject({ table: 'users', commitLsn: begin!.commitLsn, ordinal: 0 });
    expect(first!.new).toStrictEqual({ id: 1, name: 'Ann', bio: null });
    expect(first!.relation).toBe(relation);
    expect(second).toMatchObject({ ordinal: 1, new: { id: 2, name: null, bio: 'x' } });
  });

  it('has the key before an update only if the update changed it', async () => {
    await bed.sql("INSERT INTO users VALUES (10, 'Bob')");
    const messages = await bed.messagesOf(async () => {
      await bed.sql("UPDATE users SET name = 'Rob' WHERE id = 10");
      await bed.sql('UPDATE users SET id = 11 WHERE id = 10');
    });

    const [renamed, moved] = ofKind(messages, 'update');
    expect(renamed).toMatchObject({ new: { id: 10, name: 'Rob', bio: null }, key: undefined, old: undefined });
    expect(moved!.new).toStrictEqual({ id: 11, name: 'Rob', bio: null });
    expect(moved!.key).toStrictEqual({ id: 10 });
    expect(moved!.old).toBeUndefined();
  });

  it('omits an unchanged long value, and names the column', async () => {
    await bed.sql('INSERT INTO users VALUES (20, $1, $2)', ['Cay', LONG]);
    const messages = await bed.messagesOf(() => bed.sql("UPDATE users SET name = 'Kay' WHERE id = 20"));

    const [update] = ofKind(messages, 'update');
    expect(update!.new).toStrictEqual({ id: 20, name: 'Kay' });
    expect(update!.unchanged).toEqual(['bio']);
  });

  it('has the whole old row with REPLICA IDENTITY FULL, and fills unchanged long values from it', async () => {
    await bed.sql('INSERT INTO whole VALUES (1, $1, $2)', ['Dee', LONG]);
    const messages = await bed.messagesOf(async () => {
      await bed.sql("UPDATE whole SET name = 'Di' WHERE id = 1");
      await bed.sql('DELETE FROM whole');
    });

    expect(ofKind(messages, 'relation')[0]!.replicaIdentity).toBe('full');
    const [update] = ofKind(messages, 'update');
    expect(update!.new).toStrictEqual({ id: 1, name: 'Di', bio: LONG });
    expect(update!.old).toStrictEqual({ id: 1, name: 'Dee', bio: LONG });
    expect(update!.unchanged).toEqual([]);
    expect(update!.key).toBeUndefined();
    const [deletion] = ofKind(messages, 'delete');
    expect(deletion!.old).toStrictEqual({ id: 1, name: 'Di', bio: LONG });
    expect(deletion!.key).toBeUndefined();
  });

  it('otherwise has only the key of a deleted row', async () => {
    await bed.sql("INSERT INTO users VALUES (30, 'Eve')");
    const [deletion] = ofKind(await bed.messagesOf(() => bed.sql('DELETE FROM users WHERE id = 30')), 'delete');
    expect(deletion!.key).toStrictEqual({ id: 30 });
    expect(deletion!.old).toBeUndefined();
  });

  it('emits a truncate of several tables as one change', async () => {
    const messages = await bed.messagesOf(async () => {
      await bed.sql('TRUNCATE users, billing.invoices, unpublished');
      await bed.sql('TRUNCATE parents RESTART IDENTITY CASCADE');
    });

    const [several, cascade] = ofKind(messages, 'truncate');
    expect(several).toMatchObject({ tables: ['users', 'billing.invoices'], cascade: false, restartIdentity: false });
    expect(several!.relations.map(({ schema, name }) => `${schema}.${name}`)).toEqual([
      'public.users',
      'billing.invoices',
    ]);
    expect(cascade).toMatchObject({ cascade: true, restartIdentity: true });
    expect([...cascade!.tables].sort()).toEqual(['children', 'parents']);
  });

  it('names a table outside public with its schema', async () => {
    const messages = await bed.messagesOf(() => bed.sql('INSERT INTO billing.invoices VALUES (1, 9.5)'));
    expect(ofKind(messages, 'relation')[0]).toMatchObject({
      schema: 'billing',
      name: 'invoices',
      table: 'billing.invoices',
    });
    expect(ofKind(messages, 'insert')[0]).toMatchObject({
      schema: 'billing',
      table: 'billing.invoices',
      new: { id: 1, amount: '9.50' },
    });
  });

  it('emits a type that is not built in', async () => {
    const messages = await bed.messagesOf(() => bed.sql("INSERT INTO moods VALUES (1, 'happy')"));
    expect(listKinds(messages)).toEqual(['begin', 'type', 'relation', 'insert', 'commit']);
    const [type] = ofKind(messages, 'type');
    expect(type).toMatchObject({ schema: 'public', name: 'mood' });
    expect(ofKind(messages, 'relation')[0]!.columns[1]!.typeOid).toBe(type!.oid);
    expect(ofKind(messages, 'insert')[0]!.new).toStrictEqual({ id: 1, mood: 'happy' });
  });

  it('emits a new relation after DDL, and does not change the old one', async () => {
    const messages = await bed.messagesOf(async () => {
      await bed.sql('INSERT INTO parents VALUES (100)');
      await bed.sql('ALTER TABLE parents ADD note text');
      await bed.sql("INSERT INTO parents VALUES (101, 'new')");
    });
    const [before, after] = ofKind(messages, 'insert');
    expect(before!.relation.columns.map(({ name }) => name)).toEqual(['id']);
    expect(after!.relation.columns.map(({ name }) => name)).toEqual(['id', 'note']);
    expect(after!.new).toStrictEqual({ id: 101, note: 'new' });
  });

  it('has the origin of a transaction', async () => {
    const origin = uniqueName('elsewhere');
    await bed.sql('SELECT pg_replication_origin_create($1)', [origin]);
    try {
      const messages = await bed.messagesOf(async () => {
        await bed.sql('SELECT pg_replication_origin_session_setup($1)', [origin]);
        await bed.transaction(
          "SELECT pg_replication_origin_xact_setup('0/ABCDEF', '2020-02-02 02:02:02Z')",
          "INSERT INTO users VALUES (40, 'Fay')",
        );
        await bed.sql('SELECT pg_replication_origin_session_reset()');
      });
      expect(listKinds(messages)).toEqual(['begin', 'origin', 'relation', 'insert', 'commit']);
      expect(ofKind(messages, 'origin')[0]).toMatchObject({ name: origin, originLsn: 0xabcdefn });
      expect(ofKind(messages, 'begin')[0]!.commitTime).toEqual(new Date('2020-02-02T02:02:02Z'));
    } finally {
      await bed.sql('SELECT pg_replication_origin_drop($1)', [origin]);
    }
  });

  it('delivers transactional and non-transactional logical messages', async () => {
    const messages = await bed.messagesOf(
      () =>
        bed.transaction(
          "INSERT INTO users VALUES (50, 'Gus')",
          "SELECT pg_logical_emit_message(false, 'alone', 'at once')",
          String.raw`SELECT pg_logical_emit_message(true, 'inside', '\x00ff'::bytea)`,
        ),
      { messages: true },
    );

    expect(listKinds(messages)).toEqual(['message', 'begin', 'relation', 'insert', 'message', 'commit']);
    const [alone, inside] = ofKind(messages, 'message');
    const [begin] = ofKind(messages, 'begin');
    expect(alone).toMatchObject({ transactional: false, prefix: 'alone', commitLsn: undefined, ordinal: undefined });
    expect(alone!.content.toString()).toBe('at once');
    expect(alone!.lsn).toBeLessThan(begin!.commitLsn);
    expect(inside).toMatchObject({ transactional: true, prefix: 'inside', commitLsn: begin!.commitLsn, ordinal: 1 });
    expect(inside!.content).toEqual(Buffer.from([0, 255]));
  });

  it('receives logical messages only if requested', async () => {
    const messages = await bed.messagesOf(() =>
      bed.transaction(
        "INSERT INTO users VALUES (51, 'Hal')",
        "SELECT pg_logical_emit_message(false, 'alone', '')",
        "SELECT pg_logical_emit_message(true, 'inside', '')",
      ),
    );
    expect(listKinds(messages)).toEqual(['begin', 'relation', 'insert', 'commit']);
  });

  it("emits keepalives with the server's position", async () => {
    const slot = await bed.slot();
    await bed.sql('INSERT INTO unpublished VALUES (1)');
    const end = await bed.position();
    const recorder = new Recorder(bed.stream(slot));
    const keepalive = await recorder.find((message) => message.kind === 'keepalive' && message.walEnd >= end);
    expect(keepalive).toMatchObject({ kind: 'keepalive', serverTime: expect.any(Date) });
    recorder.unsubscribe();
    await bed.released(slot);
  });

  it('names the leaves of a partitioned table, or the root if the publication says so', async () => {
    const slot = await bed.slot();
    await bed.sql("INSERT INTO regions VALUES (1, 'eu'), (2, 'us')");
    await bed.sql("UPDATE regions SET region = 'us' WHERE id = 1");
    const end = await bed.position();
    const copy = uniqueName('slot');
    await bed.sql('SELECT pg_copy_logical_replication_slot($1, $2)', [slot, copy]);

    const changes = (messages: readonly ReplicationMessage[]) =>
      messages.flatMap((message) =>
        'table' in message && message.kind !== 'relation' ? [`${message.kind} ${message.table}`] : [],
      );
    expect(changes(await bed.readTo(slot, end, { publications: ['leaves'] }))).toEqual([
      'insert regions_eu',
      'insert regions_us',
      'delete regions_eu',
      'insert regions_us',
    ]);
    expect(changes(await bed.readTo(copy, end, { publications: ['root'] }))).toEqual([
      'insert regions',
      'insert regions',
      'delete regions',
      'insert regions',
    ]);
  });

  it('has a JSON form for every message', async () => {
    const slot = await bed.slot();
    await bed.transaction(
      "INSERT INTO moods VALUES (60, 'sad')",
      "UPDATE moods SET mood = 'happy' WHERE id = 60",
      'DELETE FROM moods WHERE id = 60',
      'TRUNCATE moods',
      "SELECT pg_logical_emit_message(true, 'p', 'c')",
    );
    const end = await bed.position();
    const recorder = new Recorder(bed.stream(slot, { messages: true }));
    await recorder.find((message) => message.kind === 'keepalive' && message.walEnd >= end);
    recorder.unsubscribe();
    await bed.released(slot);

    const json = recorder.values.map((message) => JSON.parse(JSON.stringify(message)) as Record<string, unknown>);
    const kinds = [
      'begin',
      'commit',
      'delete',
      'insert',
      'keepalive',
      'message',
      'relation',
      'truncate',
      'type',
      'update',
    ];
    expect([...new Set(json.map(({ kind }) => kind))].sort()).toEqual(kinds);
    const commit = ofKind(recorder.values, 'commit')[0]!;
    expect(json).toContainEqual({
      kind: 'commit',
      commitLsn: formatLsn(commit.commitLsn),
      endLsn: formatLsn(commit.endLsn),
      commitTime: commit.commitTime.toISOString(),
    });
    expect(json).toContainEqual({
      kind: 'insert',
      schema: 'public',
      table: 'moods',
      commitLsn: formatLsn(commit.commitLsn),
      ordinal: 0,
      new: { id: 60, mood: 'sad' },
      unchanged: [],
    });
  });

  it('groups a transaction with its origin and its changes in order', async () => {
    const slot = await bed.slot();
    await bed.transaction("INSERT INTO users VALUES (70, 'Ian')", 'DELETE FROM users WHERE id = 70');
    const recorder = new Recorder(bed.stream(slot).pipe(transactions()));
    const [transaction] = await recorder.take(1);
    recorder.unsubscribe();
    await bed.released(slot);

    expect(transaction).toMatchObject({ kind: 'transaction', size: 2, origin: undefined });
    expect([...transaction!].map(({ kind, ordinal }) => [kind, ordinal])).toEqual([
      ['insert', 0],
      ['delete', 1],
    ]);
    expect(JSON.parse(JSON.stringify(transaction))).toMatchObject({
      commitLsn: formatLsn(transaction!.commitLsn),
      changes: [{ kind: 'insert' }, { kind: 'delete' }],
    });
  });
});
