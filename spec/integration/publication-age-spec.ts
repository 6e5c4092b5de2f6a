import { firstValueFrom } from 'rxjs';
import { preflight, type PgoutputConfig } from '../../lib/index';
import { startServer, type TestServer } from '../support/server';
import { waitForFailure } from './support/life';
import { TestBed, Recorder } from './support/bed';

// A separate server, because other slots determine which old catalog rows it keeps.
let server: TestServer;
let bed: TestBed;

beforeAll(async () => {
  server = await startServer();
  bed = await TestBed.make(
    'age',
    `CREATE TABLE numbers (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE numbers`,
    server,
  );
});

afterAll(() => server.dispose());

const find = (slot: string, more: Partial<PgoutputConfig> = {}) => firstValueFrom(preflight(bed.config(slot, more)));
const insert = () => bed.sql('INSERT INTO numbers SELECT coalesce(max(id), 0) + 1 FROM numbers');

describe('a publication that is younger than the slot', () => {
  it('is a finding if there are older changes, among others, and nothing is moved or consumed', async () => {
    const slot = await bed.slot();
    await insert();
    await bed.sql(`CREATE PUBLICATION "it's, ""late""" FOR TABLE numbers`);
    const publications = ['pub', `it's, "late"`];
    const state = () =>
      bed.sql('SELECT confirmed_flush_lsn, restart_lsn, active FROM pg_replication_slots WHERE slot_name = $1', [slot]);
    const before = await state();
    const found = await find(slot, { publications });
    expect(await state()).toEqual(before);
    expect(found).toMatchObject([
      {
        code: 'PUBLICATION_MISSING',
        severity: 'error',
        message: `Publication "it's, \\"late\\"" is newer than changes that slot "${slot}" has not sent yet.`,
        remedy: expect.stringContaining('new slot'),
      },
    ]);
    expect(await waitForFailure(bed.stream(slot, { publications }))).toMatchObject({ code: 'PUBLICATION_MISSING' });
    await bed.released(slot);
    expect(await find(slot)).toEqual([]);
    await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
  });

  it('is a finding if it was dropped and created again, with changes in between', async () => {
    await bed.sql('CREATE PUBLICATION brief FOR TABLE numbers');
    const slot = await bed.slot();
    await insert();
    await bed.sql('DROP PUBLICATION brief');
    await insert();
    await bed.sql('CREATE PUBLICATION brief FOR TABLE numbers');
    expect(await find(slot, { publications: ['brief'] })).toMatchObject([{ code: 'PUBLICATION_MISSING' }]);
    await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
  });

  it('is no finding if there are no older changes', async () => {
    const slot = await bed.slot();
    await bed.sql('CREATE PUBLICATION idle FOR TABLE numbers');
    await insert();
    expect(await find(slot, { publications: ['idle'] })).toEqual([]);
    await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
  });
});

describe('no finding', () => {
  it('for a publication that is altered after the slot was created', async () => {
    const slot = await bed.slot();
    await insert();
    await bed.sql('CREATE TABLE added (id int PRIMARY KEY); ALTER PUBLICATION pub ADD TABLE added');
    await bed.sql(`ALTER PUBLICATION pub SET (publish = 'insert, update')`);
    await insert();
    expect(await find(slot)).toEqual([]);
    await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
  });

  it('for a slot that is younger, although another slot keeps old catalog rows', async () => {
    const old = await bed.slot();
    await insert();
    await bed.sql('CREATE PUBLICATION middle FOR TABLE numbers');
    const slot = await bed.slot();
    await insert();
    expect(await find(slot, { publications: ['middle'] })).toEqual([]);
    expect(await find(old, { publications: ['middle'] })).toMatchObject([{ code: 'PUBLICATION_MISSING' }]);
    for (const name of [old, slot]) await bed.sql('SELECT pg_drop_replication_slot($1)', [name]);
  });

  it('in addition to that of an active slot', async () => {
    const slot = await bed.slot();
    const recorder = new Recorder(bed.stream(slot));
    await recorder.take(1);
    await bed.sql('CREATE PUBLICATION meanwhile FOR TABLE numbers');
    const found = await find(slot, { publications: ['meanwhile'] });
    expect(found.map(({ code }) => code)).toEqual(['SLOT_ACTIVE']);
    recorder.unsubscribe();
    await bed.released(slot);
  });
});
