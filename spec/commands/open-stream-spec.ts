import type { StartPosition, StreamSource } from '../../lib/ledger/checkpoint';
import { ReplicationError } from '../../lib/common/errors';
import { parseLsn } from '../../lib/common/lsn';
import type { UserCallback } from '../../lib/commands/protocol-routine';
import { openStream, type OpenInfo, type StreamPlan } from '../../lib/commands/open-stream';
import { ResumeState } from '../../lib/commands/resume-state';
import type { ServerInfo } from '../../lib/commands/startup';
import type { PgoutputRequest } from '../../lib/commands/pgoutput-options';
import type { BackendMessage } from '../../lib/wire/backend';
import { runRoutine, buildError, rows, type Outcome, type ClientCommands } from './support/converse';

const REQUEST: PgoutputRequest = {
  protoVersion: undefined,
  messages: false,
  binary: false,
  streaming: 'off',
  twoPhase: false,
  origin: undefined,
};

const PLAN: StreamPlan = {
  slot: 'orders',
  plugin: 'pgoutput',
  pgoutput: { publications: ['orders_pub'], request: REQUEST },
  pluginOptions: {},
  ensureSlot: undefined,
  positionOwner: 'slot',
};

const SERVER: ServerInfo = {
  version: 180004,
  walSenderTimeout: 60_000,
  walLevel: 'logical',
  database: 'shop',
  standby: false,
  readOnly: false,
};

const IDENTITY = { systemid: '7300000000000000001', timeline: '1', xlogpos: '0/2000', dbname: 'shop' };

/** A row of pg_replication_slots as text. */
const SLOT: Readonly<Record<string, string | null>> = {
  slot_name: 'orders',
  plugin: 'pgoutput',
  slot_type: 'logical',
  database: 'shop',
  temporary: 'f',
  active: 'f',
  active_pid: null,
  restart_lsn: '0/900',
  confirmed_flush_lsn: '0/1000',
  wal_status: 'reserved',
  invalidation_reason: null,
  lag: '4096',
};

/** A server with publications, and with or without a slot. */
class FakeServer {
  publications = ['orders_pub', 'other', `it's "so"`];
  slot: Readonly<Record<string, string | null>> | undefined = SLOT;
  /** The slot at each query, if it changes. */
  slots: (Readonly<Record<string, string | null>> | undefined)[] = [];
  /** The response to START_REPLICATION. */
  start: readonly BackendMessage[] = [{ kind: 'copyBoth' }];
  /** Whether a new slot is dropped immediately. */
  forgetful = false;
  /** Whether another client creates the slot at the same time. */
  contested = false;
  systemId = IDENTITY.systemid;
  timeline = IDENTITY.timeline;
  /** The LSNs at which the server left the earlier timelines. */
  history = '';

  readonly answer = (said: ClientCommands): readonly BackendMessage[] => {
    const sql = said.kind === 'query' ? said.sql : '';
    if (sql === 'IDENTIFY_SYSTEM') return rows({ ...IDENTITY, systemid: this.systemId, timeline: this.timeline });
    if (sql.startsWith('TIMELINE_HISTORY')) return rows({ filename: 'x.history', content: this.history });
    if (sql.includes('pg_publication ')) {
      const known = this.publications.filter((name) => sql.includes(`'${name.replaceAll("'", "''")}'`));
      return rows(...known.map((pubname) => ({ pubname })));
    }
    // Names similar to a missing one.
    if (sql.includes(' AS name')) return rows();
    if (sql.includes('pg_replication_slots')) {
      const slot = this.slots.length > 0 ? this.slots.shift() : this.slot;
      return slot ? rows(slot) : rows();
    }
    if (sql.startsWith('CREATE_REPLICATION_SLOT')) {
      if (!this.forgetful) this.slot = { ...SLOT, confirmed_flush_lsn: '0/3000' };
      if (this.contested) return buildError({ sqlState: '42710', message: 'replication slot "orders" already exists' });
      return rows({ slot_name: 'orders', consistent_point: '0/3000', snapshot_name: null, output_plugin: 'pgoutput' });
    }
    if (sql.startsWith('START_REPLICATION')) return this.start;
    throw new Error(`Unexpected: ${sql}`);
  };
}

