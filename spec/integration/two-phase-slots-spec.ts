import { firstValueFrom } from 'rxjs';
import {
  logicalReplication,
  slotStatus,
  transactions,
  type AnyReplicationMessage,
  type Checkpoint,
  type Lsn,
} from '../../lib/index';
import { startServer, uniqueName, type TestServer } from '../support/server';
import { waitForFailure } from './support/life';
import { TestBed, waitUntil, Recorder } from './support/bed';
import {
  insert,
  formatUnit,
  prepare,
  readUnits,
  since15,
  TABLES,
  twoPhaseSlot,
  twoPhaseStream,
  findUnit,
  type Unit,
} from './support/two-phase';

// A separate server, because prepared transactions delay slot creation.
let server: TestServer;
let bed: TestBed;
const recorders = new Set<Recorder<unknown>>();

beforeAll(async () => {
  server = await startServer();
  bed = await TestBed.make('phase_slots', TABLES, server);
});

afterEach(async () => {
  for (const recorder of recorders) recorder.unsubscribe();
  recorders.clear();
  for (const { gid } of await bed.sql<{ gid: string }>('SELECT gid FROM pg_prepared_xacts')) {
    await bed.sql(`ROLLBACK PREPARED '${gid}'`);
  }
  await bed.sql('TRUNCATE rows');
});

afterAll(() => server.dispose());

const there = (): TestBed => bed;

/** The values of a stream, which are not acknowledged yet. */
function record(slot: string, config?: Parameters<typeof twoPhaseStream>[2]): Recorder<Unit> {
  const recorder = new Recorder(twoPhaseStream(bed, slot, config).pipe(transactions<AnyReplicationMessage>()));
  recorders.add(recorder);
  return recorder;
}

describe('the slot', () => {
  since15(there, 'is made for two-phase commit by ensureSlot', async () => {
    const slot = uniqueName('slot');
    const recorder = new Recorder(
      twoPhaseStream(bed, slot, { ensureSlot: true }).pipe(transactions<AnyReplicationMessage>()),
    );
    recorders.add(recorder);
    await waitUntil(
      () => firstValueFrom(slotStatus({ connection: bed.database.url, slot })),
      (status) => status?.active === true,
    );
    expect(await firstValueFrom(slotStatus({ connection: bed.database.url, slot }))).toMatchObject({ twoPhase: true });
    await bed.sql(prepare('first', insert(1)));
    expect(formatUnit(await findUnit(recorder, 'preparedTransaction'))).toBe('prepare first: 1');
  });

  since15(there, 'that is for two-phase commit is refused to a stream that does not ask for it', async () => {
    const slot = await twoPhaseSlot(bed);
    const error = await waitForFailure(logicalReplication(bed.config(slot)));
    expect(error).toMatchObject({ code: 'SLOT_INCOMPATIBLE', retryable: false });
    expect(error.message).toMatch(/Set twoPhase: true, .*alterSlot.* or use another/);
    expect(await bed.sql('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slot])).toEqual([
      { active: false },
    ]);
  });

  since15(there, 'that is not for it becomes so, and nothing that is prepared then is lost', async () => {
    const slot = await bed.slot();
    await bed.sql(prepare('read', insert(1)));
    await bed.sql(insert(2));
    // Streamed past by a client without two-phase commit.
    const plain = await bed.readTo(slot, await bed.position());
    expect(plain.filter(({ kind }) => kind === 'insert')).toMatchObject([{ new: { id: 2 } }]);
    await bed.sql(prepare('unread', insert(3)));
    const recorder = record(slot);
    await bed.sql(`COMMIT PREPARED 'read'`);
    await bed.sql(`COMMIT PREPARED 'unread'`);
    await findUnit(recorder, 'commitPrepared', 'unread');
    expect(recorder.values.map(formatUnit)).toEqual([
      'prepare unread: 3',
      'prepare read: 1',
      'commit read',
      'commit unread',
    ]);
    for (const unit of recorder.values) unit.ack();
    await bed.confirmedAtLeast(slot, await bed.position());
    expect(await firstValueFrom(slotStatus({ connection: bed.database.url, slot }))).toMatchObject({ twoPhase: true });
    recorder.unsubscribe();
    await bed.released(slot);
    expect(await readUnits(bed, slot, await bed.position())).toEqual([]);
  });

  since15(
    there,
    'that becomes so stands never ahead of a stored position, though that be of an old prepare',
    async () => {
      const slot = await bed.slot();
      await bed.sql(prepare('old', insert(1)));
      await bed.readTo(slot, await bed.position());
      let stored: Checkpoint | undefined;
      const startLsn = () => [stored];
      const before = record(slot, { startLsn });
      await bed.sql(insert(2));
      const newer = await findUnit(before, 'transaction');
      await bed.sql(`COMMIT PREPARED 'old'`);
      const old = await findUnit(before, 'preparedTransaction');
      expect(old.endLsn).toBeLessThan(newer.endLsn);
      for (const unit of [newer, old]) {
        stored = unit.checkpoint;
        unit.ack();
      }
      await bed.confirmedAtLeast(slot, newer.endLsn);
      before.unsubscribe();
      await bed.released(slot);
      expect(stored?.endLsn).toBe(newer.checkpoint.endLsn);
      const after = record(slot, { startLsn });
      await findUnit(after, 'commitPrepared');
      expect(after.values.map(formatUnit)).toEqual(['prepare old: 1', 'commit old']);
    },
  );
});

/** Without what the server may omit for a rolled-back transaction. */
const nameOf = (unit: Unit): string => formatUnit(unit).replace(/:.*/, '');

since15(
  there,
  'stopAtLsn() divides at each position of prepared transactions, and nothing is lost or doubled',
  async () => {
    const slots: string[] = [];
    for (let i = 0; i < 11; i++) slots.push(await twoPhaseSlot(bed));
    await bed.sql(prepare('one', insert(1)));
    await bed.sql(insert(2));
    await bed.sql(`COMMIT PREPARED 'one'`);
    await bed.sql(prepare('two', insert(3)));
    await bed.sql(`ROLLBACK PREPARED 'two'`);
    const end = await bed.position();
    const all = await readUnits(bed, slots.pop()!, end);
    const lines = all.map(nameOf);
    expect(lines).toEqual(['prepare one', '2', 'commit one', 'prepare two', 'rollback two']);

    /** The start position; earlier parts of a rolled-back transaction are known. */
    const startOf = (unit: Unit): Lsn => {
      if (unit.kind === 'rollbackPrepared') return unit.endLsn - 1n;
      return unit.kind === 'preparedTransaction' ? unit.prepareLsn : unit.commitLsn;
    };
    const positions = [...new Set(all.flatMap((unit) => [startOf(unit), unit.endLsn]))].sort((a, b) => Number(a - b));
    expect(positions.length).toBeGreaterThan(7);
    for (const [i, position] of positions.entries()) {
      const slot = slots[i]!;
      const before = (await readUnits(bed, slot, position)).map(nameOf);
      const after = (await readUnits(bed, slot, end)).map(nameOf);
      expect([...before, ...after]).toEqual(lines);
      expect(before).toEqual(all.filter((unit) => startOf(unit) < position).map(nameOf));
    }
  },
);
