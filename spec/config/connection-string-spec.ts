import { parseConnectionString } from '../../lib/config/connection-string';
import { getHosts, getPassword, getError, getStartup } from './support/resolve-connection';

/** The parameters without empty ones. */
function parse(text: string): Record<string, string> {
  return Object.fromEntries([...parseConnectionString('connection', text)].filter(([, value]) => value !== ''));
}

describe('a URI', () => {
  // The expected values are from PQconninfoParse of libpq 18.
  it.each<[uri: string, says: Record<string, string>]>([
    ['postgres://', {}],
    ['postgresql://localhost', { host: 'localhost' }],
    ['POSTGRES://h', { host: 'h' }],
    ['postgres://u@', { user: 'u' }],
    ['postgres://@h', { host: 'h' }],
    ['postgres://u:@h', { user: 'u', host: 'h' }],
    ['postgres://:p@h', { password: 'p', host: 'h' }],
    ['postgres://:5433/db', { port: '5433', database: 'db' }],
    ['postgres://h/', { host: 'h' }],
    ['postgres://h?', { host: 'h' }],
    ['postgres://h:/db', { host: 'h', database: 'db' }],
    [
      'postgres://u:p@h:5433/db?application_name=a%20b&options=-c%20a%3Db',
      { user: 'u', password: 'p', host: 'h', port: '5433', database: 'db', application_name: 'a b', options: '-c a=b' },
    ],
    ['postgres://u%3Aser:p%2Fw%40%25@h/a%2Fb', { user: 'u:ser', password: 'p/w@%', host: 'h', database: 'a/b' }],
    ['postgres://u:a:b@h', { user: 'u', password: 'a:b', host: 'h' }],
    ['postgres://u:1?2#3@h/db', { user: 'u', password: '1?2#3', host: 'h', database: 'db' }],
    ['postgres://h/a/b', { host: 'h', database: 'a/b' }],
    ['postgres://[2001:db8::1]/db', { host: '2001:db8::1', database: 'db' }],
    ['postgres://[fe80::1%25eth0]:5433', { host: 'fe80::1%eth0', port: '5433' }],
    ['postgres://%2Frun%2Fpg:5433/db', { host: '/run/pg', port: '5433', database: 'db' }],
    ['postgres:///db?host=/a,/b', { host: '/a,/b', database: 'db' }],
    [
      'postgres:///db?host=h&port=5433&user=u&password=p',
      { host: 'h', port: '5433', user: 'u', password: 'p', database: 'db' },
    ],
    ['postgres://h1:1,h2:2/db', { host: 'h1,h2', port: '1,2', database: 'db' }],
    ['postgres://h1,h2:2/db', { host: 'h1,h2', port: ',2', database: 'db' }],
    ['postgres://h1,h2', { host: 'h1,h2', port: ',' }],
    ['postgres://[::1]:1,[::2],h', { host: '::1,::2,h', port: '1,,' }],
    ['postgres://a%2Cb', { host: 'a,b' }],
    ['postgres://h/db?dbname=other', { host: 'h', database: 'other' }],
    ['postgres://h?user=a%40b', { host: 'h', user: 'a@b' }],
    ['postgres://h/?user=a@b', { host: 'h', user: 'a@b' }],
    ['postgres://h?password=a+b', { host: 'h', password: 'a+b' }],
    ['postgres://h?sslmode=&port=1&port=2', { host: 'h', port: '2' }],
  ])('is parsed as libpq does: %s', (uri, says) => {
    expect(parse(uri)).toEqual(says);
  });

  // Accepted for compatibility with pg.
  it.each<[uri: string, says: Record<string, string>]>([
    ['postgres://u:p@ss@h', { user: 'u', password: 'p@ss', host: 'h' }],
    ['postgres://h?options=-c a=b', { host: 'h', options: '-c a=b' }],
    [' postgres://h/db\n', { host: 'h', database: 'db' }],
    ['postgres://h?ssl=true', { host: 'h', sslmode: 'verify-full' }],
    ['postgres://h?ssl=1', { host: 'h', sslmode: 'verify-full' }],
    ['postgres://h?ssl=false', { host: 'h', sslmode: 'disable' }],
    ['postgres://h?ssl=0', { host: 'h', sslmode: 'disable' }],
    ['postgres://h?ssl=no-verify', { host: 'h', sslmode: 'no-verify' }],
    ['postgres://h?ssl=true&sslmode=require', { host: 'h', sslmode: 'require' }],
    ['socket:/run/pg?db=shop&encoding=utf8', { host: '/run/pg', database: 'shop', client_encoding: 'utf8' }],
    ['socket://u:p@/run/pg?db=shop', { host: '/run/pg', database: 'shop', user: 'u', password: 'p' }],
  ])('is also parsed as pg does: %s', (uri, says) => {
    expect(parse(uri)).toEqual(says);
  });

  it('may contain parameters of pg and its pool', () => {
    const query = 'client_encoding=UTF8&statement_timeout=1&max=5&uselibpqcompat=true';
    expect(getStartup(`postgres://app@h/shop?${query}`)).toEqual(getStartup('postgres://app@h/shop'));
  });

  it.each([
    'postgres:app:hunter2@h',
    'postgres:/app:hunter2@h',
    'postgres://app:hunter2@h:port/shop',
    'postgres://app:hunter2@[::1/shop',
    'postgres://app:hunter2@[::1]x/shop',
    'postgres://app:hunter2@::1/shop',
    'postgres://app:hunter2@h/sh@p',
    'postgres://app:hunter2@h/shop#fragment',
    'postgres://app:12/a?hunter2=1@h/shop',
    'postgres://app:12@h/a?hunter2=1@h/shop',
    'postgres://app:hunter2%zz@h',
    'postgres://app:hunter2%@h',
    'postgres://app:hunter2%00@h',
    'postgres://app:hunter2@h?password=%00',
    'postgres://app:hunter2%E4@h',
    'socket:hunter2',
  ])('is rejected if it is invalid: %s', (uri) => {
    expect(getError(uri)).toMatchObject({ option: 'connection' });
    expect(getError({ connectionString: uri }).message).toContain('percent-encode');
  });

  it.each(['postgres://h?sslmode', 'postgres://h?=hunter2', 'postgres://h?a=b&hunter2'])(
    'requires a value for each parameter: %s',
    (uri) => {
      expect(getError(uri).option).toBe('connection');
    },
  );

  it.each([
    ['sslmod', 'sslmode'],
    ['targetSessionAttrs', 'target_session_attrs'],
    ['requireAuth', 'require_auth'],
    ['hots', 'host'],
    ['dbnam', 'dbname'],
  ])('rejects %s and suggests %s', (name, meant) => {
    const error = getError(`postgres://app:hunter2@h/shop?sslmode=disable&${name}=hunter2`);
    expect(error.option).toBe('connection');
    expect(error.message).toContain(`unknown parameter \`${name}\` in the URI. Did you mean \`${meant}\`?`);
    expect(getError(`host=h ${name}=hunter2`).message).toContain(`Did you mean \`${meant}\`?`);
  });

  it('suggests the most similar parameters', () => {
    expect(getError('postgres://h?schema=x').message).toMatch(
      /unknown parameter `schema` in the URI\. Similar names: `\w+`, `\w+`, `\w+`\.$/,
    );
    expect(getError('postgres://h?ssl=hunter2').message).toContain('use sslmode');
  });
});