interface Trial {
  plan?: Partial<StreamPlan>;
  server?: Partial<FakeServer>;
  info?: Partial<ServerInfo>;
  memory?: ResumeState;
  /** The requested start position. */
  asked?: StartPosition;
}

function open({ plan, server, info, memory = new ResumeState(), asked }: Trial = {}): Outcome<OpenInfo> {
  const fake = Object.assign(new FakeServer(), server);
  const whole = { ...PLAN, ...plan };
  const start = whole.positionOwner === 'consumer' ? { callback: answering(asked) } : { position: asked };
  return runRoutine(openStream(whole, { ...SERVER, ...info }, memory, start), fake.answer);
}

/** A store that responds immediately. */
function answering(position: StartPosition | undefined): UserCallback {
  return {
    call: (answered) => {
      answered({ kind: 'startPosition', position });
      return () => undefined;
    },
    createTimeoutError: () => new ReplicationError('CHECKPOINT_UNAVAILABLE', 'It has not answered'),
  };
}

/** The resume state that an earlier subscription has left. */
function remembering(confirmed?: string): ResumeState {
  const memory = new ResumeState();
  open({ memory });
  if (confirmed !== undefined) memory.recordConfirmed(parseLsn(confirmed));
  return memory;
}

/** The commands, shortened to their first words. */
function steps({ sql }: Outcome<unknown>): string[] {
  return sql.map((text) => {
    const table = /FROM pg_catalog\.(\w+)/.exec(text)?.[1];
    return table ?? text.split(' ')[0] ?? '';
  });
}

function startOf({ sql }: Outcome<unknown>): string | undefined {
  return sql.find((text) => text.startsWith('START_REPLICATION'));
}

describe('opening a stream', () => {
  it('checks the slot and the publications before the start, and the slot again afterwards', () => {
    expect(steps(open())).toEqual([
      'pg_replication_slots',
      'IDENTIFY_SYSTEM',
      'pg_publication',
      'pg_replication_slots',
      'START_REPLICATION',
    ]);
  });

  it('starts with the options of the plugin', () => {
    expect(startOf(open({ plan: { pgoutput: { publications: ['orders_pub', 'other'], request: REQUEST } } }))).toBe(
      `START_REPLICATION SLOT "orders" LOGICAL 0/0 (proto_version '1', publication_names '"orders_pub","other"')`,
    );
  });

  it('returns what it found out', () => {
    expect(open().value).toEqual({
      systemId: '7300000000000000001',
      timeline: 1,
      walPosition: 0x2000n,
      database: 'shop',
      serverVersion: 180004,
      standby: false,
      walSenderTimeout: 60_000,
      slot: {
        name: 'orders',
        plugin: 'pgoutput',
        type: 'logical',
        database: 'shop',
        temporary: false,
        active: false,
        activePid: undefined,
        restartLsn: 0x900n,
        confirmedFlushLsn: 0x1000n,
        walStatus: 'reserved',
        invalidationReason: undefined,
        lagBytes: 4096n,
      },
      slotCreated: false,
      startLsn: undefined,
    });
  });

  it('does not query publications for another plugin', () => {
    const plan = { plugin: 'test_decoding', pgoutput: undefined, pluginOptions: { 'include-xids': '0' } };
    const outcome = open({ plan, server: { slot: { ...SLOT, plugin: 'test_decoding' } } });
    expect(steps(outcome)).toEqual([
      'pg_replication_slots',
      'IDENTIFY_SYSTEM',
      'pg_replication_slots',
      'START_REPLICATION',
    ]);
    expect(startOf(outcome)).toBe(`START_REPLICATION SLOT "orders" LOGICAL 0/0 ("include-xids" '0')`);
  });

  it('rejects a slot that another client is streaming from', () => {
    const memory = new ResumeState();
    const plan = { ensureSlot: { temporary: false } };
    const start = buildError({ sqlState: '55006', message: 'replication slot "orders" is active for PID 1' });
    expect(open({ plan, memory, server: { start } }).error).toMatchObject({ code: 'SLOT_ACTIVE' });
    const moved = { ...SLOT, confirmed_flush_lsn: '0/1800' };
    expect(open({ plan, memory, server: { slot: moved } }).value).toMatchObject({ slotCreated: false });
  });

  it('fails on another cluster, where the position is meaningless', () => {
    const memory = remembering('0/1100');
    const systemId = '7300000000000000002';
    expect(open({ memory, server: { systemId } }).error).toMatchObject({
      code: 'SLOT_LOST',
      message: expect.stringContaining(systemId),
    });
  });

  it('fails when the slot is in use', () => {
    const start = buildError({ sqlState: '55006', message: 'replication slot "orders" is active for PID 1' });
    expect(open({ server: { start } }).error).toMatchObject({ code: 'SLOT_ACTIVE', retryable: true });
  });
});

