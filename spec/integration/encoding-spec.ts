import { firstValueFrom, tap, toArray } from 'rxjs';
import { logicalReplication, ServerError, stopAtLsn, UndecodedValue, ValueError, type Lsn } from '../../lib/index';
import { TestBed, ofKind } from './support/bed';

/** é in Latin 1, as a name and as a value that the client writes: invalid in UTF-8. */
const E_ACUTE = "convert_from('\\xe9', 'SQL_ASCII')";

describe('a database in SQL_ASCII', () => {
  let bed: TestBed;

  beforeAll(async () => {
    bed = await TestBed.make(
      'ascii',
      `CREATE TABLE docs (id int PRIMARY KEY, body text, list text[]);
       DO $$ BEGIN EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, %I text)', 'caf' || ${E_ACUTE}, ${E_ACUTE}); END $$;
       CREATE PUBLICATION pub FOR ALL TABLES;`,
      undefined,
      'SQL_ASCII',
    );
  });

  afterAll(() => bed.drop());

  /** The second row is in Latin 1, the others are in UTF-8. */
  async function insertDocs(): Promise<{ slot: string; end: Lsn }> {
    await bed.sql('TRUNCATE docs');
    const slot = await bed.slot();
    await bed.sql(`
      INSERT INTO docs VALUES (1, 'grüße', '{a}');
      INSERT INTO docs VALUES (2, 'caf' || ${E_ACUTE}, ARRAY['a', ${E_ACUTE}]);
      INSERT INTO docs VALUES (3, 'fine', NULL);`);
    return { slot, end: await bed.position() };
  }

  it.each([false, true])('emits UTF-8 as text, and other values undecoded: binary %s', async (binary) => {
    const { slot, end } = await insertDocs();
    const source = logicalReplication({ ...bed.config(slot), binary, onDecodeError: 'deliver' });
    const messages = await firstValueFrom(
      source.pipe(
        stopAtLsn(end),
        tap((message) => message.ack()),
        toArray(),
      ),
    );
    const rows = ofKind(messages, 'insert').map((insert) => insert.new);
    expect(rows).toEqual([
      { id: 1, body: 'grüße', list: ['a'] },
      { id: 2, body: expect.any(UndecodedValue), list: expect.any(UndecodedValue) },
      { id: 3, body: 'fine', list: null },
    ]);
    const format = binary ? 'binary' : 'text';
    expect(rows[1]).toMatchObject({ body: { bytes: Buffer.from('caf\xe9', 'latin1'), format, typeOid: 25 } });
  });

  it('ends the stream by default with an error that names table, column and commit LSN', async () => {
    const { slot, end } = await insertDocs();
    const error: unknown = await bed.readTo(slot, end).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(ValueError);
    expect(error).toMatchObject({ table: 'docs', column: 'body', commitLsn: expect.any(BigInt) });
    await bed.released(slot);
  });

  it('may have names that are invalid in UTF-8', async () => {
    const insert = `DO $$ BEGIN EXECUTE format('INSERT INTO %I VALUES (1, ''a'')', 'caf' || ${E_ACUTE}); END $$`;
    const messages = await bed.messagesOf(() => bed.sql(insert));
    expect(ofKind(messages, 'insert')).toMatchObject([{ table: 'caf\udce9', new: { id: 1, '\udce9': 'a' } }]);
  });
});

describe('a value that the server cannot convert to UTF-8', () => {
  let bed: TestBed;

  beforeAll(async () => {
    // 0x81 is undefined in WIN1252.
    bed = await TestBed.make(
      'windows',
      'CREATE TABLE docs (id int PRIMARY KEY, body text); CREATE PUBLICATION pub FOR TABLE docs',
      undefined,
      'WIN1252',
    );
  });

  afterAll(() => bed.drop());

  it("ends the stream with the server's error, whose remedy skips the value", async () => {
    const slot = await bed.slot();
    await bed.sql("INSERT INTO docs VALUES (1, chr(129)), (2, 'fine')");
    const end = await bed.position();
    const error: unknown = await bed.readTo(slot, end).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(ServerError);
    expect(error).toMatchObject({
      sqlState: '22P05',
      retryable: false,
      remedy: expect.stringContaining('pg_replication_slot_advance'),
      server: { where: expect.stringContaining('associated LSN') },
    });
    await bed.released(slot);
    await bed.sql('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [slot]);
    const messages = await bed.messagesOf(() => bed.sql("INSERT INTO docs VALUES (3, 'grüße')"));
    expect(ofKind(messages, 'insert')).toMatchObject([{ new: { id: 3, body: 'grüße' } }]);
  });
});
