import { buildErrorResponse, buildFrame, buildNotice } from '../../lib/testing/backend-messages';
import { u32 } from '../../lib/testing/bytes';
import { Authority, type Credentials } from '../support/certificates';
import { attack, expectRefusal, PASSWORD, TOKEN } from './support/attack';
import type { Script } from './support/hostile-server';
import { challenge, CLEARTEXT, MD5, mechanisms } from './support/requests';

/** Clears the screen, sets its title, forges a line, hides the text that follows, and reverses it. */
const CONTROL_SEQUENCES = '\u001b[2J\u001b]0;pwned\u0007\r\n2026-01-01 all is well\u009b8m\u202eoga';
const CONTROL = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

let stranger: Credentials;

beforeAll(async () => {
  stranger = await (await Authority.make()).server();
});

const saying =
  (...parts: readonly Buffer[]): Script =>
  async (peer) => {
    await peer.startup();
    peer.send(...parts);
  };

describe('the text of a server', () => {
  const fields = {
    C: '28P01',
    S: 'FATAL',
    V: 'FATAL',
    M: `no ${CONTROL_SEQUENCES}`,
    D: `because ${CONTROL_SEQUENCES}`,
    H: CONTROL_SEQUENCES,
  };

  it('cannot inject control characters or lines into a log', async () => {
    const { error } = await expectRefusal(
      attack(saying(buildErrorResponse(fields))),
      'AUTHENTICATION_FAILED',
      /The server says: no \\u\{1b\}\[2J.*\\u\{d\}\\n2026.*\\u\{9b\}8m\\u\{202e\}oga \(SQLSTATE 28P01\): because .*Check user/,
    );
    expect(CONTROL.exec(error.message)).toBeNull();
    expect(CONTROL.exec(JSON.stringify(error))).toBeNull();
    expect(CONTROL.exec(error.stack?.split('\n')[0] ?? '')).toBeNull();
    // The field is unchanged, for programs.
    expect(error).toMatchObject({ server: { message: `no ${CONTROL_SEQUENCES}`, hint: CONTROL_SEQUENCES } });
  });

  it('is truncated in the message', async () => {
    const long = { ...fields, M: 'm'.repeat(15_000), D: 'd'.repeat(15_000) };
    const { error } = await expectRefusal(
      attack(saying(buildErrorResponse(long))),
      'AUTHENTICATION_FAILED',
      /m{1000} … \(SQLSTATE 28P01\): d{1000} …\. Check user, password/,
    );
    expect(error.message.length).toBeLessThan(2200);
  });

  it('is truncated and escaped if required fields are missing', async () => {
    const body = Buffer.from(`SFATAL\0M${CONTROL_SEQUENCES}${'m'.repeat(15_000)}\0\0`);
    const { error } = await expectRefusal(
      attack(saying(buildFrame('E', body))),
      'PROTOCOL_VIOLATION',
      /expected a field C \(SQLSTATE\) before the end; its text is: \\u\{1b\}/,
    );
    expect(CONTROL.exec(error.message)).toBeNull();
    expect(error.message.length).toBeLessThan(1500);
  });

  it('in notices is not shown at all', async () => {
    const { error, warnings } = await attack(async (peer) => {
      await peer.startup();
      peer.send(buildNotice({ M: 'visit evil.example' }));
      peer.end();
    });
    expect(error.message).not.toContain('evil');
    expect(warnings).toEqual([]);
  });
});

describe('a server that refuses a token', () => {
  /** Receives the token over TLS, and responds with these reasons. */
  const refusing =
    (reasons: string): Script =>
    async (peer) => {
      await peer.sslRequest();
      peer.send(Buffer.from('S'));
      await peer.secure(stranger);
      await peer.startup();
      peer.send(mechanisms('OAUTHBEARER'));
      await peer.next();
      peer.send(challenge(reasons));
      await peer.next();
      peer.send(buildErrorResponse({ C: '28000', S: 'FATAL', V: 'FATAL', M: 'OAuth bearer authentication failed' }));
    };
  const connection = { password: undefined, oauthToken: () => TOKEN };

  it.each([
    ['terminal control sequences', JSON.stringify({ status: CONTROL_SEQUENCES, scope: CONTROL_SEQUENCES })],
    ['long text', JSON.stringify({ status: 's'.repeat(1500), scope: 'x' })],
    ['an array', '["invalid_token"]'],
    ['members that are not text', JSON.stringify({ status: { deep: [1] }, scope: 7 })],
    ['invalid JSON', '{"status": "inva'],
    ['a __proto__ member', '{"__proto__": {"status": "polluted"}, "status": "invalid_token"}'],
    ['deep nesting', `${'['.repeat(900)}${']'.repeat(900)}`],
    ['nothing', ''],
  ])('with %s is reported as far as possible', async (_, reasons) => {
    const { error } = await expectRefusal(
      attack(refusing(reasons), connection),
      'AUTHENTICATION_FAILED',
      /OAuth bearer authentication failed.*connection\.oauthToken.*The server's reason: /,
      ['token'],
    );
    expect(CONTROL.exec(error.message)).toBeNull();
    expect(error.message.length).toBeLessThan(1500);
    expect(error.message).not.toContain('polluted');
  });

  it('with a megabyte of reasons is an error', async () => {
    const reasons = JSON.stringify({ status: 'x'.repeat(1024 * 1024) });
    await expectRefusal(
      attack(refusing(reasons), connection),
      'PROTOCOL_VIOLATION',
      /'R' declares a length of \d{7} bytes; expected 4 to 32768/,
      ['token'],
    );
  });

  it('does not get the token twice', async () => {
    const script: Script = async (peer) => {
      await peer.sslRequest();
      peer.send(Buffer.from('S'));
      await peer.secure(stranger);
      await peer.startup();
      peer.send(mechanisms('OAUTHBEARER'));
      await peer.next();
      peer.send(mechanisms('OAUTHBEARER'));
    };
    const { peers } = await expectRefusal(
      attack(script, connection),
      'PROTOCOL_VIOLATION',
      /requested authentication tw/,
      ['token'],
    );
    for (const { inside } of peers) expect(inside.toString().split(TOKEN)).toHaveLength(2);
  });
});

describe('a credential function', () => {
  it.each<[what: string, thrown: () => unknown]>([
    ['throws', () => new Error('the vault is sealed')],
    ['throws text', () => 'sealed'],
  ])('that %s fails the connection, and sends nothing to the server', async (_, thrown) => {
    const sources: (() => string | Promise<string>)[] = [
      () => {
        throw thrown();
      },
      async () => {
        await Promise.resolve();
        throw thrown();
      },
    ];
    for (const password of sources) {
      const { error } = await expectRefusal(
        attack(saying(MD5), { password }),
        'CREDENTIAL_UNAVAILABLE',
        /^The function connection\.password failed\. See the cause: it is the error that your function threw\.$/,
      );
      expect(error.cause).toEqual(thrown());
    }
  });

  it('that throws the secret shows it only in the cause, which is its own error', async () => {
    const thrown = new Error('kept apart');
    const { error } = await attack(saying(MD5), {
      password: () => {
        throw thrown;
      },
    });
    thrown.message = `GET /token?password=${PASSWORD}: 403`;
    expect(error.cause).toBe(thrown);
    for (const text of [error.message, error.stack, JSON.stringify(error), String(error), error.remedy]) {
      expect(text).not.toContain(PASSWORD);
    }
  });

  it.each<[value: unknown]>([
    [undefined],
    [null],
    [7],
    [{ password: PASSWORD }],
    [[PASSWORD]],
    [Buffer.from(PASSWORD)],
  ])('that returns no text causes an error that does not show the value: %#', async (value) => {
    await expectRefusal(
      attack(saying(MD5), { password: () => value as string }),
      'CONFIG_INVALID',
      /^connection\.password: expected the function to return text, got (undefined|null|a number|an object|a list)\./,
    );
  });

  it.each([`${TOKEN} `, `${TOKEN}\u0001auth=Bearer other`, `${TOKEN}\0`, `${TOKEN}\r\nX: y`])(
    'that returns no bearer token causes an error that does not show the value: %#',
    async (token) => {
      const script: Script = async (peer) => {
        await peer.startup();
        peer.send(mechanisms('OAUTHBEARER'));
        await peer.next();
      };
      const connection = { password: undefined, oauthToken: () => token, require_auth: 'oauth' };
      await expectRefusal(
        attack(script, connection),
        'CONFIG_INVALID',
        /^connection\.oauthToken: invalid bearer token/,
      );
    },
  );

  it('that returns a password with a NUL byte causes an error that does not show it', async () => {
    await expectRefusal(
      attack(saying(CLEARTEXT), { password: () => `${PASSWORD}\0x`, require_auth: 'password' }),
      'CONFIG_INVALID',
      /password/,
    );
  });

  it('is not called before a server requests the secret', async () => {
    const password = jest.fn(() => PASSWORD);
    await attack(saying(CLEARTEXT), { password });
    await attack(saying(buildFrame('R', u32(7))), { password });
    await attack(saying(mechanisms('SCRAM-SHA-256')), { password, require_auth: 'md5' });
    await attack(saying(mechanisms('SCRAM-SHA-256')), { password, channel_binding: 'require' });
    expect(password).not.toHaveBeenCalled();
  });
});