describe('the resume state on a standby', () => {
  const info = { standby: true };

  it('records that the server is a standby', () => {
    const memory = new ResumeState();
    expect(open({ info, memory }).value).toMatchObject({ standby: true });
    expect(memory.position?.source).toMatchObject({ standby: true });
  });

  it("accepts that the primary's slot, or the slot itself, is not on the standby yet", () => {
    const asked: StartPosition = { lsn: 0x8000n, source: { systemId: IDENTITY.systemid, timeline: 1, slot: 'orders' } };
    for (const positionOwner of ['consumer', 'slot'] as const) {
      for (const slot of [undefined, { ...SLOT, synced: 't' }]) {
        const outcome = open({ info, asked, server: { slot }, plan: { positionOwner } });
        expect(outcome.error).toMatchObject({ code: 'SESSION_ATTRS_MISMATCH', retryable: true });
        expect(outcome.error).toHaveProperty('message', expect.stringContaining('belongs to the primary'));
        expect(steps(outcome)).not.toContain('pg_publication');
      }
    }
  });

  it('includes the reason why a standby invalidated the slot', () => {
    const server = { slot: { ...SLOT, wal_status: 'lost', conflicting: 't' } };
    expect(open({ info, server }).error).toMatchObject({
      code: 'SLOT_INVALIDATED',
      message: expect.stringContaining('conflicted with recovery on this standby'),
    });
  });
});

describe('publications', () => {
  it('that do not exist are listed in an error before anything is created', () => {
    const outcome = open({
      plan: {
        pgoutput: { publications: ['gone', 'orders_pub', 'Gone Too'], request: REQUEST },
        ensureSlot: { temporary: false },
      },
      server: { slot: undefined },
    });
    expect(outcome.error).toMatchObject({
      code: 'PUBLICATION_MISSING',
      message: expect.stringContaining('"gone", "Gone Too" does not exist'),
    });
    expect(steps(outcome)).toEqual([
      'pg_replication_slots',
      'IDENTIFY_SYSTEM',
      'pg_publication',
      'pg_publication',
      'pg_database',
    ]);
  });

  it('may have any names', () => {
    expect(open({ plan: { pgoutput: { publications: [`it's "so"`], request: REQUEST } } }).error).toBeUndefined();
  });

  it('are checked again at each subscription', () => {
    const { error } = open({ memory: remembering(), server: { publications: [] } });
    expect(error).toMatchObject({ code: 'PUBLICATION_MISSING' });
  });
});

