import { inspect } from 'node:util';
import { resolveConnection, SERVER_OPTIONS } from '../../lib/config/resolve-connection';
import type { ConnectionOptions } from '../../lib/config/connection-options';
import { HostConnector } from '../../lib/connection/host-connector';
import type { EstablishedConnection } from '../../lib/connection/established-connection';
import { ConnectionError, type ReplicationError } from '../../lib/common/errors';
import { createStream } from '../../lib/logical-replication';
import type { Connect } from '../../lib/net/transport';
import { OptionReader } from '../../lib/common/option-reader';
import type { ProtocolRoutine } from '../../lib/commands/protocol-routine';
import { executeCreateSlot, fetchSystemIdentity } from '../../lib/commands/slot-commands';
import { Clock, microtasks } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record } from '../support/streaming';

const REFUSED = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const HOSTS = ['a', 'b', 'c'] as const;
type Host = (typeof HOSTS)[number];

let clock: Clock;
let servers: Record<Host, FakeBackend>;
/** The hosts that were connected to, in order. */
let visits: string[];

const connect: Connect = (target, events) => {
  visits.push(target.host);
  return servers[HOSTS.find((host) => host === target.host) ?? 'a'].connect(target, events);
};

beforeEach(() => {
  clock = new Clock();
  servers = { a: new FakeBackend(clock), b: new FakeBackend(clock), c: new FakeBackend(clock) };
  visits = [];
});

function down(...hosts: Host[]): void {
  for (const host of hosts) servers[host].behaviour.refusal = REFUSED;
}

function search<T>(connection: ConnectionOptions | string, script: () => ProtocolRoutine<T>) {
  const heard: { value?: T; link?: EstablishedConnection; error?: ReplicationError } = {};
  const beside = { host: 'a,b,c', user: 'app', password: 'hunter2', sslmode: 'disable' };
  const given =
    typeof connection === 'string' ? { ...beside, connectionString: connection } : { ...beside, ...connection };
  const settings = resolveConnection(new OptionReader('', { connection: given }, SERVER_OPTIONS), {});
  const connecting = new HostConnector(connect, settings, script, {
    done: (value, link) => Object.assign(heard, { value, link }),
    failed: (error) => Object.assign(heard, { error }),
  });
  return { heard, connecting };
}

/** The chosen host, and the hosts tried before it. */
function found(connection: ConnectionOptions | string = {}) {
  const { heard } = search(connection, fetchSystemIdentity);
  clock.advance(60_000);
  return { host: heard.link?.target.host, visits, code: heard.error?.code };
}

