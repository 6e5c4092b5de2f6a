import type { StartPosition, StreamSource } from '../../lib/ledger/checkpoint';
import { ReplicationError } from '../../lib/common/errors';
import { parseLsn } from '../../lib/common/lsn';
import type { UserCallback } from '../../lib/commands/protocol-routine';
import { openStream, type OpenInfo, type StreamPlan } from '../../lib/commands/open-stream';
import { ResumeState } from '../../lib/commands/resume-state';
import type { ServerInfo } from '../../lib/commands/startup';
import type { PgoutputRequest } from '../../lib/commands/pgoutput-options';
import type { BackendMessage } from '../../lib/wire/backend';
import { converse, refusal, rows, type Outcome, type Said } from './support/converse';

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

/** pg_replication_slots, as the server prints it. */
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

/** A server with publications and a slot, or without one. */
class FakeServer {
  publications = ['orders_pub', 'other', `it's "so"`];
  slot: Readonly<Record<string, string | null>> | undefined = SLOT;
  /** What the slot is at each look, where it changes. */
  slots: (Readonly<Record<string, string | null>> | undefined)[] = [];
  /** What START_REPLICATION is answered with. */
  start: readonly BackendMessage[] = [{ kind: 'copyBoth' }];
  /** Whether a slot that was just made vanishes again. */
  forgetful = false;
  /** Whether somebody else makes the slot at the same time. */
  contested = false;
  systemId = IDENTITY.systemid;
  timeline = IDENTITY.timeline;
  /** Where it left the timelines before. */
  history = '';