describe('a slot that is missing', () => {
  it('is an error without ensureSlot', () => {
    const outcome = open({ server: { slot: undefined } });
    expect(outcome.error).toMatchObject({ code: 'SLOT_MISSING', retryable: false });
    expect(steps(outcome)).toEqual([
      'pg_replication_slots',
      'IDENTIFY_SYSTEM',
      'pg_publication',
      'pg_replication_slots',
    ]);
  });

  it('is reported only after a wal_level that prevents its creation', () => {
    const { error } = open({ server: { slot: undefined }, info: { walLevel: 'replica' } });
    expect(error).toMatchObject({ code: 'WAL_LEVEL', message: expect.stringContaining('wal_level is replica') });
    expect(open({ info: { walLevel: 'replica' } }).error).toBeUndefined();
  });

  it('is created with ensureSlot, after the publications were checked', () => {
    const outcome = open({ plan: { ensureSlot: { temporary: false } }, server: { slot: undefined } });
    expect(steps(outcome)).toEqual([
      'pg_replication_slots',
      'IDENTIFY_SYSTEM',
      'pg_publication',
      'CREATE_REPLICATION_SLOT',
      'pg_replication_slots',
      'START_REPLICATION',
    ]);
    expect(outcome.value).toMatchObject({ slotCreated: true, slot: { confirmedFlushLsn: 0x3000n } });
  });

  it.each([
    [140019, false, 'CREATE_REPLICATION_SLOT "orders" LOGICAL "pgoutput" NOEXPORT_SNAPSHOT'],
    [150000, false, `CREATE_REPLICATION_SLOT "orders" LOGICAL "pgoutput" (SNAPSHOT 'nothing')`],
    [180004, true, `CREATE_REPLICATION_SLOT "orders" TEMPORARY LOGICAL "pgoutput" (SNAPSHOT 'nothing')`],
  ])('is created with the syntax of server %d, without exporting a snapshot', (version, temporary, expected) => {
    const outcome = open({ plan: { ensureSlot: { temporary } }, server: { slot: undefined }, info: { version } });
    expect(outcome.sql).toContain(expected);
  });

  it('is created without a timeout, because creation waits for open transactions; no other command is', () => {
    const { untimed } = open({ plan: { ensureSlot: { temporary: false } }, server: { slot: undefined } });
    expect(untimed).toEqual([expect.stringMatching(/^CREATE_REPLICATION_SLOT/)]);
    expect(open().untimed).toEqual([]);
  });

  it('is not created if it exists', () => {
    const outcome = open({ plan: { ensureSlot: { temporary: false } } });
    expect(steps(outcome)).not.toContain('CREATE_REPLICATION_SLOT');
    expect(outcome.value?.slotCreated).toBe(false);
  });

  it('is not created again by a later subscription, because changes would be missing', () => {
    const outcome = open({
      plan: { ensureSlot: { temporary: false } },
      server: { slot: undefined },
      memory: remembering(),
    });
    expect(outcome.error).toMatchObject({ code: 'SLOT_LOST', retryable: false });
    expect(steps(outcome)).not.toContain('CREATE_REPLICATION_SLOT');
  });

  it('is created by the second subscription if the first one did not get that far', () => {
    const memory = new ResumeState();
    const plan = { ensureSlot: { temporary: false } };
    open({ plan, memory, server: { publications: [] } });
    expect(open({ plan, memory, server: { slot: undefined } }).value?.slotCreated).toBe(true);
  });

  it('may be created by another client at the same time', () => {
    const plan = { ensureSlot: { temporary: false } };
    expect(open({ plan, server: { slot: undefined, contested: true } }).value).toMatchObject({ slotCreated: false });
  });

  it('is an error if it disappears immediately after its creation', () => {
    const { error } = open({
      plan: { ensureSlot: { temporary: false } },
      server: { slot: undefined, forgetful: true },
    });
    expect(error).toMatchObject({ code: 'SLOT_MISSING' });
  });
});

