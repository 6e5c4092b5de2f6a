import { firstValueFrom, map, tap, toArray } from 'rxjs';
import { alterPublication, createPublication, ofTable, preflight, publicationStatus, stopAtLsn } from '../../lib/index';
import { waitForFailure } from './support/life';
import { TestBed, ofKind } from './support/bed';

/** Tables that differ only in where a dot is part of a name, as messages name them, with their SQL. */
const TABLES = [
  ['a.b', 'a.b'],
  ['"a.b"', '"a.b"'],
  ['a."b.c"', 'a."b.c"'],
  ['"a.b".c', '"a.b".c'],
  ['"so ""it"" is"', '"so ""it"" is"'],
  ['"public.a"', '"public.a"'],
] as const;
const NAMES = TABLES.map(([name]) => name);

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make(
    'table_names',
    'CREATE SCHEMA a; CREATE SCHEMA "a.b"; CREATE PUBLICATION pub FOR ALL TABLES',
  );
  for (const [name, sql] of TABLES) {
    await bed.sql(`CREATE TABLE ${sql} (id int PRIMARY KEY, is_named text); INSERT INTO ${sql} VALUES (0, '${name}')`);
  }
});

afterAll(() => bed.drop());

function write(id: number) {
  return async () => {
    for (const [name, sql] of TABLES) await bed.sql(`INSERT INTO ${sql} VALUES (${id}, '${name}')`);
    for (const [, sql] of TABLES) await bed.sql(`TRUNCATE ${sql}`);
  };
}

it('each table has a distinct name', async () => {
  const messages = await bed.messagesOf(write(1));
  expect(ofKind(messages, 'insert').map(({ table }) => table)).toEqual(NAMES);
  expect(ofKind(messages, 'insert').map((insert) => insert.new['is_named'])).toEqual(NAMES);
  expect(ofKind(messages, 'truncate').map(({ tables }) => tables)).toEqual(NAMES.map((name) => [name]));
  expect(ofKind(messages, 'relation').map(({ table }) => table)).toEqual(expect.arrayContaining([...NAMES]));
});

it.each(NAMES)('ofTable emits only the changes of %s', async (name) => {
  const slot = await bed.slot();
  await write(2)();
  const changes = await firstValueFrom(
    bed.stream(slot).pipe(
      stopAtLsn(await bed.position()),
      ofTable(name),
      tap((change) => change.ack()),
      map((change) => (change.kind === 'insert' ? change.new['is_named'] : change.kind)),
      toArray(),
    ),
  );
  expect(changes).toEqual([name, 'truncate']);
  await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
});

it.each(NAMES)('expectTables checks only %s', async (name) => {
  const slot = await bed.slot();
  await write(3)();
  const error = await waitForFailure(bed.stream(slot, { expectTables: { [name]: { id: 'text' } } }));
  expect(error).toMatchObject({ code: 'SCHEMA_DRIFT', message: expect.stringContaining(`Table ${name} is not as `) });
  await bed.released(slot);
  await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
});

it.each(NAMES)('a publication of only %s is created, and its status is read', async (name) => {
  const connection = { connectionString: bed.database.url };
  const tables = async () => {
    const status = await firstValueFrom(publicationStatus({ connection, name: 'own' }));
    return status?.tables.map(({ table }) => table);
  };
  await firstValueFrom(createPublication({ connection, name: 'own', tables: [name] }));
  expect(await tables()).toEqual([name]);
  await firstValueFrom(
    alterPublication({ connection, name: 'own', addTables: NAMES.filter((other) => other !== name) }),
  );
  await firstValueFrom(alterPublication({ connection, name: 'own', dropTables: [name] }));
  expect((await tables())?.sort()).toEqual(NAMES.filter((other) => other !== name).sort());
  await bed.sql('DROP PUBLICATION own');
});

it('preflight names each table as messages do', async () => {
  const slot = await bed.slot();
  for (const [, sql] of TABLES.slice(0, 4)) await bed.sql(`ALTER TABLE ${sql} REPLICA IDENTITY NOTHING`);
  const found = await firstValueFrom(preflight(bed.config(slot)));
  const names = NAMES.slice(0, 4).map((name) => JSON.stringify(name));
  expect(found.map(({ code }) => code)).toEqual(['REPLICA_IDENTITY_MISSING']);
  for (const name of names) expect(found[0]?.message).toContain(name);
});
