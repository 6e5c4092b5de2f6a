import { getHosts, getError, resolve, type Environment } from './support/resolve-connection';

describe('the hosts', () => {
  it.each<[connection: unknown, env: Environment, hosts: string[]]>([
    [undefined, {}, ['localhost:5432']],
    ['postgres://h', {}, ['h:5432']],
    ['host=a,b', {}, ['a:5432', 'b:5432']],
    ['host=a,b port=1', {}, ['a:1', 'b:1']],
    ['host=a,b port=1,2', {}, ['a:1', 'b:2']],
    ['host=a,b port=,2', {}, ['a:5432', 'b:2']],
    ['host=a,,b', {}, ['a:5432', 'localhost:5432', 'b:5432']],
    [{ host: 'a, b', port: '1, 2' }, {}, ['a:1', 'b:2']],
    [{ host: 'a,b', port: 6543 }, {}, ['a:6543', 'b:6543']],
    [{ port: '5433' }, {}, ['localhost:5433']],
    ['postgres://a:1,b:2,[::1]:3/db', {}, ['a:1', 'b:2', '::1:3']],
    ['postgres:///db?host=/a,/b', {}, ['/a:5432', '/b:5432']],
    ['postgres://a/db?host=b', {}, ['b:5432']],
    [{ connectionString: 'postgres://a:1,b:2', host: 'c', port: 3 }, {}, ['c:3']],
    [{}, { PGHOST: 'a,b', PGPORT: '1,2' }, ['a:1', 'b:2']],
    ['host=a,b', { PGPORT: '6543' }, ['a:6543', 'b:6543']],
    // As in libpq, each host of a URI has its own port.
    ['postgres://a,b', { PGPORT: '6543' }, ['a:5432', 'b:5432']],
    ['postgres://a', { PGPORT: '6543' }, ['a:6543']],
    ['hostaddr=10.0.0.7', {}, ['10.0.0.7:5432@10.0.0.7']],
    ['host=a hostaddr=10.0.0.7', {}, ['a:5432@10.0.0.7']],
    ['host=a', { PGHOSTADDR: '::1' }, ['a:5432@::1']],
    ['host=a,b hostaddr=10.0.0.7,', {}, ['a:5432@10.0.0.7', 'b:5432']],
    ['hostaddr=10.0.0.7,fe80::1%eth0 port=1,2', {}, ['10.0.0.7:1@10.0.0.7', 'fe80::1%eth0:2@fe80::1%eth0']],
    [{ host: 'fe80::1%eth0' }, {}, ['fe80::1%eth0:5432']],
    [{ host: '@abstract' }, {}, ['@abstract:5432']],
    [{ host: '/with space/and@' }, {}, ['/with space/and@:5432']],
    [{ host: 'bücher.example' }, {}, ['bücher.example:5432']],
  ])('are read from %j and %j', (connection, env, hosts) => {
    expect(getHosts(connection, env)).toEqual(hosts);
  });

  it.each<[connection: unknown, words: string]>([
    ['host=a,b hostaddr=10.0.0.7', '1 addresses for 2 hosts'],
    ['host=a,b,c port=1,2', '2 ports for 3 hosts'],
    ['port=1,2', '2 ports for one host'],
  ])('must match their addresses and ports: %s', (connection, words) => {
    expect(getError(connection).message).toContain(words);
  });

  it.each([0, -1, 65_536, 1.5, NaN, 'x', '5432x', '1,x', '99999999999', 5432n, {}, true])(
    'cannot have the port %p',
    (port) => {
      expect(getError({ port }).option).toBe('connection.port');
    },
  );

  it('report the position of an invalid port, and show only numbers', () => {
    expect(getError({}, { PGPORT: '70000' }).message).toContain('got 70000 (from PGPORT)');
    expect(getError('postgres://h?port=hunter2').message).toContain('(from the connection string)');
    expect(getError({ port: 'hunter2' }).message).not.toContain('(from');
  });

  it.each([
    'postgres://app:hunter2@h/shop',
    'app:hunter2@h',
    'hunter2?',
    'h:5432',
    '[::1]',
    'h/shop',
    'h hunter2',
    'password=hunter2',
    'a,b:hunter2',
  ])('are not shown if invalid, because the value may be a whole URI: %s', (host) => {
    expect(getError({ host }).option).toBe('connection.host');
    expect(getError({}, { PGHOST: host }).message).toContain('(from PGHOST)');
  });

  it.each(['db.example', '10.0.0.7:5432', '/tmp'])('cannot have the address %s', (hostaddr) => {
    expect(getError({ hostaddr }).option).toBe('connection.hostaddr');
  });

  it.each(['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'])(
    'may be restricted to %s',
    (attrs) => {
      expect(resolve(`host=a target_session_attrs=${attrs}`).hosts.sessionAttrs).toBe(attrs);
      expect(resolve({ target_session_attrs: attrs }, { PGTARGETSESSIONATTRS: 'x' }).hosts.sessionAttrs).toBe(attrs);
      expect(resolve({}, { PGTARGETSESSIONATTRS: attrs }).hosts.sessionAttrs).toBe(attrs);
    },
  );

  it('may be tried in random order', () => {
    expect(resolve('host=a,b').hosts).toMatchObject({ sessionAttrs: 'any', shuffled: false });
    expect(resolve('host=a,b load_balance_hosts=random').hosts.shuffled).toBe(true);
    expect(resolve({ load_balance_hosts: 'disable' }, { PGLOADBALANCEHOSTS: 'random' }).hosts.shuffled).toBe(false);
  });

  it('reject unknown selection options', () => {
    expect(getError('target_session_attrs=read_write').message).toContain('Did you mean `read-write`?');
    expect(getError({}, { PGTARGETSESSIONATTRS: 'master' }).message).toContain('(from PGTARGETSESSIONATTRS)');
    expect(getError({ load_balance_hosts: true }).option).toBe('connection.load_balance_hosts');
  });
});