describe('a slot that another connection streams from', () => {
  const ACTIVE = { ...SLOT, active: 't', active_pid: '7' };

  it('is detected by the first query, before other checks', () => {
    for (const positionOwner of ['consumer', 'slot'] as const) {
      const outcome = open({ plan: { positionOwner }, server: { slot: ACTIVE } });
      expect(outcome.error).toMatchObject({ code: 'SLOT_ACTIVE', retryable: true });
      expect(outcome.error).toHaveProperty('message', expect.stringContaining('"orders" is active for PID 7'));
      expect(steps(outcome)).not.toContain('pg_publication');
      expect(startOf(outcome)).toBeUndefined();
    }
  });

  it.each<[what: string, later: Readonly<Record<string, string | null>> | undefined, code: string]>([
    ['is using the slot', ACTIVE, 'SLOT_ACTIVE'],
    ['has advanced the slot', { ...SLOT, confirmed_flush_lsn: '0/1800' }, 'SLOT_ACTIVE'],
    ['has used the slot without advancing it', { ...SLOT, inactive_since: '1700000000001' }, 'SLOT_ACTIVE'],
    ['has dropped the slot', undefined, 'SLOT_MISSING'],
  ])(
    'is also detected directly before the start, if the other client connected in the meantime: it %s',
    (_, slot, code) => {
      const slots = [{ ...SLOT, inactive_since: '1700000000000' }, slot];
      const outcome = open({ server: { slots } });
      expect(outcome.error).toMatchObject({ code, retryable: code === 'SLOT_ACTIVE' });
      expect(startOf(outcome)).toBeUndefined();
    },
  );
});

describe('a slot of an unsuitable kind', () => {
  it.each<[what: string, slot: Readonly<Record<string, string | null>>, code: string, message: RegExp]>([
    ['physical', { slot_type: 'physical', plugin: null, database: null }, 'SLOT_INCOMPATIBLE', /is a physical slot/],
    ['of another plugin', { plugin: 'wal2json' }, 'SLOT_INCOMPATIBLE', /uses output plugin wal2json, not pgoutput/],
    ['of another database', { database: 'test' }, 'SLOT_INCOMPATIBLE', /belongs to database test, not shop/],
    [
      'without the WAL it needs',
      { wal_status: 'lost', restart_lsn: null },
      'SLOT_INVALIDATED',
      /server has removed WAL/,
    ],
    ['invalidated', { invalidation_reason: 'idle_timeout' }, 'SLOT_INVALIDATED', /is invalidated \(idle_timeout\)\./],
    [
      'given up for its WAL',
      { wal_status: 'lost', invalidation_reason: 'wal_removed' },
      'SLOT_INVALIDATED',
      /is invalidated \(wal_removed\)\./,
    ],
  ])('is an error before the stream starts: %s', (_, changed, code, message) => {
    const outcome = open({ server: { slot: { ...SLOT, ...changed } } });
    expect(outcome.error).toMatchObject({ code, retryable: false, message: expect.stringMatching(message) });
    expect(startOf(outcome)).toBeUndefined();
  });

  it.each([
    [140019, false],
    [160014, false],
    [170000, true],
    [180004, true],
  ])('is queried from server %d with its invalidation reason: %p', (version, asks) => {
    const outcome = open({ info: { version } });
    const sql = outcome.sql.find((text) => text.includes('pg_replication_slots'));
    expect(sql?.includes('invalidation_reason')).toBe(asks);
    expect(outcome.value?.slot).toMatchObject({ name: 'orders', invalidationReason: undefined });
  });

  it('of an unknown type is a protocol violation', () => {
    expect(open({ server: { slot: { ...SLOT, slot_type: 'magic' } } }).error).toMatchObject({
      code: 'PROTOCOL_VIOLATION',
    });
  });
});

/** The stored checkpoint, with the server's current source. */
function stored(endLsn: string, source: Partial<StreamSource> = {}): StartPosition {
  return { lsn: parseLsn(endLsn), source: { systemId: IDENTITY.systemid, timeline: 1, slot: 'orders', ...source } };
}

