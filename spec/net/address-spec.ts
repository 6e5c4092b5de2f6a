import { getSocketPath, formatAddress } from '../../lib/net/address';

const TCP = { host: 'db.example', port: 5432, tls: undefined, keepAlive: undefined };

describe('the path of a Unix socket', () => {
  it.each([
    ['/run/pg', '/run/pg/.s.PGSQL.5432'],
    ['@pg', '\0pg/.s.PGSQL.5432'],
    ['@/run/pg', '\0/run/pg/.s.PGSQL.5432'],
  ])('for host %s is the same as in libpq', (host, path) => {
    expect(getSocketPath({ ...TCP, host })).toBe(path);
  });

  it('does not exist for a host name, nor with an address', () => {
    expect(getSocketPath(TCP)).toBeUndefined();
    expect(getSocketPath({ ...TCP, host: '/run/pg', address: '127.0.0.1' })).toBeUndefined();
  });
});

describe('the description of a target', () => {
  it.each([
    [{}, 'db.example:5432'],
    [{ host: '/run/pg' }, '/run/pg (port 5432)'],
    [{ host: '@pg' }, '@pg (port 5432)'],
    [{ address: '10.1.2.3' }, 'db.example:5432 (10.1.2.3)'],
    [{ host: '10.1.2.3', address: '10.1.2.3' }, '10.1.2.3:5432'],
  ])('with %j is %s', (target, text) => {
    expect(formatAddress({ ...TCP, ...target })).toBe(text);
  });
});
