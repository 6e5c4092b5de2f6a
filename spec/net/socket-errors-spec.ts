import { ConnectionError, ProtocolError } from '../../lib/common/errors';
import { toConnectError } from '../../lib/net/socket-errors';

const TCP = { host: 'db.example', port: 5432, tls: undefined, keepAlive: undefined };

describe('connectFailure', () => {
  it.each([
    ['ENOTFOUND', 'HOST_UNKNOWN'],
    ['EAI_AGAIN', 'HOST_UNKNOWN'],
    ['ECONNREFUSED', 'CONNECTION_REFUSED'],
    ['ENOENT', 'CONNECTION_REFUSED'],
    ['EHOSTUNREACH', 'HOST_UNREACHABLE'],
    ['ETIMEDOUT', 'CONNECT_TIMEOUT'],
    ['ECONNRESET', 'CONNECTION_LOST'],
    ['EWHATEVER', 'CONNECTION_LOST'],
  ])('maps %s to %s, and keeps the cause', (errno, code) => {
    const cause = Object.assign(new Error('from the system'), { code: errno });
    const error = toConnectError(TCP, cause);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ code, retryable: true, cause });
    expect(error.message).toContain('db.example:5432');
  });

  it('supports a connection that ended without a cause', () => {
    expect(toConnectError(TCP, undefined)).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('names the folder of a Unix socket', () => {
    expect(toConnectError({ ...TCP, host: '/run/pg' }, undefined).message).toContain('/run/pg (port 5432)');
  });

  it('has a remedy for a name in the abstract namespace', () => {
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    expect(toConnectError({ ...TCP, host: '@pg' }, cause).message).toMatch(/@pg \(port 5432\).*Node\.js 22/);
  });

  it('returns a ReplicationError unchanged', () => {
    const error = new ProtocolError('mine');
    expect(toConnectError(TCP, error)).toBe(error);
  });

  it('uses the first of several addresses that failed', () => {
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const cause = Object.assign(new AggregateError([refused, refused]), { code: 'ECONNREFUSED' });
    expect(toConnectError(TCP, cause)).toMatchObject({ code: 'CONNECTION_REFUSED' });
  });
});
