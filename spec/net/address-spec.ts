import { getSocketPath, formatAddress } from '../../lib/net/address';

const TCP = { host: 'db.example', port: 5432, tls: undefined, keepAlive: undefined };

describe('the path of a Unix socket', () => {
  it.each([
    ['/run/pg', '/run/pg/.s.PGSQL.5432'],
    ['@pg', '\0pg/.s.PGSQL.5432'],
    ['@/run/pg', '\0/run/pg/.s.PGSQL.5432'],
  ])('of host %s is made as libpq makes it', (host, path) => {
    expect(getSocketPath({ ...TCP, host })).toBe(path);
  });

  it('is none for a name, nor where there is an address', () => {
    expect(getSocketPath(TCP)).toBeUndefined();
    expect(getSocketPath({ ...TCP, host: '/run/pg', address: '127.0.0.1' })).toBeUndefined();
  });
});

describe('where a target is', () => {
  it.each([
    [{}, 'db.example:5432'],
    [{ host: '/run/pg' }, '/run/pg (port 5432)'],
    [{ host: '@pg' }, '@pg (port 5432)'],
    [{ address: '10.1.2.3' }, 'db.example:5432 (10.1.2.3)'],
    [{ host: '10.1.2.3', address: '10.1.2.3' }, '10.1.2.3:5432'],
  ])('with %j is said as %s', (target, text) => {
    expect(formatAddress({ ...TCP, ...target })).toBe(text);
  });
});