describe('several hosts', () => {
  it('are tried in order until one is reachable', () => {
    expect(found()).toEqual({ host: 'a', visits: ['a'], code: undefined });
    down('a');
    visits = [];
    expect(found()).toEqual({ host: 'b', visits: ['a', 'b'], code: undefined });
    down('b');
    visits = [];
    expect(found()).toEqual({ host: 'c', visits: ['a', 'b', 'c'], code: undefined });
  });

  it('leave only the connection that is used open', () => {
    down('a');
    servers.b.standby = true;
    const { heard } = search('target_session_attrs=primary', fetchSystemIdentity);
    clock.advance(60_000);
    expect([servers.a.last.closed, servers.b.last.closed, servers.c.last.closed]).toEqual([true, true, false]);
    expect(heard.link?.transport).toBe(servers.c.last);
    expect(clock.pending).toBe(0);
  });

  it('have separate connect timeouts', () => {
    servers.a.behaviour.reachable = false;
    servers.b.behaviour.answers = false;
    const { heard } = search('connect_timeout=2', fetchSystemIdentity);
    clock.advance(1999);
    expect(visits).toEqual(['a']);
    clock.advance(1);
    expect(visits).toEqual(['a', 'b']);
    clock.advance(1999);
    expect(visits).toEqual(['a', 'b']);
    clock.advance(10);
    expect(visits).toEqual(['a', 'b', 'c']);
    expect(heard.link?.target.host).toBe('c');
  });

  it.each<[what: string, sqlState: string]>([
    ['is starting or stopping', '57P03'],
    ['is being shut down', '57P01'],
    ['has too many connections', '53300'],
  ])('are skipped if one %s', (_, sqlState) => {
    servers.a.behaviour.answers = false;
    const { heard } = search({}, fetchSystemIdentity);
    clock.advance();
    servers.a.last.error({ C: sqlState, S: 'FATAL', V: 'FATAL', M: 'no' });
    clock.advance(10);
    expect(visits).toEqual(['a', 'b']);
    expect(heard.link?.target.host).toBe('b');
  });

  it.each(['TLS_REFUSED', 'TLS_FAILED'] as const)('are skipped if one fails with %s', (code) => {
    servers.a.behaviour.refusal = new ConnectionError(code, 'no TLS');
    expect(found()).toEqual({ host: 'b', visits: ['a', 'b'], code: undefined });
  });

  it.each<[what: string, sqlState: string, code: string]>([
    ['the password', '28P01', 'AUTHENTICATION_FAILED'],
    ['the user or the address', '28000', 'HBA_REFUSED'],
    ['the database', '3D000', 'DATABASE_MISSING'],
  ])('are not tried after one that refuses %s', (_, sqlState, code) => {
    servers.a.behaviour.answers = false;
    const { heard } = search({}, fetchSystemIdentity);
    clock.advance();
    servers.a.last.error({ C: sqlState, S: 'FATAL', V: 'FATAL', M: 'no pg_hba.conf entry' });
    clock.advance(60_000);
    expect(visits).toEqual(['a']);
    expect(heard.error?.code).toBe(code);
    expect(heard.error?.message).not.toContain('No host is suitable');
  });

  it('are not tried after an error of a suitable host', () => {
    servers.a.behaviour.creationWaits = true;
    const { heard } = search({}, () => executeCreateSlot('made', 'pgoutput', { temporary: false }, 180_000));
    clock.advance(10);
    servers.a.last.close();
    clock.advance(10);
    expect(visits).toEqual(['a']);
    expect(heard.error?.code).toBe('CONNECTION_LOST');
  });

  it('are tried in random order if requested', () => {
    const firsts = Array.from({ length: 60 }, () => {
      visits = [];
      return found('load_balance_hosts=random').host;
    });
    expect(new Set(firsts)).toEqual(new Set(HOSTS));
    down(...HOSTS);
    visits = [];
    found('load_balance_hosts=random');
    expect([...visits].sort()).toEqual([...HOSTS]);
  });
});

describe('a password function', () => {
  it('is called for each host that requests a password, and for no other', async () => {
    down('a');
    for (const host of HOSTS) servers[host].password = 'hunter2';
    servers.b.standby = true;
    const password = jest.fn(() => Promise.resolve('hunter2'));
    const { heard } = search({ password, target_session_attrs: 'primary' }, fetchSystemIdentity);
    for (let i = 0; i < 10; i++) {
      clock.advance(10);
      await microtasks();
    }
    expect(heard.link?.target.host).toBe('c');
    expect(password).toHaveBeenCalledTimes(2);
  });

  it('that fails ends the search, because it would fail for other hosts, too', async () => {
    servers.a.password = 'hunter2';
    const password = () => Promise.reject(new Error('no token'));
    const { heard } = search({ password }, fetchSystemIdentity);
    clock.advance(10);
    await microtasks();
    expect(visits).toEqual(['a']);
    expect(heard.error).toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
      cause: new Error('no token'),
      retryable: true,
    });
    expect(servers.a.last.destroyed).toBe(true);
  });

  it('that takes too long is not waited for, and its result is ignored', async () => {
    servers.a.password = 'hunter2';
    const given: ((password: string) => void)[] = [];
    const password = () => new Promise<string>((found) => given.push(found));
    const { heard } = search({ host: 'a', password, connect_timeout: 5 }, fetchSystemIdentity);
    clock.advance(5000);
    expect(heard.error?.code).toBe('CREDENTIAL_UNAVAILABLE');
    for (const found of given) found('hunter2');
    await microtasks();
    clock.advance(10);
    expect(given).toHaveLength(1);
    expect(heard.value).toBeUndefined();
    expect(servers.a.last.log).toEqual(['startup', 'destroy']);
  });
});

