import { fetchSlotStatus } from '../../lib/commands/slot-commands';
import { runRoutine, rows } from '../commands/support/converse';

const ROW: Readonly<Record<string, string | null>> = {
  slot_name: 'orders',
  plugin: 'pgoutput',
  slot_type: 'logical',
  database: 'shop',
  temporary: 'f',
  active: 'f',
  active_pid: null,
  restart_lsn: '0/900',
  confirmed_flush_lsn: '0/1000',
  wal_status: 'extended',
  safe_wal_size: '9007199254740993',
  two_phase: 't',
  lag: '4096',
};

const NEWER = ['conflicting', 'invalidation_reason', 'failover', 'synced', 'inactive_since', 'two_phase_at'];

function ask(version: number, row: Readonly<Record<string, string | null>> = ROW) {
  const { value, sql } = runRoutine(fetchSlotStatus('orders', version), () => rows(row));
  return { value, asked: NEWER.filter((column) => sql[0]?.includes(column)) };
}

it.each([
  [140019, []],
  [150014, []],
  [160004, ['conflicting']],
  [170000, ['conflicting', 'invalidation_reason', 'failover', 'synced', 'inactive_since']],
  [180004, NEWER],
])('reads the columns that server %d has', (version, columns) => {
  expect(ask(version).asked).toEqual(columns);
});

it('a column that the server does not have is undefined', () => {
  expect(ask(140019).value).toEqual({
    name: 'orders',
    plugin: 'pgoutput',
    type: 'logical',
    database: 'shop',
    temporary: false,
    active: false,
    restartLsn: 0x900n,
    confirmedFlushLsn: 0x1000n,
    walStatus: 'extended',
    safeWalSize: 9007199254740993n,
    twoPhase: true,
    lagBytes: 4096n,
  });
});

it('returns all columns of the newest server', () => {
  const row = {
    ...ROW,
    conflicting: 'f',
    invalidation_reason: 'idle_timeout',
    failover: 't',
    synced: 't',
    inactive_since: '1767225600123',
    two_phase_at: '0/950',
  };
  const { value } = ask(180004, row);
  expect(value).toMatchObject({
    conflicting: false,
    invalidationReason: 'idle_timeout',
    failover: true,
    synced: true,
    inactiveSince: new Date('2026-01-01T00:00:00.123Z'),
    twoPhaseAt: 0x950n,
  });
  expect(JSON.stringify(value)).toContain(
    '"inactiveSince":"2026-01-01T00:00:00.123Z","restartLsn":"0/900","confirmedFlushLsn":"0/1000",' +
      '"walStatus":"extended","safeWalSize":"9007199254740993"',
  );
});

it('has a lag of 0 if a standby has not replayed up to the confirmed position', () => {
  expect(ask(180004, { ...ROW, lag: '-56' }).value?.lagBytes).toBe(0n);
});
