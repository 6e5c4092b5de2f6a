import { expectedTables } from '../../lib/pgoutput/expected-tables';
import { TYPE_NAMES, typeOidOf } from '../../lib/pgoutput/type-names';
import { Bed, ofKind } from './support';

describe('expected tables', () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await Bed.make('expected', 'CREATE PUBLICATION pub FOR ALL TABLES;');
  });

  afterAll(() => bed.drop());

  it('have types by names that mean the same to the server', async () => {
    const rows = await bed.sql<{ name: string; oid: string | null }>(
      `SELECT name, to_regtype(name)::oid AS oid FROM unnest($1::text[]) AS given(name)`,
      [TYPE_NAMES],
    );
    expect(TYPE_NAMES.map((name) => ({ name, oid: typeOidOf(name) }))).toEqual(rows);
  });

  it('fit the tables that a server describes, with types that are not built in', async () => {
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
      expectedTables({ users: columns })(
        relation!,
        (oid) => typeOidOf(names.get(oid) ?? '') ?? oid,
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
});
