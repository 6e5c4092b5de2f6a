import type { StartPosition, StreamSource } from '../../lib/ledger/checkpoint';
import { ReplicationError } from '../../lib/common/errors';
import { parseLsn } from '../../lib/common/lsn';
import { fetchTimelineHistory, type SlotStatus, type SystemIdentity } from '../../lib/commands/slot-commands';
import { ResumeState } from '../../lib/commands/resume-state';
import { createConsumerResumePoint, createStateResumePoint, type ResumePoint } from '../../lib/commands/start-position';
import { runRoutine, buildError, rows, type Outcome, type ClientCommands } from './support/converse';
import { slotAt } from './support/slot-at';

const SYSTEM = '7300000000000000001';
const SOURCE: StreamSource = { systemId: SYSTEM, timeline: 3, slot: 'orders' };

/** A server on timeline 3 with two earlier timelines. */
const IDENTITY: SystemIdentity = { systemId: SYSTEM, timeline: 3, walPosition: 0x9000n, database: 'shop' };
const HISTORY = '1\t0/3000\tno recovery target specified\n\n2\t0/5000\tbefore 2024-05-06 07:08:10+00\n';

function at(lsn: string, source?: Partial<StreamSource>): StartPosition {
  return { lsn: parseLsn(lsn), source: source && { ...SOURCE, ...source } };
}

function answering(content: string): (said: ClientCommands) => ReturnType<typeof rows> {
  return (said) => {
    if (said.kind === 'query' && said.sql.startsWith('TIMELINE_HISTORY')) {
      return rows({ filename: '00000003.history', content });
    }
    throw new Error(`Unexpected: ${JSON.stringify(said)}`);
  };
}

function checked(position: StartPosition, identity: Partial<SystemIdentity> = {}): Outcome<void> {
  return runRoutine(
    createConsumerResumePoint(position, 'consumer').check({ ...IDENTITY, ...identity }, 'orders', slotAt(undefined)),
    answering(HISTORY),
  );
}

describe('a start position', () => {
  it.each<[what: string, position: StartPosition]>([
    ['without a source', at('0/8000')],
    ['at the end of the WAL', at('0/9000')],
    ["of the server's own timeline", at('0/8000', {})],
    ['of an earlier timeline, before the switch', at('0/4FFF', { timeline: 2 })],
    ['of an earlier timeline, at the switch', at('0/5000', { timeline: 2 })],
    ['of the first timeline', at('0/2000', { timeline: 1 })],
  ])('%s is accepted', (_, position) => {
    expect(checked(position).error).toBeUndefined();
  });

  it.each<[what: string, position: StartPosition, words: string]>([
    ['of another slot', at('0/100', { slot: 'users' }), '0/100, was stored for slot "users", not for "orders"'],
    [
      'of another cluster',
      at('0/100', { systemId: '7' }),
      `0/100, is of another cluster (system identifier 7; this cluster has`,
    ],
    [
      'beyond the end of its timeline',
      at('0/5001', { timeline: 2 }),
      '0/5001, is beyond 0/5000, where this server switched from timeline 2 to the next',
    ],
    ['of the first timeline, after the switch', at('0/3001', { timeline: 1 }), 'is beyond 0/3000, where this server'],
    [
      'of a timeline that is still to come',
      at('0/100', { timeline: 4 }),
      "is of timeline 4, which is not in the history of this server's timeline 3",
    ],
    ['beyond the WAL', at('0/9001'), "0/9001, is beyond the end of this server's WAL, 0/9000"],
    ['beyond the WAL of its own timeline', at('0/9001', {}), "is beyond the end of this server's WAL"],
  ])('%s is a mismatch', (_, position, words) => {
    const { error } = checked(position);
    expect(error).toMatchObject({ code: 'CHECKPOINT_MISMATCH', retryable: false });
    expect(error).toHaveProperty('message', expect.stringContaining(`The start position, `));
    expect(error).toHaveProperty('message', expect.stringContaining(words));
  });

  it("of a timeline that is not in the server's history is a mismatch", () => {
    const { error } = runRoutine(
      createConsumerResumePoint(at('0/100', { timeline: 2 }), 'consumer').check(IDENTITY, 'orders', slotAt(undefined)),
      answering('1\t0/3000\tno recovery target specified\n'),
    );
    expect(error).toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
    expect(error).toHaveProperty('message', expect.stringContaining('which is not in the history of'));
  });

  it('beyond the end of the WAL is a mismatch on a later timeline, too', () => {
    const { error } = checked(at('0/4000', { timeline: 2 }), { walPosition: 0x3fffn });
    expect(error).toHaveProperty('message', expect.stringContaining("beyond the end of this server's WAL, 0/3FFF"));
  });

  it('does not request an irrelevant timeline history', () => {
    const positions = [at('0/1'), at('0/1', {}), at('0/1', { timeline: 4 }), at('0/1', { systemId: '7', timeline: 1 })];
    for (const position of positions) expect(checked(position).sql).toEqual([]);
    expect(checked(at('0/1', { timeline: 1 })).sql).toEqual(['TIMELINE_HISTORY 3']);
  });

  it("fails with the server's error if the server has no history", () => {
    const missing = buildError({ sqlState: '58P01', message: 'could not open file "pg_wal/00000003.history"' });
    const { error } = runRoutine(
      createConsumerResumePoint(at('0/1', { timeline: 1 }), 'consumer').check(IDENTITY, 'orders', slotAt(undefined)),
      () => missing,
    );
    expect(error).toMatchObject({ code: 'WAL_REMOVED', message: expect.stringContaining('00000003.history') });
  });
});