describe('a stored position', () => {
  const plan: Partial<StreamPlan> = { positionOwner: 'consumer' };

  it('is the start position, unless the slot is ahead of it', () => {
    const outcome = open({ plan, asked: stored('0/1000') });
    expect([startOf(outcome), outcome.value?.startLsn]).toEqual([expect.stringContaining(' LOGICAL 0/1000 '), 0x1000n]);
    expect(steps(outcome)).toEqual([
      'pg_replication_slots',
      'IDENTIFY_SYSTEM',
      'pg_publication',
      'pg_replication_slots',
      'START_REPLICATION',
    ]);
  });

  it.each<[what: string, trial: Trial, code: string]>([
    ['behind the slot', { asked: stored('0/FFF') }, 'SLOT_AHEAD'],
    ['behind the slot, without its source', { asked: at('0/FFF') }, 'SLOT_AHEAD'],
    ['of another slot', { asked: stored('0/1800', { slot: 'users' }) }, 'CHECKPOINT_MISMATCH'],
    ['of another cluster', { asked: stored('0/1800', { systemId: '7' }) }, 'CHECKPOINT_MISMATCH'],
    ['of a later timeline', { asked: stored('0/1800', { timeline: 2 }) }, 'CHECKPOINT_MISMATCH'],
    ["beyond the server's WAL", { asked: stored('0/2001') }, 'CHECKPOINT_MISMATCH'],
    ['whose slot no longer exists', { asked: stored('0/1800'), server: { slot: undefined } }, 'SLOT_LOST'],
  ])('%s is an error before the stream starts', (_, trial, code) => {
    const outcome = open({ plan, ...trial });
    expect(outcome.error).toMatchObject({ code, retryable: false });
    expect(startOf(outcome)).toBeUndefined();
  });

  it('of another cluster is an error before the publications are checked', () => {
    expect(steps(open({ plan, asked: stored('0/1800', { systemId: '7' }) }))).toEqual([
      'pg_replication_slots',
      'IDENTIFY_SYSTEM',
    ]);
  });

  it('of an earlier timeline is compared with the LSN at which the server left that timeline', () => {
    const server = { timeline: '3', history: '1\t0/1800\tone\n2\t0/1C00\ttwo\n' };
    expect(startOf(open({ plan, asked: stored('0/1800'), server }))).toContain(' LOGICAL 0/1800 ');
    const outcome = open({ plan, asked: stored('0/1801'), server });
    expect(outcome.error).toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
    expect(steps(outcome)).toEqual(['pg_replication_slots', 'IDENTIFY_SYSTEM', 'TIMELINE_HISTORY']);
  });

  it('without a slot is an error even with ensureSlot, because a new slot would begin after a gap', () => {
    const outcome = open({
      plan: { ...plan, ensureSlot: { temporary: false } },
      asked: stored('0/1800'),
      server: { slot: undefined },
    });
    expect(outcome.error).toMatchObject({ code: 'SLOT_LOST' });
    expect(steps(outcome)).not.toContain('CREATE_REPLICATION_SLOT');
  });

  it('takes precedence over the resume state: the slot must not be ahead of it', () => {
    const server = { slot: { ...SLOT, confirmed_flush_lsn: '0/1500' } };
    expect(open({ plan, memory: remembering('0/1500'), asked: stored('0/1400'), server }).error).toMatchObject({
      code: 'SLOT_AHEAD',
    });
    expect(open({ plan, memory: remembering('0/1400'), asked: stored('0/1500'), server }).error).toBeUndefined();
  });

  it('that is empty lets the slot be created, and the slot determines the start', () => {
    const ensureSlot = { temporary: false };
    const outcome = open({ plan: { ...plan, ensureSlot }, server: { slot: undefined } });
    expect(outcome.value).toMatchObject({ slotCreated: true, startLsn: undefined });
    expect(startOf(outcome)).toContain(' LOGICAL 0/0 ');
  });

  it('that is empty leaves the start to the resume state, with its usual checks', () => {
    const memory = remembering('0/1500');
    expect(startOf(open({ plan, memory }))).toContain(' LOGICAL 0/1500 ');
    expect(open({ plan, memory, server: { slot: undefined } }).error).toMatchObject({ code: 'SLOT_LOST' });
    const server = { slot: { ...SLOT, confirmed_flush_lsn: '0/1501' } };
    expect(open({ plan, memory, server }).error).toMatchObject({ code: 'SLOT_MOVED' });
  });
});