describe('target_session_attrs', () => {
  /** a is a primary with read-only transactions by default, b a standby, c a primary. */
  beforeEach(() => {
    servers.a.readOnly = true;
    servers.b.standby = true;
  });

  it.each<[attrs: string, host: Host]>([
    ['any', 'a'],
    ['read-write', 'c'],
    ['read-only', 'a'],
    ['primary', 'a'],
    ['standby', 'b'],
    ['prefer-standby', 'b'],
  ])('%s selects %s', (attrs, host) => {
    expect(found(`target_session_attrs=${attrs}`)).toMatchObject({ host });
  });

  it.each<[attrs: string, host: string, what: string]>([
    ['read-write', 'a,b', 'No host is suitable: a:5432 is read-only; b:5432 is read-only.'],
    ['read-only', 'c', 'c:5432 is not read-only.'],
    ['primary', 'b', 'b:5432 is a standby.'],
    ['standby', 'a,c', 'No host is suitable: a:5432 is not a standby; c:5432 is not a standby.'],
  ])('%s selects none of %s', (target_session_attrs, host, what) => {
    const { heard } = search({ target_session_attrs, host }, fetchSystemIdentity);
    clock.advance(10);
    expect(heard.error?.message.startsWith(what)).toBe(true);
    expect(heard.error).toMatchObject({
      code: host.includes(',') ? 'NO_SUITABLE_HOST' : 'SESSION_ATTRS_MISMATCH',
      retryable: true,
    });
  });

  it('prefer-standby tries all hosts a second time, and takes the first', () => {
    servers.b.standby = false;
    expect(found('target_session_attrs=prefer-standby')).toMatchObject({ host: 'a', visits: ['a', 'b', 'c', 'a'] });
  });

  it('prefer-standby takes a standby, whichever hosts are unreachable', () => {
    down('a', 'c');
    expect(found('target_session_attrs=prefer-standby')).toMatchObject({ host: 'b', visits: ['a', 'b'] });
  });

  it("prefer-standby reports each host's error only once", () => {
    down('a', 'b');
    const { heard } = search({ host: 'a,b', target_session_attrs: 'prefer-standby' }, fetchSystemIdentity);
    clock.advance(10);
    expect(visits).toEqual(['a', 'b', 'a', 'b']);
    expect(heard.error?.message).toMatch(
      /^No host is suitable: Cannot connect to a:5432 \(ECONNREFUSED\); Cannot connect to b:5432 \(ECONNREFUSED\)\. Check/,
    );
  });

  it('prefer-standby with one unreachable host ends with that error', () => {
    down('a');
    expect(found({ host: 'a', target_session_attrs: 'prefer-standby' })).toMatchObject({
      visits: ['a', 'a'],
      code: 'CONNECTION_REFUSED',
    });
  });
});

describe('NO_SUITABLE_HOST', () => {
  it('lists the error of each host, has the errors as its cause, and contains no secret', () => {
    down('a');
    servers.b.standby = true;
    servers.c.behaviour.reachable = false;
    const { heard } = search('target_session_attrs=primary connect_timeout=1', fetchSystemIdentity);
    clock.advance(60_000);
    const { error } = heard;
    expect(error).toMatchObject({ code: 'NO_SUITABLE_HOST', name: 'ConnectionError', retryable: true });
    expect(error?.message).toBe(
      'No host is suitable: Cannot connect to a:5432 (ECONNREFUSED); b:5432 is a standby; ' +
        'c:5432 was not ready within 1000 ms. Check the hosts of the connection and target_session_attrs.',
    );
    expect(error?.cause).toBeInstanceOf(AggregateError);
    const { errors } = error?.cause as AggregateError;
    expect(errors).toMatchObject([
      { code: 'CONNECTION_REFUSED', cause: REFUSED },
      { code: 'SESSION_ATTRS_MISMATCH' },
      { code: 'CONNECT_TIMEOUT' },
    ]);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('hunter2');
  });
});