  readonly answer = (said: Said): readonly BackendMessage[] => {
    const sql = said.kind === 'query' ? said.sql : '';
    if (sql === 'IDENTIFY_SYSTEM') return rows({ ...IDENTITY, systemid: this.systemId, timeline: this.timeline });
    if (sql.startsWith('TIMELINE_HISTORY')) return rows({ filename: 'x.history', content: this.history });
    if (sql.includes('pg_publication ')) {
      const known = this.publications.filter((name) => sql.includes(`'${name.replaceAll("'", "''")}'`));
      return rows(...known.map((pubname) => ({ pubname })));
    }
    // Names like one that is missing.
    if (sql.includes(' AS name')) return rows();
    if (sql.includes('pg_replication_slots')) {
      const slot = this.slots.length > 0 ? this.slots.shift() : this.slot;
      return slot ? rows(slot) : rows();
    }
    if (sql.startsWith('CREATE_REPLICATION_SLOT')) {
      if (!this.forgetful) this.slot = { ...SLOT, confirmed_flush_lsn: '0/3000' };
      if (this.contested) return refusal({ sqlState: '42710', message: 'replication slot "orders" already exists' });
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
  /** Where the consumer wants to start. */
  asked?: StartPosition;
}

function open({ plan, server, info, memory = new ResumeState(), asked }: Trial = {}): Outcome<OpenInfo> {
  const fake = Object.assign(new FakeServer(), server);
  const whole = { ...PLAN, ...plan };
  const start = whole.positionOwner === 'consumer' ? { callback: answering(asked) } : { position: asked };
  return converse(openStream(whole, { ...SERVER, ...info }, memory, start), fake.answer);
}

/** A store that answers at once. */
function answering(position: StartPosition | undefined): UserCallback {
  return {
    call: (answered) => {
      answered({ kind: 'startPosition', position });
      return () => undefined;
    },
    createTimeoutError: () => new ReplicationError('CHECKPOINT_UNAVAILABLE', 'It has not answered'),
  };
}

/** What an earlier subscription left behind. */
function remembering(confirmed?: string): ResumeState {
  const memory = new ResumeState();
  open({ memory });
  if (confirmed !== undefined) memory.recordConfirmed(parseLsn(confirmed));
  return memory;
}

/** The commands, by their first words. */
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
  it('looks at the slot and publications before it starts, and at the slot once more', () => {
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

  it('tells what it found', () => {
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

  it('asks for no publications with another plugin', () => {
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

  it('takes no slot for its own that another still has: it may move until we get it', () => {
    const memory = new ResumeState();
    const plan = { ensureSlot: { temporary: false } };
    const start = refusal({ sqlState: '55006', message: 'replication slot "orders" is active for PID 1' });
    expect(open({ plan, memory, server: { start } }).error).toMatchObject({ code: 'SLOT_ACTIVE' });
    const moved = { ...SLOT, confirmed_flush_lsn: '0/1800' };
    expect(open({ plan, memory, server: { slot: moved } }).value).toMatchObject({ slotCreated: false });
  });

  it('does not go on with another cluster, where the position means nothing', () => {
    const memory = remembering('0/1100');
    const systemId = '7300000000000000002';
    expect(open({ memory, server: { systemId } }).error).toMatchObject({
      code: 'SLOT_LOST',
      message: expect.stringContaining(systemId),
    });
  });

  it('fails when the slot is in use', () => {
    const start = refusal({ sqlState: '55006', message: 'replication slot "orders" is active for PID 1' });
    expect(open({ server: { start } }).error).toMatchObject({ code: 'SLOT_ACTIVE', retryable: true });
  });
});

describe('a standby', () => {
  const info = { standby: true };

  it('is told of, and remembered', () => {
    const memory = new ResumeState();
    expect(open({ info, memory }).value).toMatchObject({ standby: true });
    expect(memory.position?.source).toMatchObject({ standby: true });
  });

  it("that has the primary's slot, or nothing yet, is known before anything counts as lost", () => {
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

  it('that had to give the slot up says why', () => {
    const server = { slot: { ...SLOT, wal_status: 'lost', conflicting: 't' } };
    expect(open({ info, server }).error).toMatchObject({
      code: 'SLOT_INVALIDATED',
      message: expect.stringContaining('conflicted with recovery on this standby'),
    });
  });
});

describe('publications', () => {
  it('that do not exist are named, before anything is made', () => {
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

  it('may have any name', () => {
    expect(open({ plan: { pgoutput: { publications: [`it's "so"`], request: REQUEST } } }).error).toBeUndefined();
  });

  it('are looked at again at each subscription', () => {
    const { error } = open({ memory: remembering(), server: { publications: [] } });
    expect(error).toMatchObject({ code: 'PUBLICATION_MISSING' });
  });
});

describe('a slot that is missing', () => {
  it('is an error, where nobody asked for it to be made', () => {
    const outcome = open({ server: { slot: undefined } });
    expect(outcome.error).toMatchObject({ code: 'SLOT_MISSING', retryable: false });
    expect(steps(outcome)).toEqual([
      'pg_replication_slots',
      'IDENTIFY_SYSTEM',
      'pg_publication',
      'pg_replication_slots',
    ]);
  });

  it('is the lesser trouble where wal_level forbids to make it', () => {
    const { error } = open({ server: { slot: undefined }, info: { walLevel: 'replica' } });
    expect(error).toMatchObject({ code: 'WAL_LEVEL', message: expect.stringContaining('wal_level is replica') });
    expect(open({ info: { walLevel: 'replica' } }).error).toBeUndefined();
  });

  it('is made with ensureSlot, after the publications were looked at', () => {
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
  ])('is made in the words of server %d, and exports no snapshot', (version, temporary, expected) => {
    const outcome = open({ plan: { ensureSlot: { temporary } }, server: { slot: undefined }, info: { version } });
    expect(outcome.sql).toContain(expected);
  });

  it('is made with patience, as that waits for open transactions; nothing else is', () => {
    const { untimed } = open({ plan: { ensureSlot: { temporary: false } }, server: { slot: undefined } });
    expect(untimed).toEqual([expect.stringMatching(/^CREATE_REPLICATION_SLOT/)]);
    expect(open().untimed).toEqual([]);
  });

  it('is not made where it exists', () => {
    const outcome = open({ plan: { ensureSlot: { temporary: false } } });
    expect(steps(outcome)).not.toContain('CREATE_REPLICATION_SLOT');
    expect(outcome.value?.slotCreated).toBe(false);
  });

  it('is not made again by a later subscription: changes would be missing', () => {
    const outcome = open({
      plan: { ensureSlot: { temporary: false } },
      server: { slot: undefined },
      memory: remembering(),
    });
    expect(outcome.error).toMatchObject({ code: 'SLOT_LOST', retryable: false });
    expect(steps(outcome)).not.toContain('CREATE_REPLICATION_SLOT');
  });

  it('is made by the second subscription, where the first did not come so far', () => {
    const memory = new ResumeState();
    const plan = { ensureSlot: { temporary: false } };
    open({ plan, memory, server: { publications: [] } });
    expect(open({ plan, memory, server: { slot: undefined } }).value?.slotCreated).toBe(true);
  });

  it('may be made by somebody else at the same time', () => {
    const plan = { ensureSlot: { temporary: false } };
    expect(open({ plan, server: { slot: undefined, contested: true } }).value).toMatchObject({ slotCreated: false });
  });

  it('is an error when it vanishes as soon as it is made', () => {
    const { error } = open({
      plan: { ensureSlot: { temporary: false } },
      server: { slot: undefined, forgetful: true },
    });
    expect(error).toMatchObject({ code: 'SLOT_MISSING' });
  });
});

describe('a slot that another connection reads', () => {
  const ACTIVE = { ...SLOT, active: 't', active_pid: '7' };

  it('is known by a look at it, before anything else is looked at', () => {
    for (const positionOwner of ['consumer', 'slot'] as const) {
      const outcome = open({ plan: { positionOwner }, server: { slot: ACTIVE } });
      expect(outcome.error).toMatchObject({ code: 'SLOT_ACTIVE', retryable: true });
      expect(outcome.error).toHaveProperty('message', expect.stringContaining('"orders" is active for PID 7'));
      expect(steps(outcome)).not.toContain('pg_publication');
      expect(startOf(outcome)).toBeUndefined();
    }
  });

  it.each<[what: string, later: Readonly<Record<string, string | null>> | undefined, code: string]>([
    ['has it now', ACTIVE, 'SLOT_ACTIVE'],
    ['has moved it', { ...SLOT, confirmed_flush_lsn: '0/1800' }, 'SLOT_ACTIVE'],
    ['had it, and has moved nothing', { ...SLOT, inactive_since: '1700000000001' }, 'SLOT_ACTIVE'],
    ['has dropped it', undefined, 'SLOT_MISSING'],
  ])('is noticed just before the start, too, where it came meanwhile: it %s', (_, slot, code) => {
    const slots = [{ ...SLOT, inactive_since: '1700000000000' }, slot];
    const outcome = open({ server: { slots } });
    expect(outcome.error).toMatchObject({ code, retryable: code === 'SLOT_ACTIVE' });
    expect(startOf(outcome)).toBeUndefined();
  });
});

describe('a slot of the wrong kind', () => {
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
    ['given up', { invalidation_reason: 'idle_timeout' }, 'SLOT_INVALIDATED', /is invalidated \(idle_timeout\)\./],
    [
      'given up for its WAL',
      { wal_status: 'lost', invalidation_reason: 'wal_removed' },
      'SLOT_INVALIDATED',
      /is invalidated \(wal_removed\)\./,
    ],
  ])('is refused before the stream starts: %s', (_, changed, code, message) => {
    const outcome = open({ server: { slot: { ...SLOT, ...changed } } });
    expect(outcome.error).toMatchObject({ code, retryable: false, message: expect.stringMatching(message) });
    expect(startOf(outcome)).toBeUndefined();
  });

  it.each([
    [140019, false],
    [160014, false],
    [170000, true],
    [180004, true],
  ])('is asked of server %d for the reason why it was given up: %p', (version, asks) => {
    const outcome = open({ info: { version } });
    const sql = outcome.sql.find((text) => text.includes('pg_replication_slots'));
    expect(sql?.includes('invalidation_reason')).toBe(asks);
    expect(outcome.value?.slot).toMatchObject({ name: 'orders', invalidationReason: undefined });
  });

  it('of a type that nobody knows is a violation', () => {
    expect(open({ server: { slot: { ...SLOT, slot_type: 'magic' } } }).error).toMatchObject({
      code: 'PROTOCOL_VIOLATION',
    });
  });
});

/** What a store holds, of the server as it is. */
function stored(endLsn: string, source: Partial<StreamSource> = {}): StartPosition {
  return { lsn: parseLsn(endLsn), source: { systemId: IDENTITY.systemid, timeline: 1, slot: 'orders', ...source } };
}

describe('a position that a store holds', () => {
  const plan: Partial<StreamPlan> = { positionOwner: 'consumer' };

  it('is started from, where the slot is not ahead of it', () => {
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
    ['of a timeline that is still to come', { asked: stored('0/1800', { timeline: 2 }) }, 'CHECKPOINT_MISMATCH'],
    ["beyond the server's WAL", { asked: stored('0/2001') }, 'CHECKPOINT_MISMATCH'],
    ['whose slot is gone', { asked: stored('0/1800'), server: { slot: undefined } }, 'SLOT_LOST'],
  ])('%s is an error before the stream starts', (_, trial, code) => {
    const outcome = open({ plan, ...trial });
    expect(outcome.error).toMatchObject({ code, retryable: false });
    expect(startOf(outcome)).toBeUndefined();
  });

  it('of another cluster is known before the publications are looked at', () => {
    expect(steps(open({ plan, asked: stored('0/1800', { systemId: '7' }) }))).toEqual([
      'pg_replication_slots',
      'IDENTIFY_SYSTEM',
    ]);
  });

  it('of an earlier timeline is compared with where the server left that', () => {
    const server = { timeline: '3', history: '1\t0/1800\tone\n2\t0/1C00\ttwo\n' };
    expect(startOf(open({ plan, asked: stored('0/1800'), server }))).toContain(' LOGICAL 0/1800 ');
    const outcome = open({ plan, asked: stored('0/1801'), server });
    expect(outcome.error).toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
    expect(steps(outcome)).toEqual(['pg_replication_slots', 'IDENTIFY_SYSTEM', 'TIMELINE_HISTORY']);
  });

  it('is not made up for by a new slot, though ensureSlot is given: that would begin after a gap', () => {
    const outcome = open({
      plan: { ...plan, ensureSlot: { temporary: false } },
      asked: stored('0/1800'),
      server: { slot: undefined },
    });
    expect(outcome.error).toMatchObject({ code: 'SLOT_LOST' });
    expect(steps(outcome)).not.toContain('CREATE_REPLICATION_SLOT');
  });

  it('counts instead of what this observable remembers: its slot may not be ahead of the store', () => {
    const server = { slot: { ...SLOT, confirmed_flush_lsn: '0/1500' } };
    expect(open({ plan, memory: remembering('0/1500'), asked: stored('0/1400'), server }).error).toMatchObject({
      code: 'SLOT_AHEAD',
    });
    expect(open({ plan, memory: remembering('0/1400'), asked: stored('0/1500'), server }).error).toBeUndefined();
  });

  it('lets the slot be made while the store is empty, and leaves the start to it', () => {
    const ensureSlot = { temporary: false };
    const outcome = open({ plan: { ...plan, ensureSlot }, server: { slot: undefined } });
    expect(outcome.value).toMatchObject({ slotCreated: true, startLsn: undefined });
    expect(startOf(outcome)).toContain(' LOGICAL 0/0 ');
  });

  it('is missing in an empty store: then what this observable remembers counts, and is guarded as ever', () => {
    const memory = remembering('0/1500');
    expect(startOf(open({ plan, memory }))).toContain(' LOGICAL 0/1500 ');
    expect(open({ plan, memory, server: { slot: undefined } }).error).toMatchObject({ code: 'SLOT_LOST' });
    const server = { slot: { ...SLOT, confirmed_flush_lsn: '0/1501' } };
    expect(open({ plan, memory, server }).error).toMatchObject({ code: 'SLOT_MOVED' });
  });
});

/** A position alone. */
function at(lsn: string): StartPosition {
  return { lsn: parseLsn(lsn), source: undefined };
}

describe('where a stream starts', () => {
  it("is the slot's own position, if nothing else is known", () => {
    const outcome = open();
    expect([startOf(outcome), outcome.value?.startLsn]).toEqual([expect.stringContaining(' LOGICAL 0/0 '), undefined]);
  });

  it('is what was asked for', () => {
    const outcome = open({ asked: at('0/1800') });
    expect([startOf(outcome), outcome.value?.startLsn]).toEqual([expect.stringContaining(' LOGICAL 0/1800 '), 0x1800n]);
  });

  it('is what was acknowledged in an earlier subscription, though the server never heard of it', () => {
    const outcome = open({ memory: remembering('0/1500') });
    expect([startOf(outcome), outcome.value?.startLsn]).toEqual([expect.stringContaining(' LOGICAL 0/1500 '), 0x1500n]);
  });

  it('is a position given as such on the first subscription only', () => {
    const memory = new ResumeState();
    expect(startOf(open({ memory, asked: at('0/1600') }))).toContain(' LOGICAL 0/1600 ');
    memory.recordConfirmed(0x1700n);
    expect(startOf(open({ memory, asked: at('0/1600') }))).toContain(' LOGICAL 0/1700 ');
  });

  it('is what a store says on each subscription, whatever has been acknowledged', () => {
    const memory = remembering('0/1500');
    const plan: Partial<StreamPlan> = { positionOwner: 'consumer' };
    expect(startOf(open({ memory, plan, asked: at('0/1400') }))).toContain(' LOGICAL 0/1400 ');
    expect(startOf(open({ memory, plan }))).toContain(' LOGICAL 0/1500 ');
  });

  it('given as such may not lie behind the slot, nor beyond the WAL', () => {
    expect(open({ asked: at('0/FFF') }).error).toMatchObject({ code: 'SLOT_AHEAD' });
    expect(open({ asked: at('0/2001') }).error).toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
  });

  it('given as such counts as confirmed once the stream has started, and not before', () => {
    const memory = new ResumeState();
    const start = refusal({ sqlState: '55006', message: 'replication slot "orders" is active for PID 1' });
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

  it('is an error when somebody else has moved the slot past all that we confirmed', () => {
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