/** A position without a source. */
function at(lsn: string): StartPosition {
  return { lsn: parseLsn(lsn), source: undefined };
}

describe('where a stream starts', () => {
  it("is the slot's position by default", () => {
    const outcome = open();
    expect([startOf(outcome), outcome.value?.startLsn]).toEqual([expect.stringContaining(' LOGICAL 0/0 '), undefined]);
  });

  it('is the requested position', () => {
    const outcome = open({ asked: at('0/1800') });
    expect([startOf(outcome), outcome.value?.startLsn]).toEqual([expect.stringContaining(' LOGICAL 0/1800 '), 0x1800n]);
  });

  it('is the position acknowledged in an earlier subscription, even if the server did not receive it', () => {
    const outcome = open({ memory: remembering('0/1500') });
    expect([startOf(outcome), outcome.value?.startLsn]).toEqual([expect.stringContaining(' LOGICAL 0/1500 '), 0x1500n]);
  });

  it('is a fixed startLsn on the first subscription only', () => {
    const memory = new ResumeState();
    expect(startOf(open({ memory, asked: at('0/1600') }))).toContain(' LOGICAL 0/1600 ');
    memory.recordConfirmed(0x1700n);
    expect(startOf(open({ memory, asked: at('0/1600') }))).toContain(' LOGICAL 0/1700 ');
  });

  it('is the stored position on each subscription, independent of acknowledgements', () => {
    const memory = remembering('0/1500');
    const plan: Partial<StreamPlan> = { positionOwner: 'consumer' };
    expect(startOf(open({ memory, plan, asked: at('0/1400') }))).toContain(' LOGICAL 0/1400 ');
    expect(startOf(open({ memory, plan }))).toContain(' LOGICAL 0/1500 ');
  });

  it("must not be before the slot's position, nor beyond the end of the WAL, for a fixed startLsn", () => {
    expect(open({ asked: at('0/FFF') }).error).toMatchObject({ code: 'SLOT_AHEAD' });
    expect(open({ asked: at('0/2001') }).error).toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
  });

  it('counts as confirmed once the stream has started, for a fixed startLsn', () => {
    const memory = new ResumeState();
    const start = buildError({ sqlState: '55006', message: 'replication slot "orders" is active for PID 1' });
    open({ memory, asked: at('0/1600'), server: { start } });
    expect(memory.position).toBeUndefined();
    open({ memory, asked: at('0/1600') });
    expect(memory.position?.lsn).toBe(0x1600n);
  });

  it('is remembered with the timeline, which a promotion changes', () => {
    const memory = remembering('0/1500');
    const server = { timeline: '2', history: '1\t0/1500\tpromoted\n' };
    expect(open({ memory, server }).error).toBeUndefined();
    expect(memory.position).toMatchObject({ lsn: 0x1500n, source: { timeline: 2 } });
    expect(open({ memory: remembering('0/1501'), server }).error).toMatchObject({
      code: 'SLOT_LOST',
      message: expect.stringContaining('where this server switched from timeline 1'),
    });
  });

  it('is an error if another client has advanced the slot beyond the confirmed position', () => {
    const standing = (confirmed_flush_lsn: string): Partial<FakeServer> => ({ slot: { ...SLOT, confirmed_flush_lsn } });
    const outcome = open({ memory: remembering('0/1500'), server: standing('0/1501') });
    expect(outcome.error).toMatchObject({
      code: 'SLOT_MOVED',
      retryable: false,
      message: expect.stringContaining('is at 0/1501, but this stream confirmed only up to 0/1500'),
    });
    expect(startOf(outcome)).toBeUndefined();
    for (const position of ['0/900', '0/1000', '0/1500']) {
      expect(open({ memory: remembering('0/1500'), server: standing(position) }).error).toBeUndefined();
    }
  });
});
