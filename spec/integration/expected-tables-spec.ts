import { tap } from 'rxjs';
import { ackAfter, transactions, type PgoutputConfig } from '../../lib/index';
import { readExpectedTables } from '../../lib/pgoutput/types/expected-tables';
import { TYPE_NAMES, findTypeOid } from '../../lib/pgoutput/types/type-names';
import { uniqueName } from '../support/server';
import { waitForFailure } from './support/life';
import { STREAMED, streamOf, WHOLE, type Way } from './support/streamed';
import { TestBed, ofKind } from './support/bed';

describe('expected tables', () => {
  let bed: TestBed;

  beforeAll(async () => {
    bed = await TestBed.make('expected', 'CREATE PUBLICATION pub FOR ALL TABLES;');
  });

  afterAll(() => bed.drop());

  it('may name types by any alias of the server', async () => {
    const rows = await bed.sql<{ name: string; oid: string | null }>(
      `SELECT name, to_regtype(name)::oid AS oid FROM unnest($1::text[]) AS given(name)`,
      [TYPE_NAMES],
    );
    expect(TYPE_NAMES.map((name) => ({ name, oid: findTypeOid(name) }))).toEqual(rows);
  });

  it('match the tables that a server describes, with types that are not built in', async () => {
    const messages = await bed.messagesOf(() =>
      bed.sql(
        `CREATE TYPE mood AS ENUM ('happy');
         CREATE DOMAIN positive AS int CHECK (VALUE > 0);
         CREATE DOMAIN feeling AS mood;
         CREATE TABLE users (id positive PRIMARY KEY, name varchar(20), at timestamp(3) with time zone,
           price numeric(10,2)[], now mood, moods mood[], feels feeling);
         INSERT INTO users VALUES (1);`,
      ),
    );
    const [relation] = ofKind(messages, 'relation');
    const names = new Map(ofKind(messages, 'type').map(({ oid, schema, name }) => [oid, `${schema}.${name}`]));
    const look = (columns: Record<string, string>): void =>
      readExpectedTables({ users: columns })(
        relation!,
        (oid) => findTypeOid(names.get(oid) ?? '') ?? oid,
        (oid) => names.get(oid),
      );
    const columns = {
      id: 'integer',
      name: 'character varying',
      at: 'timestamp with time zone',
      price: 'numeric[]',
      now: 'public.mood',
      moods: 'public.mood[]',
      feels: 'public.mood',
    };
    expect(() => look(columns)).not.toThrow();
    expect(() => look({ id: 'int8', moods: 'public.mood', email: 'text' })).toThrow(
      'Table users is not as expectTables says: column id is a domain over int4, expected int8; ' +
        'column moods is public._mood, expected public.mood; column email is missing. ',
    );
  });

  it.each<[string, Partial<PgoutputConfig>, Way]>([
    ['plain', {}, WHOLE],
    ['streaming', {}, STREAMED],
    ['binary', { binary: true }, WHOLE],
    ['exact', { types: 'exact' }, WHOLE],
    ['streaming, binary and exact', { binary: true, types: 'exact' }, STREAMED],
  ])('end the stream before the first row that does not match: %s', async (_, more, way) => {
    const slot = await bed.slot();
    const name = uniqueName('drifted');
    await bed.sql(`CREATE TABLE ${name} (id int PRIMARY KEY, total int, pad text)`);
    await bed.sql(`INSERT INTO ${name} VALUES (0, 1, '')`);
    const fitting = await bed.position();
    // Large enough to be streamed.
    await bed.transaction(
      `ALTER TABLE ${name} ALTER total TYPE bigint`,
      `INSERT INTO ${name} SELECT i, 1, repeat('x', 200) FROM generate_series(1, 1000) AS i`,
    );
    const rows: unknown[] = [];
    const kinds = new Set<string>();
    const source = streamOf(bed, slot, way, { ...more, expectTables: { [name]: { id: 'int', total: 'int' } } });
    const error = await waitForFailure(
      source.pipe(
        tap(({ kind }) => kinds.add(kind)),
        transactions(),
        ackAfter((tx) => {
          for (const change of tx) if (change.kind === 'insert') rows.push(change.new);
        }),
      ),
    );
    expect(error).toMatchObject({
      code: 'SCHEMA_DRIFT',
      retryable: false,
      message: expect.stringContaining(
        `Table ${name} is not as expectTables says: column total is int8, expected int4.`,
      ),
    });
    expect(rows).toEqual([{ id: 0, total: 1, pad: '' }]);
    expect([kinds.has('streamStart'), kinds.has('streamCommit')]).toEqual([way === STREAMED, false]);
    // The transaction that does not match is not confirmed.
    await bed.released(slot);
    expect(await bed.confirmed(slot)).toBeLessThanOrEqual(fitting);
  });
});
