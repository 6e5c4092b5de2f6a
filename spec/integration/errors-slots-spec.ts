import { firstValueFrom } from 'rxjs';
import { createSlot, logicalReplication, type PluginConfig } from '../../lib/index';
import { uniqueName } from '../support/server';
import { waitForFailure, marked, waitForNoBackends, NUMBERS, Observed } from './support/life';
import { TestBed, Recorder } from './support/bed';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('wrong_slots', NUMBERS);
});

afterAll(() => bed.drop());

/** The error of a stream from this slot. Verifies that no backend is left. */
async function failureFrom(slot: string, more: Partial<PluginConfig> = {}) {
  const { name, connection } = marked(bed.database.url);
  const error = await waitForFailure(
    more.plugin === undefined
      ? bed.stream(slot, { connection, ...more })
      : logicalReplication({ connection, slot, plugin: more.plugin, ...more }),
  );
  await waitForNoBackends(bed.server, name);
  return error;
}

describe('a slot that cannot be used', () => {
  it('does not exist', async () => {
    const error = await failureFrom('not_there');
    expect(error).toMatchObject({ code: 'SLOT_MISSING', retryable: false });
    expect(error.message).toMatch(/"not_there".*ensureSlot/s);
  });

  it('is active for another client', async () => {
    const slot = await bed.slot();
    const observed = new Observed();
    const recorder = new Recorder(bed.stream(slot, observed.observers));
    await recorder.take(1);
    const error = await failureFrom(slot);
    expect(error).toMatchObject({ code: 'SLOT_ACTIVE', retryable: true });
    expect(error.message).toMatch(/Another connection streams/);
    recorder.unsubscribe();
    await observed.closed();
  });

  it('uses another output plugin', async () => {
    const decoding = await bed.slot('test_decoding');
    const error = await failureFrom(decoding);
    expect(error).toMatchObject({ code: 'SLOT_INCOMPATIBLE', retryable: false });
    expect(error.message).toMatch(/test_decoding, not pgoutput/);
    const pgoutput = await bed.slot();
    expect(await failureFrom(pgoutput, { plugin: 'test_decoding' })).toMatchObject({ code: 'SLOT_INCOMPATIBLE' });
  });

  it('is physical', async () => {
    const slot = uniqueName('slot');
    await bed.sql('SELECT pg_create_physical_replication_slot($1)', [slot]);
    const error = await failureFrom(slot);
    await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
    expect(error).toMatchObject({ code: 'SLOT_INCOMPATIBLE', retryable: false });
    expect(error.message).toMatch(/physical.*logical slot/s);
  });

  it('belongs to another database', async () => {
    const other = await TestBed.make('elsewhere', '');
    const slot = await other.slot();
    const error = await failureFrom(slot);
    expect(error).toMatchObject({ code: 'SLOT_INCOMPATIBLE', retryable: false });
    expect(error.message).toContain(`belongs to database ${other.database.name}, not ${bed.database.name}`);
    await other.drop();
  });
});

describe('a slot that cannot be created', () => {
  it('exists', async () => {
    const slot = await bed.slot();
    const { name, connection } = marked(bed.database.url);
    const error = await waitForFailure(createSlot({ connection, slot }));
    expect(error).toMatchObject({ code: 'SLOT_EXISTS', retryable: false, sqlState: '42710' });
    await waitForNoBackends(bed.server, name);
  });

  it('has an output plugin that is not installed', async () => {
    const slot = uniqueName('slot');
    const error = await failureFrom(slot, { plugin: 'no_such_plugin', ensureSlot: true });
    expect(error).toMatchObject({ code: 'SERVER_ERROR', retryable: false, sqlState: '58P01' });
    expect(error.message).toContain('no_such_plugin');
    expect(await bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [slot])).toEqual([]);
  });

  it('is waiting when its backend is terminated or its query canceled', async () => {
    const client = await bed.database.client();
    await client.query('BEGIN; INSERT INTO numbers VALUES (-1)');
    for (const [act, code, sqlState] of [
      ['pg_terminate_backend', 'SERVER_SHUTDOWN', '57P01'],
      ['pg_cancel_backend', 'CANCELLED', '57014'],
    ] as const) {
      const slot = uniqueName('slot');
      const { name, connection } = marked(bed.database.url);
      const failure = waitForFailure(createSlot({ connection, slot }));
      for (let rows: unknown[] = []; rows.length === 0;) {
        rows = await bed.sql(
          `SELECT ${act}(pid) FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'CREATE_REPLICATION%'`,
          [name],
        );
      }
      expect(await failure).toMatchObject({ code, retryable: true, sqlState });
      await waitForNoBackends(bed.server, name);
      expect(await bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [slot])).toEqual([]);
    }
    await client.query('ROLLBACK');
    await client.end();
  });
});

describe('an option that the output plugin rejects', () => {
  it("is an error with the server's message", async () => {
    const slot = await bed.slot('test_decoding');
    const error = await failureFrom(slot, { plugin: 'test_decoding', pluginOptions: { nonsense: 'on' } });
    expect(error).toMatchObject({ code: 'SERVER_ERROR', retryable: false, sqlState: '22023' });
    expect(error.message).toContain('nonsense');
    // The slot is still usable.
    await firstValueFrom(logicalReplication({ connection: bed.database.url, slot, plugin: 'test_decoding' }));
    await bed.released(slot);
  });
});