describe('a password that was not encoded', () => {
  /** Text around special characters, no part of which may appear in an error. */
  const PIECES = ['hunter2', '12', ''];

  it.each(
    [...'/?#@:,%&=[] '].flatMap((a) => [a, ...[...'/?#@:,%=&'].map((b) => `hunter2${b}1`).map((end) => a + end)]),
  )('is either parsed as a whole or never shown, not even as a host: %j', async (middle) => {
    for (const first of PIECES) {
      for (const last of PIECES) {
        const password = `${first}${middle}${last}`;
        const uri = `postgres://app:${password}@db.example/shop`;
        try {
          expect(getHosts(uri)).toEqual(['db.example:5432']);
        } catch (error) {
          if (!(error instanceof Error) || !('code' in error)) throw error;
          const { message } = getError(uri);
          expect(message).toContain('percent-encode');
          continue;
        }
        expect(getStartup(uri)).toMatchObject({ user: 'app', database: 'shop' });
        expect((await getPassword(uri)) ?? '').toBe(decodeURIComponent(password));
      }
    }
  });
});

describe('keywords and values', () => {
  // The expected values are from PQconninfoParse of libpq 18.
  it.each<[text: string, says: Record<string, string>]>([
    ['host=h port=5433 dbname=shop', { host: 'h', port: '5433', database: 'shop' }],
    ["  host = h\n\tport= 5433 user ='a b'  ", { host: 'h', port: '5433', user: 'a b' }],
    [String.raw`password='a\'b\\c d'`, { password: String.raw`a'b\c d` }],
    [String.raw`password=a\ b\\\'`, { password: String.raw`a b\'` }],
    ["password=it's", { password: "it's" }],
    ['password=a=b', { password: 'a=b' }],
    ["host='' user=u", { user: 'u' }],
    ["user=u password='a\nb'", { user: 'u', password: 'a\nb' }],
    ['host=a host=b', { host: 'b' }],
    ['host=a,b port=,2', { host: 'a,b', port: ',2' }],
    [String.raw`sslrootcert=C:\\certs\\root.crt`, { sslrootcert: String.raw`C:\certs\root.crt` }],
    [String.raw`sslrootcert='C:\\my certs\\root.crt'`, { sslrootcert: String.raw`C:\my certs\root.crt` }],
    [String.raw`sslrootcert=C:\certs\root.crt`, { sslrootcert: 'C:certsroot.crt' }],
  ])('are parsed as libpq does: %s', (text, says) => {
    expect(parse(text)).toEqual(says);
  });

  it.each([
    "password='hunter2",
    "password='hunter2'x host=h",
    "password='hunter2'host=h",
    'password=hunter2 2',
    'password=a hunter2',
    'password=a hunter2=1',
    'password=a hunter2=1 x',
    'sslpassword=a hunter2=1',
    'password=hunter2\\',
    'host=h hunter2',
    '=hunter2',
  ])('are rejected without showing any part of them: %s', (text) => {
    expect(getError(text).option).toBe('connection');
  });

  it('shows an unknown keyword only if it cannot be part of a password', () => {
    expect(getError('host=h schema=x').message).toContain('keyword `schema` ');
    for (const secret of ['password', 'sslpassword']) {
      const { message } = getError(`host=h ${secret}=x schema=y`);
      expect(message).toContain('Quote a value');
      expect(message).not.toContain('schema');
    }
  });
});

describe('a connection string', () => {
  it.each(['', ' ', '\n'])('cannot be %j', (text) => {
    expect(getError(text).message).toContain('check for an empty environment variable');
    expect(getError({ connectionString: text }).option).toBe('connection');
  });

  it.each([
    'h:5432/shop',
    'db.example',
    'jdbc:postgresql://app:hunter2@h',
    'hunter2',
    '/run/pg shop',
    'my host=hunter2',
  ])('must start with a scheme or a keyword: %s', (text) => {
    expect(getError(text).message).toContain('expected a URI such as');
  });
});
