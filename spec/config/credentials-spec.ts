import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { ReplicationError } from '../../lib/common/errors';
import type { CredentialName } from '../../lib/wire/authentication';
import { getPassword, resolve, type Environment } from './support/resolve-connection';

let home: string;
let warnings: jest.SpyInstance<unknown, Parameters<typeof process.emitWarning>>;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pass-'));
  warnings = jest.spyOn(process, 'emitWarning').mockReturnValue();
});

afterEach(() => {
  warnings.mockRestore();
  rmSync(home, { recursive: true });
});

function passwordFile(lines: readonly string[], { name = '.pgpass', mode = 0o600, end = '\n' } = {}): string {
  const path = join(home, name);
  writeFileSync(path, lines.map((line) => line + end).join(''));
  chmodSync(path, mode);
  return path;
}

/** The result of one request for a secret. */
function ask(connection: unknown, name: CredentialName = 'password', env: Environment = {}) {
  const { credentials: secrets, hosts } = resolve(connection, env);
  const [target] = hosts.targets;
  return () =>
    new Promise((found, failed) => {
      secrets.request(name, target!, found, failed);
    });
}

async function failureOf(connection: unknown): Promise<ReplicationError> {
  const error: unknown = await ask(connection)().catch((thrown: unknown) => thrown);
  if (!(error instanceof ReplicationError)) throw new Error('it did not fail');
  return error;
}

describe('a password', () => {
  it('that is text is returned immediately, wherever it is set', () => {
    const found = jest.fn();
    const { credentials: secrets, hosts } = resolve('postgres://u:hunter2@h', { PGPASSWORD: 'other' });
    secrets.request('password', hosts.targets[0]!, found, found);
    expect(found.mock.calls).toEqual([['hunter2']]);
  });

  it('may be missing', async () => {
    expect(await getPassword('postgres://u@h')).toBeUndefined();
    expect(await ask({})()).toBeUndefined();
    expect(await ask({ password: 'hunter2' }, 'oauthToken')()).toBeUndefined();
  });
});

describe('a function', () => {
  it.each<[what: string, password: () => unknown]>([
    ['at once', () => 'hunter2'],
    ['later', () => Promise.resolve('hunter2')],
    [
      'from something like a promise',
      () => ({
        then: (found: (value: string) => void) => {
          found('hunter2');
        },
      }),
    ],
  ])('returns a password %s', async (_, password) => {
    expect(await ask({ password, connectionString: 'password=other' }, 'password', { PGPASSWORD: 'x' })()).toBe(
      'hunter2',
    );
  });

  it('returns a token', async () => {
    expect(await ask({ oauthToken: () => Promise.resolve('token') }, 'oauthToken')()).toBe('token');
  });

  it('is called for each request, and not before', async () => {
    let calls = 0;
    const question = ask({ password: () => `hunter${++calls}` });
    expect(calls).toBe(0);
    expect(await question()).toBe('hunter1');
    expect(await question()).toBe('hunter2');
  });

  it.each<[what: string, password: () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('hunter2');
      },
    ],
    ['rejects', () => Promise.reject(new Error('hunter2'))],
  ])('that %s is a retryable error, and only its cause has the details', async (_, password) => {
    const error = await failureOf({ password });
    expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE', retryable: true, cause: new Error('hunter2') });
    expect(error.message).toContain('connection.password');
    expect(error.message).not.toContain('hunter2');
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it.each<[given: unknown, words: string]>([
    [undefined, 'got undefined'],
    [null, 'got null'],
    [87_654, 'got a number'],
    [{ password: 'hunter2' }, 'got an object'],
    [['hunter2'], 'got a list'],
    [Buffer.from('hunter2'), 'got an object'],
  ])('must return text, not %p, which is not shown', async (given, words) => {
    const error = await failureOf({ password: () => given });
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', option: 'connection.password', retryable: false });
    expect(error.message).toContain(words);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/hunter2|87/);
  });
});