describe('a position that was read from a standby', () => {
  /** On timeline 1, which this server left at 0/3000, or timeline 2, left at 0/5000. */
  function verdict(
    lsn: string,
    found: SlotStatus | undefined,
    source: Partial<StreamSource> = { standby: true },
  ): string {
    const position = at(lsn, { timeline: 1, ...source });
    const { error } = runRoutine(
      createConsumerResumePoint(position, 'slot').check(IDENTITY, 'orders', found),
      answering(HISTORY),
    );
    return error instanceof ReplicationError ? error.code : String(error);
  }

  it.each<[lsn: string, confirmed: bigint]>([
    ['0/3000', 0x1000n],
    ['0/3001', 0x3001n],
    ['0/4FFF', 0x4fffn],
    ['0/8000', 0x8000n],
  ])('may be %s if the slot was confirmed up to %p', (lsn, confirmed) => {
    expect(verdict(lsn, slotAt(confirmed))).toBe('undefined');
  });

  it.each<[lsn: string, confirmed: bigint | undefined]>([
    ['0/3001', 0x3000n],
    // For example of a slot that was created after the promotion.
    ['0/8000', 0x7000n],
    ['0/4FFF', 0x1000n],
    ['0/5001', 0x5000n],
    ['0/8000', 0x4000n],
    ['0/8000', undefined],
  ])(
    'must not be %s if the slot was confirmed up to %p, because another server may have left the timeline there',
    (lsn, confirmed) => {
      expect(verdict(lsn, slotAt(confirmed))).toBe('CHECKPOINT_MISMATCH');
      expect(verdict(lsn, undefined)).toBe('CHECKPOINT_MISMATCH');
    },
  );

  it("of a copied slot or of a primary does not use the slot's position", () => {
    expect(verdict('0/8000', { ...slotAt(0x7000n), synced: true })).toBe('CHECKPOINT_MISMATCH');
    expect(verdict('0/8000', slotAt(0x7000n), {})).toBe('CHECKPOINT_MISMATCH');
    expect(verdict('0/8000', slotAt(0x7000n), { standby: true, timeline: 4 })).toBe('CHECKPOINT_MISMATCH');
    expect(verdict('0/8000', slotAt(0x7000n), { standby: true, systemId: '7' })).toBe('CHECKPOINT_MISMATCH');
  });
});

describe('a standby that has not reached a position', () => {
  it.each<[what: string, position: StartPosition, words: string]>([
    [
      'which it still has to replay',
      at('0/9001', {}),
      '0/9001, is beyond the last replayed position of this standby, 0/9000',
    ],
    ['of a later timeline', at('0/100', { timeline: 4 }), 'is of timeline 4, but this standby is on timeline 3'],
  ])('%s: may reach it', (_, position, words) => {
    const memory = new ResumeState();
    for (const resumption of [
      createConsumerResumePoint(position, 'consumer'),
      createStateResumePoint(position, memory),
    ]) {
      const server = { ...IDENTITY, standby: true };
      const { error } = runRoutine(resumption.check(server, 'orders', slotAt(undefined)), answering(HISTORY));
      expect(error).toMatchObject({
        code: 'SESSION_ATTRS_MISMATCH',
        retryable: true,
        message: expect.stringContaining(words),
      });
      expect(error).toHaveProperty('message', expect.stringContaining('Wait until the standby has caught up'));
    }
  });

  it('never reaches a position of another cluster, or one beyond a timeline that it has left', () => {
    for (const position of [at('0/9001', { systemId: '7' }), at('0/5001', { timeline: 2 })]) {
      const check = createConsumerResumePoint(position, 'consumer').check(
        { ...IDENTITY, standby: true },
        'orders',
        slotAt(undefined),
      );
      expect(runRoutine(check, answering(HISTORY)).error).toMatchObject({
        code: 'CHECKPOINT_MISMATCH',
        retryable: false,
      });
    }
  });
});

/** The mismatch of a slot for a valid position. */
function onSlot(resumption: ResumePoint, found: SlotStatus | undefined): unknown {
  const identity = { ...IDENTITY, timeline: resumption.position.source?.timeline ?? IDENTITY.timeline };
  return runRoutine(resumption.check(identity, 'orders', found), answering(HISTORY)).error;
}