describe('unsubscribing during a search', () => {
  it('closes the current connection, and tries no other host', () => {
    down('a');
    servers.b.behaviour.reachable = false;
    const { heard, connecting } = search({}, fetchSystemIdentity);
    clock.advance(100);
    expect(visits).toEqual(['a', 'b']);
    let done = 0;
    connecting.abort(() => done++);
    expect(done).toBe(1);
    expect(servers.b.last.destroyed).toBe(true);
    clock.advance(60_000);
    expect(visits).toEqual(['a', 'b']);
    expect(heard).toEqual({});
    expect(clock.pending).toBe(0);
  });

  it('cancels the creation of a slot on the host that creates it', () => {
    down('a');
    servers.b.behaviour.creationWaits = true;
    const { connecting } = search({}, () => executeCreateSlot('made', 'pgoutput', { temporary: false }, 180_000));
    clock.advance(100);
    let done = 0;
    connecting.abort(() => done++);
    clock.advance(10);
    expect(visits).toEqual(['a', 'b', 'b']);
    expect(servers.b.cancelled).toHaveLength(1);
    expect(done).toBe(1);
  });

  it('has nothing to close after a search that failed', () => {
    down(...HOSTS);
    const { connecting } = search({}, fetchSystemIdentity);
    clock.advance(10);
    let done = 0;
    connecting.abort(() => done++);
    expect(done).toBe(1);
  });
});

describe('falling back to clear text with sslmode=prefer', () => {
  let warnings: jest.SpyInstance<unknown, Parameters<typeof process.emitWarning>>;

  beforeEach(() => {
    warnings = jest.spyOn(process, 'emitWarning').mockReturnValue();
  });

  afterEach(() => {
    warnings.mockRestore();
  });

  it('warns once for each server', () => {
    down('a');
    for (let i = 0; i < 2; i++) found({ sslmode: 'prefer', port: 7001 });
    expect(warnings.mock.calls).toEqual([
      [
        expect.stringMatching(/^b:7001 does not support TLS, .* sslmode=verify-full/),
        { type: 'ReplicationWarning', code: 'RXPG_CLEAR_TEXT' },
      ],
    ]);
    found({ sslmode: 'prefer', port: 7002 });
    expect(warnings).toHaveBeenCalledTimes(2);
  });

  it.each<[what: string, connection: ConnectionOptions]>([
    ['sslmode is disable', { sslmode: 'disable' }],
    ['the host is local', { sslmode: 'prefer', host: 'localhost' }],
    ['the host is local', { sslmode: 'prefer', host: '127.0.0.1' }],
    ['the host is local', { sslmode: 'prefer', host: '::1' }],
    ['the host is local', { sslmode: 'prefer', host: 'a', hostaddr: '127.0.0.1' }],
    ['the host is local', { sslmode: 'prefer', host: '/tmp' }],
  ])('does not warn if %s: %j', (_, connection) => {
    found({ port: 7003, ...connection });
    expect(warnings).not.toHaveBeenCalled();
  });

  it('does not warn again for a second connection to the resolved address', () => {
    for (const hostaddr of [undefined, '192.0.2.7']) found({ sslmode: 'prefer', host: 'b', hostaddr, port: 7005 });
    expect(warnings).toHaveBeenCalledTimes(1);
  });

  it('warns if another address has a local name', () => {
    found({ sslmode: 'prefer', host: 'localhost', hostaddr: '10.0.0.7', port: 7004 });
    expect(warnings).toHaveBeenCalledTimes(1);
  });
});

describe('a stream', () => {
  it('searches its host again with each subscription', () => {
    const connection = 'postgres://app:hunter2@a,b,c/shop?sslmode=disable&target_session_attrs=read-write';
    const stream$ = createStream(connect, {
      connection,
      slot: 'orders',
      publications: ['orders_pub'],
      scheduler: clock,
    });
    const first = record(stream$);
    clock.advance(10);
    expect(servers.a.last.streaming).toBe(true);

    // The server stops, and its standby is promoted.
    servers.a.last.close(new Error('gone'));
    servers.a.standby = true;
    servers.b.behaviour.refusal = REFUSED;
    expect(first.error).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
    visits = [];
    record(stream$);
    clock.advance(10);
    expect(visits).toEqual(['a', 'b', 'c']);
    expect(servers.c.last.streaming).toBe(true);
  });
});