describe('the password file', () => {
  const uri = 'postgres://u@db.example/shop';
  const inHome = (connection: unknown = uri, env: Environment = {}) => getPassword(connection, { HOME: home, ...env });

  // The expected values are from PQpass of libpq 18 after a refused connection.
  it.each<[what: string, lines: string[], password: string | undefined]>([
    ['the line of host, port, database and user', ['db.example:5432:shop:u:pw'], 'pw'],
    ['stars for any value', ['*:*:*:*:pw'], 'pw'],
    [
      'the first that fits',
      ['other:*:*:*:no', '*:5433:*:*:no', '*:*:other:*:no', '*:*:*:v:no', '*:*:*:*:pw', '*:*:*:u:no'],
      'pw',
    ],
    ['no password where no line matches', ['other:*:*:*:no'], undefined],
    ['not a comment', ['#*:*:*:*:no', '*:*:*:*:pw'], 'pw'],
    ['not a line with too few fields', ['', '*', '*:*:*:*', '*:*:*:*:pw'], 'pw'],
    ['a password of one character', ['*:*:*:*:p'], 'p'],
    ['backslashes before special characters', [String.raw`db\.example:*:*:*:a\:b\\c\d`], String.raw`a:b\cd`],
    ['nothing after another colon', ['*:*:*:*:pw:more'], 'pw'],
    ['spaces unchanged', ['*:*:*:*: p w '], ' p w '],
    ['not an escaped star for any value', [String.raw`\*:*:*:*:no`, '*:*:*:*:pw'], 'pw'],
    ['a backslash at the end', ['*:*:*:*:pw\\'], 'pw\\'],
  ])('provides %s', async (_, lines, password) => {
    passwordFile(lines);
    expect(await inHome()).toBe(password);
    passwordFile(lines, { end: '\r\n' });
    expect(await inHome()).toBe(password);
  });

  it('is read if no password is given', async () => {
    passwordFile(['*:*:*:*:pw']);
    expect(await inHome({ password: 'hunter2' })).toBe('hunter2');
    expect(await inHome(uri, { PGPASSWORD: 'hunter2' })).toBe('hunter2');
    expect(await inHome(uri, { PGPASSWORD: '' })).toBe('pw');
    expect(await inHome('postgres://u:@h')).toBe('pw');
  });

  it('is read again for each connection', async () => {
    const file = passwordFile(['*:*:*:*:old']);
    const question = ask(uri, 'password', { HOME: home });
    expect(await question()).toBe('old');
    writeFileSync(file, '*:*:*:*:new\n');
    expect(await question()).toBe('new');
    rmSync(file);
    expect(await question()).toBeUndefined();
  });

  it('may have another path', async () => {
    passwordFile(['*:*:*:*:home']);
    const [of, other] = ['of', 'other'].map((name) => passwordFile([`*:*:*:*:${name}`], { name }));
    expect(await inHome(uri, { PGPASSFILE: of! })).toBe('of');
    expect(await inHome({ passfile: other }, { PGPASSFILE: of! })).toBe('other');
    expect(await inHome(`passfile=${other!}`, { PGPASSFILE: of! })).toBe('other');
    expect(await inHome(uri, { PGPASSFILE: '/nowhere' })).toBeUndefined();
  });

  it.each<[connection: string, line: string]>([
    ['host=/tmp', 'localhost:*:*:*:pw'],
    ['host=/var/run/postgresql', 'localhost:*:*:*:pw'],
    ['host=/var/run/postgresql', '/var/run/postgresql:*:*:*:pw'],
    ['host=/srv/sockets', '/srv/sockets:*:*:*:pw'],
    ['', 'localhost:*:*:*:pw'],
    ['host=::1', '::1:5432:*:*:pw'],
    ['host=::1', String.raw`\:\:1:5432:*:*:pw`],
    ['hostaddr=10.0.0.7', '10.0.0.7:*:*:*:pw'],
    ['host=db hostaddr=10.0.0.7', 'db:*:*:*:pw'],
    ['port=5433', '*:5433:*:*:pw'],
    ['user=u', '*:*:u:u:pw'],
  ])('matches %j as %s', async (connection, line) => {
    passwordFile([line]);
    expect(await inHome(connection === '' ? {} : connection)).toBe('pw');
  });

  it('matches no other folder as localhost', async () => {
    passwordFile(['localhost:*:*:*:pw']);
    expect(await inHome('host=/srv/sockets')).toBeUndefined();
  });

  it('is searched for each of several hosts', async () => {
    passwordFile(['a:*:*:*:of a', 'b:*:*:*:of b']);
    const { credentials: secrets, hosts } = resolve('host=a,b', { HOME: home });
    const passwords = hosts.targets.map(
      (target) =>
        new Promise((found, failed) => {
          secrets.request('password', target, found, failed);
        }),
    );
    expect(await Promise.all(passwords)).toEqual(['of a', 'of b']);
  });

  it.each([0o640, 0o604, 0o666])(
    'is not read if other users can read it (mode %o), and the process is warned once',
    async (mode) => {
      const file = passwordFile(['*:*:*:*:hunter2'], { mode });
      expect(await inHome()).toBeUndefined();
      expect(await inHome()).toBeUndefined();
      expect(warnings.mock.calls).toEqual([
        [
          `The password file ${file} is ignored: it can be read by other users; run chmod 600.`,
          { type: 'ReplicationWarning', code: 'RXPG_PASSWORD_FILE' },
        ],
      ]);
    },
  );

  it('is ignored if it is a folder or missing', async () => {
    expect(await inHome()).toBeUndefined();
    expect(warnings).not.toHaveBeenCalled();
    mkdirSync(join(home, '.pgpass'));
    expect(await inHome()).toBeUndefined();
    expect(warnings.mock.calls).toEqual([[expect.stringContaining('is not a regular file'), expect.anything()]]);
  });
});
