import type { Client, ClientConfig, types } from 'pg';
import { asyncScheduler, concat, EMPTY, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import type { Checkpoint, StartPosition } from '../../lib/ledger/checkpoint';
import type { StartRequest } from '../../lib/commands/open-stream';
import { resolveConfig, type PgoutputConfig, type PluginConfig } from '../../lib/config/config';
import type { ConnectionOptions } from '../../lib/config/connection';
import { ConfigError } from '../../lib/common/errors';
import { logicalReplication } from '../../lib/logical-replication';
import { createSlot } from '../../lib/admin/slots/create-slot';
import { dropSlot } from '../../lib/admin/slots/drop-slot';
import { identifySystem } from '../../lib/admin/slots/identify-system';
import { slotStatus } from '../../lib/admin/slots/slot-status';
import { failure } from '../wire/failure';

const BASE = { connection: 'postgres://app:secret@h/shop', slot: 'orders', publications: ['p'] };

/** As from JavaScript: anything may be there. */
function resolve(config: unknown) {
  return resolveConfig(config as PgoutputConfig);
}

/** Where a stream starts: at the position that was given, or the one that the function answers. */
function startOf(start: StartRequest): Promise<StartPosition | undefined> {
  if ('position' in start) return Promise.resolve(start.position);
  return new Promise((found, failed) => {
    start.callback.call((answer) => {
      if (answer.kind === 'startPosition') found(answer.position);
      else failed(new Error(`Answered with ${answer.kind}`));
    }, failed);
  });
}

function optionAtFault(config: unknown): string {
  const error = failure(() => resolve(config));
  if (!(error instanceof ConfigError)) throw error;
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', retryable: false });
  expect(error.message.startsWith(`${error.option}: `)).toBe(true);
  expect(error.message).not.toContain('secret');
  return error.option;
}

function messageOf(config: unknown): string {
  return failure(() => resolve(config)).message;
}

const CIRCULAR: Record<string, unknown> = {};
CIRCULAR['self'] = CIRCULAR;

describe('resolveConfig', () => {
  it.each([undefined, null, 7, 'text', [], () => undefined])('refuses %p instead of an object', (config) => {
    expect(optionAtFault(config)).toBe('config');
  });

  it('has defaults', () => {
    const settings = resolve(BASE);
    expect(settings).toMatchObject({
      connection: { connectTimeout: 15_000, closeTimeout: 5000 },
      plan: {
        slot: 'orders',
        plugin: 'pgoutput',
        pgoutput: { publications: ['p'], request: { streaming: 'off', twoPhase: false, protoVersion: undefined } },
        pluginOptions: {},
        ensureSlot: undefined,
        positionOwner: 'slot',
      },
      session: {
        confirm: true,
        progressInterval: undefined,
        window: { messages: 512, bytes: 16 * 1024 * 1024 },
        livenessTimeout: 60_000,
        ackTimeout: 0,
      },
      maxMessageSize: 1024 ** 3 + 3,
      statusInterval: 10_000,
    });
    expect(resolve({ ...BASE, maxMessageSize: Infinity }).maxMessageSize).toBe(settings.maxMessageSize);
    expect(settings.scheduler).toBe(asyncScheduler);
    expect(settings.values.types.getTypeParser(23, 'text')('7')).toBe(7);
  });

  it('takes undefined for what is not given', () => {
    const everything: Required<PgoutputConfig> = {
      ...BASE,
      ensureSlot: undefined,
      startLsn: undefined,
      confirm: undefined,
      maxUnacked: undefined,
      maxUnackedBytes: undefined,
      maxMessageSize: undefined,
      onDecodeError: undefined,
      statusInterval: undefined,
      livenessTimeout: undefined,
      connectTimeout: undefined,
      closeTimeout: undefined,
      ackTimeout: undefined,
      errors: undefined,
      scheduler: undefined,
      openObserver: undefined,
      statusObserver: undefined,
      closeObserver: undefined,
      messages: undefined,
      binary: undefined,
      streaming: undefined,
      twoPhase: undefined,
      origin: undefined,
      protoVersion: undefined,
      types: undefined,
      lookUpTypes: undefined,
      composites: undefined,
      expectTables: undefined,
    };
    const made = { classify: expect.anything(), observers: expect.anything(), start: expect.anything() };
    const withoutTls = { ...BASE, connection: `${BASE.connection}?sslmode=disable` };
    expect(resolve({ ...everything, ...withoutTls })).toEqual({ ...resolve(withoutTls), ...made });
  });

  it('takes all that may be given', async () => {
    const observer = new Subject<unknown>();
    expect(
      resolve({
        ...BASE,
        ensureSlot: { temporary: true },
        confirm: false,
        maxUnacked: 1,
        maxUnackedBytes: 1,
        maxMessageSize: 1024,
        statusInterval: 1,
        livenessTimeout: 0,
        connectTimeout: 1,
        closeTimeout: 0,
        ackTimeout: 0x7fff_ffff,
        scheduler: asyncScheduler,
        openObserver: observer,
        statusObserver: observer,
        closeObserver: observer,
        messages: true,
        types: { getTypeParser: () => String },
      }),
    ).toMatchObject({
      plan: { ensureSlot: { temporary: true }, pgoutput: { request: { messages: true } } },
      session: { confirm: false, window: { messages: 1, bytes: 1 }, livenessTimeout: 0, ackTimeout: 0x7fff_ffff },
      connection: { connectTimeout: 1, closeTimeout: 0 },
      maxMessageSize: 1024,
      statusInterval: 1,
    });
    const fixed = (startLsn: bigint | string) => startOf(resolve({ ...BASE, startLsn }).start);
    expect(await fixed('0/16B6C50')).toEqual({ lsn: 0x16b6c50n, source: undefined });
    expect(await fixed(7n)).toEqual({ lsn: 7n, source: undefined });
    expect(await fixed(0n)).toBeUndefined();
    expect(resolve({ ...BASE, ensureSlot: true }).plan.ensureSlot).toEqual({
      temporary: false,
      failover: false,
      twoPhase: false,
    });
    expect(resolve({ ...BASE, ensureSlot: false }).plan.ensureSlot).toBeUndefined();
    expect(resolve({ ...BASE, slot: 'a_1'.repeat(21) }).plan.slot).toHaveLength(63);
    expect(resolve({ ...BASE, publications: ['My,Pub', "it's", 'quo"te'] }).plan.pgoutput?.publications).toHaveLength(
      3,
    );
  });

  it.each<[option: string, values: unknown[]]>([
    [
      'slot',
      [
        undefined,
        null,
        '',
        7,
        'Orders',
        'or-ders',
        'or"ders',
        "it's",
        'or ders',
        'a'.repeat(64),
        'örders',
        {},
        CIRCULAR,
      ],
    ],
    ['publications', [undefined, null, '', 'p', [], [''], [7], [undefined], ['p', ''], {}, new Set(['p'])]],
    ['messages', [null, 'true', 1, 0, {}]],
    ['confirm', [null, 'false', 0, {}]],
    ['ensureSlot', [null, 'true', 1, []]],
    ['startLsn', [null, 7, '', '0', '0x16', '16B6C50', '0/G', '0/123456789', '0/1 ', -1n, 1n << 64n, {}, { lsn: 1n }]],
    ...['maxUnacked', 'maxUnackedBytes', 'statusInterval', 'connectTimeout'].map((option): [string, unknown[]] => [
      option,
      [null, '10', 0, -1, NaN, 1n, [], {}, CIRCULAR],
    ]),
    ['maxMessageSize', [null, '10', 0, 1023, -1, NaN, 1n, [], {}, CIRCULAR]],
    ...['livenessTimeout', 'closeTimeout', 'ackTimeout'].map((option): [string, unknown[]] => [
      option,
      [null, '10', -1, NaN, Infinity, 0x8000_0000, {}],
    ]),
    ...['statusInterval', 'connectTimeout'].map((option): [string, unknown[]] => [option, [Infinity, 0x8000_0000]]),
    ['scheduler', [null, 7, 'async', {}, { schedule: true }, CIRCULAR]],
    ...['openObserver', 'statusObserver', 'closeObserver'].map((option): [string, unknown[]] => [
      option,
      [null, 7, {}, () => undefined, { error: () => undefined }, CIRCULAR],
    ]),
    ['types', [null, 7, {}, { getTypeParser: 7 }, CIRCULAR]],
    ['connection', [7, true, ['postgres://app:secret@h/shop'], 'localhost', '', 'host=h port=5432 password=a secret']],
  ])('names %s when it is bad', (option, values) => {
    for (const value of values) expect(optionAtFault({ ...BASE, [option]: value })).toBe(option);
  });

  it.each(['slots', 'publication', 'Slot', 'version', 'constructor', '__proto'])(
    'refuses the unknown option %s, and does not list all that there are',
    (option) => {
      expect(optionAtFault({ ...BASE, [option]: true })).toBe(option);
      expect(messageOf({ ...BASE, [option]: true }).length).toBeLessThan(140);
    },
  );

  it.each([
    ['ensureSlots', 'ensureSlot'],
    ['ensure_slot', 'ensureSlot'],
    ['startLSN', 'startLsn'],
    ['publication', 'publications'],
    ['slotName', 'slot'],
    ['connectTimeoutMillis', 'connectTimeout'],
  ])('takes %s for a misspelt %s', (option, meant) => {
    expect(messageOf({ ...BASE, [option]: true })).toContain(`unknown option. Did you mean \`${meant}\`?`);
  });

  it.each([
    ['timeout', 'Similar names: `ackTimeout`, `closeTimeout`, `connectTimeout`.'],
    ['parallelism', 'Similar names: '],
    ['x', 'Similar names: `slot`, '],
    ['', 'Similar names: `slot`, '],
  ])('names those nearest to %j where none can be meant', (option, nearest) => {
    const message = messageOf({ ...BASE, [option]: true });
    expect(message).toMatch(/unknown option\. Similar names: `\w+`, `\w+`, `\w+`\.$/);
    expect(message).toContain(nearest);
  });

  it('lists the options of what has few', () => {
    const message = messageOf({ ...BASE, ensureSlot: { kind: 'logical' } });
    expect(message).toContain('ensureSlot.kind: unknown option. Valid names: `temporary`, `failover`, `twoPhase`.');
  });

  it.each(['host', 'port', 'user', 'password', 'database', 'connectionString', 'ssl'])(
    'says that %s belongs in connection',
    (option) => {
      expect(optionAtFault({ ...BASE, [option]: 'secret' })).toBe(option);
      expect(messageOf({ ...BASE, [option]: 'secret' })).toContain('belongs in connection');
    },
  );

  it('ignores what is undefined, also where there is no such option', () => {
    const nothing = { plugin: undefined, pluginOptions: undefined, host: undefined, other: undefined };
    expect(resolve({ ...BASE, ...nothing }).plan).toEqual(resolve(BASE).plan);
    const raw = { connection: BASE.connection, slot: 'orders', plugin: 'wal2json', publications: undefined };
    expect(resolve(raw).plan.plugin).toBe('wal2json');
  });

  it('refuses an unknown option inside ensureSlot', () => {
    expect(optionAtFault({ ...BASE, ensureSlot: { temporaty: true } })).toBe('ensureSlot.temporaty');
    expect(optionAtFault({ ...BASE, ensureSlot: { temporary: 1 } })).toBe('ensureSlot.temporary');
  });

  it('refuses ensureSlot beside startLsn', () => {
    expect(optionAtFault({ ...BASE, ensureSlot: true, startLsn: '0/1' })).toBe('ensureSlot');
    expect(resolve({ ...BASE, ensureSlot: false, startLsn: '0/1' }).plan.ensureSlot).toBeUndefined();
    expect(resolve({ ...BASE, ensureSlot: true, startLsn: () => [] }).plan.ensureSlot).toEqual({
      temporary: false,
      failover: false,
      twoPhase: false,
    });
  });

  it('tells what it got instead of a number', () => {
    expect(failure(() => resolve({ ...BASE, maxUnacked: NaN })).message).toContain('got NaN');
    expect(failure(() => resolve({ ...BASE, maxUnacked: '5' })).message).toContain('got a string');
    expect(failure(() => resolve({ ...BASE, maxUnacked: 5n })).message).toContain('got a bigint');
    expect(failure(() => resolve({ ...BASE, maxUnacked: () => 5 })).message).toContain('got a function');
  });

  it.each<[what: string, config: unknown, words: string]>([
    ['no argument', undefined, 'expected an object, got nothing'],
    ['no publication', { ...BASE, publications: [] }, 'got an empty list'],
    ['one publication’s name', { ...BASE, publications: 'secret' }, "write publications: ['…']"],
    ['ensureSlot as text', { ...BASE, ensureSlot: 'yes' }, 'expected true, false or { temporary: true }'],
    ['pgoutput by name', { ...BASE, plugin: 'pgoutput' }, 'must not be pgoutput'],
    ['publications for a plugin', { ...BASE, plugin: 'wal2json' }, 'publications: applies to pgoutput only'],
    ['options for no plugin', { ...BASE, pluginOptions: {} }, 'pluginOptions: requires plugin'],
  ])('says what is wrong with %s', (_, config, words) => {
    expect(messageOf(config)).toContain(words);
    expect(messageOf(config)).not.toContain('secret');
  });

  describe('with startLsn as a function', () => {
    const CHECKPOINT: Checkpoint = {
      systemId: '7300000000000000001',
      timeline: 3,
      slot: 'orders',
      endLsn: '16/B374D848',
    };

    /** What is asked for at a subscription, or the error that this ends with. */
    function answerOf(startLsn: unknown): Promise<StartPosition | undefined> {
      return startOf(resolve({ ...BASE, startLsn }).start);
    }

    it('lets the consumer keep the position, and asks nobody yet', () => {
      const settings = resolve({ ...BASE, startLsn: () => throwError(() => 'asked'), statusInterval: 7000 });
      expect(settings.plan.positionOwner).toBe('consumer');
      expect(settings.session.progressInterval).toBe(7000);
      const fixed = resolve({ ...BASE, startLsn: '0/100' });
      expect([fixed.plan.positionOwner, fixed.session.progressInterval]).toEqual(['slot', undefined]);
    });

    it.each<[what: string, given: unknown]>([
      ['an LSN', 0x16b374d848n],
      ['an LSN as text', '16/b374d848'],
      ['a checkpoint', CHECKPOINT],
      ['a checkpoint as it comes back from JSON', JSON.parse(JSON.stringify(CHECKPOINT))],
      ['a checkpoint with more beside it', { ...CHECKPOINT, id: 7 }],
    ])('takes %s', async (_, given) => {
      const source =
        typeof given === 'object' ? { systemId: CHECKPOINT.systemId, timeline: 3, slot: 'orders' } : undefined;
      expect(await answerOf(() => of(given))).toEqual({ lsn: 0x16b374d848n, source });
    });

    it.each([
      [true, { standby: true }],
      [false, {}],
      [null, {}],
      [undefined, {}],
    ])('takes a checkpoint with %p for whether it is from a standby', async (standby, expected) => {
      const start = await answerOf(() => of({ ...CHECKPOINT, standby }));
      expect(start?.source).toStrictEqual({ systemId: CHECKPOINT.systemId, timeline: 3, slot: 'orders', ...expected });
    });

    it.each<[what: string, startLsn: () => unknown]>([
      ['an Observable', () => of(7n)],
      ['a Promise', () => Promise.resolve(7n)],
      ['an iterable', () => [7n]],
      ['a position alone', () => 7n],
      ['a text', () => '0/7'],
      ['a stream that goes on for ever', () => concat(of(7n, 8n), NEVER)],
    ])('takes the first value of %s', async (_, startLsn) => {
      expect(await answerOf(startLsn)).toEqual({ lsn: 7n, source: undefined });
    });

    it.each<[what: string, startLsn: () => unknown]>([
      ['null', () => of(null)],
      ['undefined', () => Promise.resolve(undefined)],
      ['undefined alone', () => undefined],
      ['nothing', () => EMPTY],
      ['0, which stands for none', () => [0n]],
      ['0/0', () => ['0/0']],
    ])('leaves the start to the slot with %s', async (_, startLsn) => {
      expect(await answerOf(startLsn)).toBeUndefined();
    });

    it('asks anew each time', async () => {
      let stored = 0n;
      const { start } = resolve({ ...BASE, startLsn: () => of(++stored) });
      expect([await startOf(start), await startOf(start)]).toMatchObject([{ lsn: 1n }, { lsn: 2n }]);
    });

    it.each<[what: string, startLsn: () => unknown]>([
      [
        'throws',
        () => {
          throw new RangeError('the store is gone');
        },
      ],
      ['is rejected', () => Promise.reject(new RangeError('the store is gone'))],
      ['fails', () => throwError(() => new RangeError('the store is gone'))],
    ])('fails as the store does that %s', async (_, startLsn) => {
      await expect(answerOf(startLsn)).rejects.toThrow(new RangeError('the store is gone'));
    });

    it.each<[option: string, given: unknown]>([
      ['startLsn', '0/G'],
      ['startLsn', ''],
      ['startLsn', JSON.stringify(CHECKPOINT)],
      ['startLsn', 7],
      ['startLsn', true],
      ['startLsn', -1n],
      ['startLsn', 1n << 64n],
      ['startLsn', {}],
      ['startLsn', []],
      ['startLsn', new Date(0)],
      ['startLsn', { endLsn: '0/100' }],
      ['startLsn.systemId', { ...CHECKPOINT, systemId: 7.3e18 }],
      ['startLsn.slot', { ...CHECKPOINT, slot: undefined }],
      ...['3', null, NaN, 0, -1, 1.5].map((timeline): [string, unknown] => [
        'startLsn.timeline',
        { ...CHECKPOINT, timeline },
      ]),
      ['startLsn.standby', { ...CHECKPOINT, standby: 'true' }],
      ...[undefined, null, '', '0/G', 7].map((endLsn): [string, unknown] => [
        'startLsn.endLsn',
        { ...CHECKPOINT, endLsn },
      ]),
    ])('names %s where the store holds %p', async (option, given) => {
      const ways: (() => unknown)[] = [() => of(given), () => Promise.resolve(given), () => [given]];
      // An empty list gives no value, as an Observable that completes does.
      if (!Array.isArray(given)) ways.push(() => given);
      for (const startLsn of ways) {
        const error: unknown = await answerOf(startLsn).catch((error: unknown) => error);
        expect(error).toBeInstanceOf(ConfigError);
        expect(error).toMatchObject({ code: 'CONFIG_INVALID', option, retryable: false });
      }
    });

    it.each<[what: string, startLsn: () => unknown, words: string]>([
      ['the row of a query', () => ({ end_lsn: '0/1' }), 'got an object of end_lsn; where it is the row of a query'],
      ['a list of rows', () => [{ end_lsn: '0/1' }], 'got an object of end_lsn; where it is the row of a query'],
      ['a promise of rows', () => Promise.resolve([{ end_lsn: '0/1' }]), 'got a list; give its element'],
      ['a promise of no rows', () => Promise.resolve([]), 'got a list; give its element'],
      ['an object without a prototype', () => Object.create(null) as unknown, 'got an object of nothing'],
      ['bytes', () => Buffer.from('0/1'), 'expected an LSN or a checkpoint'],
      [
        'a function',
        () => () => '0/1',
        "invalid LSN: a value of type function. Give a bigint or text, for example '0/16B6C50'.",
      ],
      ['a number', () => 7, "invalid LSN: a value of type number. Give a bigint or text, for example '0/16B6C50'."],
      ['text that is none', () => 'latest', 'invalid LSN: "latest". Give a bigint or text'],
    ])('says what it got, and what to give: %s', async (_, startLsn, words) => {
      const error: unknown = await answerOf(startLsn).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', option: 'startLsn' });
      expect(error).toHaveProperty('message', expect.stringContaining(`startLsn: `));
      expect(error).toHaveProperty('message', expect.stringContaining(words));
    });

    it('has an error of its own for an answer that does not come, and lets go of what was asked', () => {
      let released = 0;
      const { start } = resolve({ ...BASE, startLsn: () => new Observable(() => () => released++) });
      if ('position' in start) throw new Error('There is nobody to ask');
      const heard = jest.fn();
      const cancel = start.callback.call(heard, heard);
      expect(start.callback.createTimeoutError(2000)).toMatchObject({
        code: 'CHECKPOINT_UNAVAILABLE',
        retryable: true,
        message: expect.stringContaining('did not answer within 2000 ms'),
      });
      expect(released).toBe(0);
      cancel();
      expect([released, heard.mock.calls]).toEqual([1, []]);
    });

    it.each([
      ['JSON text', JSON.stringify(CHECKPOINT), /got JSON text; parse it/],
      ['a row around it', { checkpoint: CHECKPOINT }, /got an object of checkpoint/],
      [
        'a timeline as text',
        { ...CHECKPOINT, timeline: '3' },
        /timeline: expected a whole number from 1 on, got a string/,
      ],
    ])('says what it got: %s', async (_, given, message) => {
      await expect(answerOf(() => of(given))).rejects.toThrow(message);
    });

    it('is asked for where a checkpoint is given as such', () => {
      expect(messageOf({ ...BASE, startLsn: CHECKPOINT })).toContain(
        'startLsn: a position that you store goes into a function',
      );
    });
  });

  it('fails when the factory is called, not on subscribing', () => {
    expect(() => logicalReplication({ ...BASE, slot: 'Orders' })).toThrow(ConfigError);
  });

  describe('with another plugin', () => {
    const RAW = { connection: BASE.connection, slot: 'orders', plugin: 'wal2json' };

    it('passes its options on', () => {
      const { plan } = resolve({ ...RAW, pluginOptions: { 'include-xids': '1' } });
      expect(plan).toMatchObject({
        plugin: 'wal2json',
        pgoutput: undefined,
        pluginOptions: { 'include-xids': '1' },
      });
      expect(resolve(RAW).plan.pluginOptions).toEqual({});
    });

    it.each<[option: string, config: unknown]>([
      ['plugin', { ...RAW, plugin: 'pgoutput' }],
      ['plugin', { ...RAW, plugin: '' }],
      ['plugin', { ...RAW, plugin: 7 }],
      ['publications', { ...RAW, publications: ['p'] }],
      ['messages', { ...RAW, messages: true }],
      ['types', { ...RAW, types: {} }],
      ['pluginOptions', { ...RAW, pluginOptions: 'include-xids' }],
      ['pluginOptions', { ...RAW, pluginOptions: ['include-xids'] }],
      ['pluginOptions.include-xids', { ...RAW, pluginOptions: { 'include-xids': true } }],
      ['pluginOptions', { ...BASE, pluginOptions: {} }],
    ])('names %s in %j', (option, config) => {
      expect(optionAtFault(config)).toBe(option);
    });
  });
});

describe('the options of management commands', () => {
  const { connection } = BASE;

  it.each<[option: string, call: () => unknown]>([
    ['slot', () => createSlot({ connection, slot: 'Orders' })],
    ['slot', () => dropSlot({ connection, slot: '' })],
    ['slot', () => slotStatus({ connection } as { connection: string; slot: string })],
    ['wait', () => dropSlot({ connection, slot: 'orders', wait: 1 as unknown as boolean })],
    ['plugin', () => createSlot({ connection, slot: 'orders', plugin: 7 as unknown as string })],
    ['connectTimeout', () => identifySystem({ connection, connectTimeout: 0 })],
    ['closeTimeout', () => identifySystem({ connection, closeTimeout: -1 })],
    ['slots', () => identifySystem({ connection, slots: 'orders' } as object)],
    ['connection', () => identifySystem({ connection: 'host=h password=a secret' })],
  ])('are checked when they are called: %s', (option, call) => {
    const error = failure(call);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', option });
    expect(error.message).not.toContain('secret');
  });
});

/** What has to compile; nothing of it is run. */
export function accepted(environment: { URL?: string }, pg: ClientConfig, client: Client, pgTypes: typeof types): void {
  const dsn: string | undefined = process.env['DATABASE_URL'];
  const settings: ConnectionOptions = {
    host: process.env['DB_HOST'],
    user: process.env['DB_USER'],
    password: process.env['DB_PASSWORD'],
    ssl: { rejectUnauthorized: false },
  };
  const raw: PluginConfig = { connection: environment.URL, slot: 'a', plugin: 'wal2json' };
  logicalReplication({ connection: dsn, slot: 'a', publications: ['p'], types: pgTypes });
  logicalReplication({ connection: settings, slot: 'a', publications: ['p'] as const, startLsn: dsn });
  logicalReplication({
    connection: { ...settings, port: client.port, host: client.host },
    slot: 'a',
    publications: [],
  });
  logicalReplication(raw);
  logicalReplication({ connection: pg, slot: 'a', publications: ['p'], types: pg.types });
  logicalReplication({ connection: { ...pg, password: process.env['PW'] }, slot: 'a', publications: ['p'] });
  identifySystem({ connection: dsn });
}