describe('the slot for a start position', () => {
  const resumption = createConsumerResumePoint(at('0/2000'), 'consumer');

  it.each([undefined, 0x1000n, 0x1fffn, 0x2000n])('may be at %p', (confirmed) => {
    expect(onSlot(resumption, slotAt(confirmed))).toBeUndefined();
  });

  it('must not be ahead, because changes would be skipped', () => {
    expect(onSlot(resumption, slotAt(0x2001n))).toEqual(
      expect.objectContaining({
        code: 'SLOT_AHEAD',
        retryable: false,
        message: expect.stringContaining(
          'is at 0/2001, ahead of the start position 0/2000. Another consumer confirmed the changes between',
        ),
      }),
    );
  });

  it('must exist', () => {
    expect(onSlot(resumption, undefined)).toEqual(
      expect.objectContaining({ code: 'SLOT_LOST', message: expect.stringContaining('"orders" no longer exists') }),
    );
  });
});

describe('the position that an observable has confirmed', () => {
  /** The slot was first seen at 0/1000, and this position was confirmed on timeline 2. */
  function resumed(lsn: bigint): ReturnType<typeof createStateResumePoint> {
    const memory = new ResumeState();
    memory.recordStart(slotAt(0x1000n), { ...IDENTITY, timeline: 2 });
    memory.recordConfirmed(lsn);
    if (!memory.position) throw new Error('It has forgotten');
    return createStateResumePoint(memory.position, memory);
  }

  it.each<[what: string, lsn: bigint, identity: Partial<SystemIdentity>, words: string | undefined]>([
    ['on the timeline that followed', 0x5000n, {}, undefined],
    ['beyond the end of its timeline', 0x5001n, {}, 'is beyond 0/5000, where this server switched from timeline 2'],
    [
      'on another cluster',
      0x2000n,
      { systemId: '7' },
      `is of another cluster (system identifier ${SYSTEM}; this cluster has 7)`,
    ],
    [
      'on an earlier timeline',
      0x2000n,
      { timeline: 1 },
      "is of timeline 2, which is not in the history of this server's timeline 1",
    ],
    ['beyond the WAL', 0x4000n, { walPosition: 0x3fffn }, "is beyond the end of this server's WAL, 0/3FFF"],
  ])('%s: reports the lost changes', (_, lsn, identity, words) => {
    const { error } = runRoutine(
      resumed(lsn).check({ ...IDENTITY, ...identity }, 'orders', slotAt(undefined)),
      answering(HISTORY),
    );
    if (words === undefined) {
      expect(error).toBeUndefined();
    } else {
      expect(error).toMatchObject({ code: 'SLOT_LOST', retryable: false });
      expect(error).toHaveProperty('message', expect.stringContaining(`The last confirmed position, `));
      expect(error).toHaveProperty('message', expect.stringContaining(words));
    }
  });

  it.each([
    [0x1000n, 0x2000n],
    [0x2000n, 0x2000n],
    [0x1000n, 0x500n],
    [undefined, 0x500n],
  ])('is valid for a slot at %p if it is %p', (confirmed, lsn) => {
    expect(onSlot(resumed(lsn), slotAt(confirmed))).toBeUndefined();
  });

  it('is invalid if another client has advanced the slot', () => {
    for (const [confirmed, lsn] of [
      [0x2001n, 0x2000n],
      [0x1001n, 0x500n],
    ] as const) {
      expect(onSlot(resumed(lsn), slotAt(confirmed))).toEqual(
        expect.objectContaining({ code: 'SLOT_MOVED', retryable: false }),
      );
    }
  });

  it('is invalid if the slot does not exist', () => {
    expect(onSlot(resumed(0x2000n), undefined)).toEqual(
      expect.objectContaining({ code: 'SLOT_LOST', message: expect.stringContaining('no longer exists') }),
    );
  });
});

describe('the history of a timeline', () => {
  function switches(content: string): [timeline: number, lsn: bigint][] | undefined {
    const { value, error } = runRoutine(fetchTimelineHistory(9), answering(content));
    expect(error).toBeUndefined();
    return value && [...value];
  }

  it('contains the LSN at which each earlier timeline was left', () => {
    expect(
      switches('1\t0/30000D8\tno recovery target specified\n2\t16/B374D848\tat restore point "a 7 0/1"\n'),
    ).toEqual([
      [1, 0x30000d8n],
      [2, 0x16b374d848n],
    ]);
  });

  it('may contain comments, empty lines and other white space, and no final newline', () => {
    expect(switches('# 7\t0/7\tnot this\n\n  \t\n  1   0/3000  one\r\n\t2\t0/005000\n# end\n3\t0/6000\tthree')).toEqual(
      [
        [1, 0x3000n],
        [2, 0x5000n],
        [3, 0x6000n],
      ],
    );
  });

  it('may be empty', () => {
    expect(switches('')).toEqual([]);
  });

  it('is a protocol violation if the server does not send it', () => {
    expect(runRoutine(fetchTimelineHistory(9), () => rows()).error).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(runRoutine(fetchTimelineHistory(9), () => rows({ filename: 'x', content: null })).error).toMatchObject({
      code: 'PROTOCOL_VIOLATION',
    });
  });
});
