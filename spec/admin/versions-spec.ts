import type { Observable } from 'rxjs';
import {
  alterPublication,
  alterSlot,
  createPublication,
  createSlot,
  logicalReplication,
  ReplicationError,
} from '../../lib/index';
import { FakeWalSender } from '../../lib/testing';
import { until } from '../net/support/local-server';
import { record } from '../support/streaming';

let server: FakeWalSender;

beforeEach(async () => {
  server = await FakeWalSender.listen({ slots: ['orders'], database: 'shop' });
});

afterEach(() => server.close());

const connection = () => ({ connection: server.url });
const part = { table: 'users', columns: ['id'] };
const filtered = { table: 'users', where: 'id > 1' };

/** The command, the newest version that does not support it, and the error. */
const asked: [what: string, version: number, command: () => Observable<unknown>, said: RegExp][] = [
  ['twoPhase', 140019, () => createSlot({ ...connection(), slot: 'made', twoPhase: true }), /twoPhase.* 15;.* 14\.19/],
  ['failover', 160004, () => createSlot({ ...connection(), slot: 'made', failover: true }), /failover.* 17;.* 16\.4/],
  [
    'ensureSlot.twoPhase',
    140019,
    () =>
      logicalReplication({ ...connection(), slot: 'made', plugin: 'test_decoding', ensureSlot: { twoPhase: true } }),
    /twoPhase.* 15/,
  ],
  [
    'ensureSlot.failover',
    160004,
    () =>
      logicalReplication({ ...connection(), slot: 'made', plugin: 'test_decoding', ensureSlot: { failover: true } }),
    /failover.* 17/,
  ],
  ['alterSlot', 160004, () => alterSlot({ ...connection(), slot: 'orders', failover: true }), /slot.* 17/],
  ['alterSlot.twoPhase', 170009, () => alterSlot({ ...connection(), slot: 'orders', twoPhase: true }), /twoPhase.* 18/],
  ['columns', 140019, () => createPublication({ ...connection(), name: 'p', tables: [part] }), /columns.* 15/],
  ['where', 140019, () => alterPublication({ ...connection(), name: 'p', addTables: [filtered] }), /row filter.* 15/],
  ['schemas', 140019, () => createPublication({ ...connection(), name: 'p', schemas: ['a'] }), /schemas.* 15/],
  [
    'generatedColumns',
    170009,
    () => createPublication({ ...connection(), name: 'p', allTables: true, generatedColumns: 'stored' }),
    /generated columns.* 18/,
  ],
  [
    'exceptTables',
    180004,
    () => createPublication({ ...connection(), name: 'p', allTables: true, exceptTables: ['users'] }),
    /all tables except some.* 19;.* 18\.4/,
  ],
];

it.each(asked)('%s on server %d is an error before the command is sent', async (_, version, command, said) => {
  server.serverVersion = version;
  const heard = record(command());
  await until(() => heard.error !== undefined);
  expect(heard.error).toBeInstanceOf(ReplicationError);
  expect(heard.error).toMatchObject({
    code: 'UNSUPPORTED',
    retryable: false,
    message: expect.stringMatching(new RegExp(said, 'i')),
  });
  await until(() => server.open === 0);
  expect(server.last.queries.filter((sql) => /^(CREATE|ALTER)/.test(sql))).toEqual([]);
});

it.each<[what: string, version: number, command: () => Observable<unknown>]>([
  ['twoPhase', 140019, () => createSlot({ ...connection(), slot: 'made', twoPhase: false })],
  ['failover', 160004, () => createSlot({ ...connection(), slot: 'made', failover: false })],
])('%s: false is allowed on server %d', async (_, version, command) => {
  server.serverVersion = version;
  const heard = record(command());
  await until(() => heard.completed);
  expect(server.last.queries.at(-1)).not.toMatch(/TWO_PHASE|FAILOVER/);
});
