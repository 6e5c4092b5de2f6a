import type { Client, ClientConfig, types } from 'pg';
import { asyncScheduler, Subject } from 'rxjs';
import { identifySystem } from '../../lib/admin/slots/identify-system';
import { ConfigError } from '../../lib/common/errors';
import type { ConnectionOptions } from '../../lib/config/connection-options';
import type { PgoutputConfig, PluginConfig } from '../../lib/config/stream-config';
import { logicalReplication } from '../../lib/logical-replication';
import { captureError } from '../support/capture-error';
import { BASE, getMessage, findInvalidOption, resolve } from './support/resolve-config';
const CIRCULAR: Record<string, unknown> = {};
CIRCULAR['self'] = CIRCULAR;

describe('resolveConfig', () => {
  it.each([undefined, null, 7, 'text', [], () => undefined])('rejects %p instead of an object', (config) => {
    expect(findInvalidOption(config)).toBe('config');
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

  it('treats undefined as missing', () => {
    const everything: Required<PgoutputConfig> = {
      ...BASE,
      copy: undefined,
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

  it('accepts all options', () => {
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
  ])('names %s if it is invalid', (option, values) => {
    for (const value of values) expect(findInvalidOption({ ...BASE, [option]: value })).toBe(option);
  });

  it.each(['slots', 'publication', 'Slot', 'version', 'constructor', '__proto'])(
    'rejects the unknown option %s without listing all options',
    (option) => {
      expect(findInvalidOption({ ...BASE, [option]: true })).toBe(option);
      expect(getMessage({ ...BASE, [option]: true }).length).toBeLessThan(140);
    },
  );

  it.each([
    ['ensureSlots', 'ensureSlot'],
    ['ensure_slot', 'ensureSlot'],
    ['startLSN', 'startLsn'],
    ['publication', 'publications'],
    ['slotName', 'slot'],
    ['connectTimeoutMillis', 'connectTimeout'],
  ])('reports %s as a misspelling of %s', (option, meant) => {
    expect(getMessage({ ...BASE, [option]: true })).toContain(`unknown option. Did you mean \`${meant}\`?`);
  });

  it.each([
    ['timeout', 'Similar names: `ackTimeout`, `closeTimeout`, `connectTimeout`.'],
    ['parallelism', 'Similar names: '],
    ['x', 'Similar names: `slot`, '],
    ['', 'Similar names: `slot`, '],
  ])('lists the names most similar to %j if none is close', (option, nearest) => {
    const message = getMessage({ ...BASE, [option]: true });
    expect(message).toMatch(/unknown option\. Similar names: `\w+`, `\w+`, `\w+`\.$/);
    expect(message).toContain(nearest);
  });

  it('lists all options of a short list', () => {
    const message = getMessage({ ...BASE, ensureSlot: { kind: 'logical' } });
    expect(message).toContain('ensureSlot.kind: unknown option. Valid names: `temporary`, `failover`, `twoPhase`.');
  });

  it.each(['host', 'port', 'user', 'password', 'database', 'connectionString', 'ssl'])(
    'reports that %s belongs in connection',
    (option) => {
      expect(findInvalidOption({ ...BASE, [option]: 'secret' })).toBe(option);
      expect(getMessage({ ...BASE, [option]: 'secret' })).toContain('belongs in connection');
    },
  );

  it('ignores undefined, even for unknown options', () => {
    const nothing = { plugin: undefined, pluginOptions: undefined, host: undefined, other: undefined };
    expect(resolve({ ...BASE, ...nothing }).plan).toEqual(resolve(BASE).plan);
    const raw = { connection: BASE.connection, slot: 'orders', plugin: 'wal2json', publications: undefined };
    expect(resolve(raw).plan.plugin).toBe('wal2json');
  });

  it('rejects an unknown option in ensureSlot', () => {
    expect(findInvalidOption({ ...BASE, ensureSlot: { temporaty: true } })).toBe('ensureSlot.temporaty');
    expect(findInvalidOption({ ...BASE, ensureSlot: { temporary: 1 } })).toBe('ensureSlot.temporary');
  });

  it('rejects ensureSlot with startLsn', () => {
    expect(findInvalidOption({ ...BASE, ensureSlot: true, startLsn: '0/1' })).toBe('ensureSlot');
    expect(resolve({ ...BASE, ensureSlot: false, startLsn: '0/1' }).plan.ensureSlot).toBeUndefined();
    expect(resolve({ ...BASE, ensureSlot: true, startLsn: () => [] }).plan.ensureSlot).toEqual({
      temporary: false,
      failover: false,
      twoPhase: false,
    });
  });

  it('describes the value that is not a number', () => {
    expect(captureError(() => resolve({ ...BASE, maxUnacked: NaN })).message).toContain('got NaN');
    expect(captureError(() => resolve({ ...BASE, maxUnacked: '5' })).message).toContain('got a string');
    expect(captureError(() => resolve({ ...BASE, maxUnacked: 5n })).message).toContain('got a bigint');
    expect(captureError(() => resolve({ ...BASE, maxUnacked: () => 5 })).message).toContain('got a function');
  });

  it.each<[what: string, config: unknown, words: string]>([
    ['no argument', undefined, 'expected an object, got undefined'],
    ['no publication', { ...BASE, publications: [] }, 'got an empty list'],
    ['one publication’s name', { ...BASE, publications: 'secret' }, "write publications: ['…']"],
    ['ensureSlot as text', { ...BASE, ensureSlot: 'yes' }, 'expected true, false or { temporary: true }'],
    ['pgoutput by name', { ...BASE, plugin: 'pgoutput' }, 'must not be pgoutput'],
    ['publications for a plugin', { ...BASE, plugin: 'wal2json' }, 'publications: applies to pgoutput only'],
    ['options for no plugin', { ...BASE, pluginOptions: {} }, 'pluginOptions: requires plugin'],
  ])('describes the error of %s', (_, config, words) => {
    expect(getMessage(config)).toContain(words);
    expect(getMessage(config)).not.toContain('secret');
  });

  it('throws when the factory is called, not on subscribe', () => {
    expect(() => logicalReplication({ ...BASE, slot: 'Orders' })).toThrow(ConfigError);
  });
});

/** Must compile; it is never run. */
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
