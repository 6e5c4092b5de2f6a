import { getError, resolve, type Environment } from './support/resolve-connection';

function policyOf(connection: unknown, env: Environment = {}) {
  const { methods, channelBinding } = resolve(connection, env).startup.policy;
  return { methods: methods && [...methods].sort(), channelBinding };
}

describe('require_auth', () => {
  it.each<[text: string, methods: string[] | undefined]>([
    ['', undefined],
    ['scram-sha-256', ['scram-sha-256']],
    ['scram-sha-256,md5', ['md5', 'scram-sha-256']],
    ['scram-sha-256, oauth', ['oauth', 'scram-sha-256']],
    ['none', ['none']],
    ['!none', ['md5', 'oauth', 'password', 'scram-sha-256']],
    ['!password,!md5', ['none', 'oauth', 'scram-sha-256']],
    ['!gss,!sspi', ['md5', 'none', 'oauth', 'password', 'scram-sha-256']],
    ['gss,scram-sha-256', ['scram-sha-256']],
  ])('parses %j', (require_auth, methods) => {
    expect(policyOf({ require_auth }).methods).toEqual(methods);
    expect(policyOf(`require_auth='${require_auth}'`).methods).toEqual(methods);
    expect(policyOf({}, { PGREQUIREAUTH: require_auth }).methods).toEqual(methods);
  });

  it.each(['scram', 'SCRAM-SHA-256', 'md5,', ',', 'md5,!none', '!none,md5', '!!md5', 'hunter2'])(
    'rejects %j',
    (text) => {
      const error = getError({ require_auth: text });
      expect(error.option).toBe('connection.require_auth');
      expect(error.message).toContain('expected a list of none, password');
    },
  );

  it.each(['gss', 'sspi,gss', '!none,!password,!md5,!scram-sha-256,!oauth'])('must leave a method: %s', (text) => {
    expect(getError({ require_auth: text }).message).toContain('excludes all supported methods');
  });
});

describe('a method that is explicitly allowed', () => {
  it.each<[require_auth: string, explicit: boolean]>([
    ['', false],
    ['password', true],
    ['none,oauth', true],
    ['!md5', false],
    ['!gss', false],
  ])('is named, rather than not excluded: %j', (require_auth, explicit) => {
    expect(resolve({ require_auth }).startup.policy.isExplicit).toBe(explicit);
  });
});

describe('channel_binding', () => {
  it.each<[connection: unknown, env: Environment, binding: string]>([
    [undefined, {}, 'prefer'],
    ['channel_binding=require', { PGCHANNELBINDING: 'disable' }, 'require'],
    [{}, { PGCHANNELBINDING: 'disable' }, 'disable'],
    [{ enableChannelBinding: false }, {}, 'disable'],
    [{ enableChannelBinding: true }, {}, 'prefer'],
    // Requiring it anywhere takes effect.
    [{ enableChannelBinding: false, connectionString: 'channel_binding=require' }, {}, 'require'],
  ])('is read from %j and %j', (connection, env, binding) => {
    expect(policyOf(connection, env).channelBinding).toBe(binding);
  });

  it.each(['required', 'Require', 'on'])('cannot be %s', (channel_binding) => {
    expect(getError({ channel_binding }).option).toBe('connection.channel_binding');
  });
});
