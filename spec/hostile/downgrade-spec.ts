import { buildAuthenticationOk, buildFrame, buildReadyForQuery } from '../../lib/testing/backend-messages';
import { u32 } from '../../lib/testing/bytes';
import { Authority, type Credentials } from '../support/certificates';
import { attack, expectRefusal, type Given } from './support/attack';
import type { Script } from './support/hostile-server';
import { CLEARTEXT, MD5, mechanisms, scram } from './support/requests';

let stranger: Credentials;

beforeAll(async () => {
  stranger = await (await Authority.make()).server();
});

/** Sends this after a StartupMessage. */
const saying =
  (...parts: readonly Buffer[]): Script =>
  async (peer) => {
    await peer.startup();
    peer.send(...parts);
    await peer.next();
    // The client has responded, which is all the spec needs.
    peer.end();
  };

/** The same over TLS, with a certificate that no authority has signed. */
const sayingBehindTls =
  (...parts: readonly Buffer[]): Script =>
  async (peer) => {
    await peer.sslRequest();
    peer.send(Buffer.from('S'));
    await peer.secure(stranger);
    await peer.startup();
    peer.send(...parts);
    await peer.next();
    peer.end();
  };

const LET_IN = Buffer.concat([buildAuthenticationOk(), buildReadyForQuery()]);

describe('a server that requests a weaker authentication', () => {
  it('does not get the password over clear text', async () => {
    await expectRefusal(
      attack(saying(CLEARTEXT)),
      'AUTHENTICATION_REFUSED',
      /requests authentication by password, but the connection is not encrypted\. .*TLS.*require_auth/,
    );
  });

  it.each([
    ['a password in clear text', CLEARTEXT],
    ['an md5 hash', MD5],
    ['no proof at all', LET_IN],
  ])('gets nothing if require_auth is scram-sha-256: %s', async (_, request) => {
    const refusal = /The server (requests|does not request).*, but require_auth allows scram-sha-256\. /;
    await expectRefusal(attack(saying(request), { require_auth: 'scram-sha-256' }), 'AUTHENTICATION_REFUSED', refusal);
    await expectRefusal(
      attack(sayingBehindTls(request), { require_auth: 'scram-sha-256' }),
      'AUTHENTICATION_REFUSED',
      refusal,
    );
  });

  it.each([
    ['a password in clear text', CLEARTEXT],
    ['an md5 hash', MD5],
    ['no proof at all', LET_IN],
    ['SCRAM without channel binding', mechanisms('SCRAM-SHA-256')],
    ['a token', mechanisms('OAUTHBEARER')],
  ])('gets nothing if channel_binding is required: %s', async (_, request) => {
    const refusal = /Channel binding is required, but .*TLS to the server directly/;
    await expectRefusal(attack(saying(request), { channel_binding: 'require' }), 'AUTHENTICATION_REFUSED', refusal);
    await expectRefusal(
      attack(sayingBehindTls(request), { channel_binding: 'require' }),
      'AUTHENTICATION_REFUSED',
      refusal,
    );
  });

  it('gets no token if there is a password, and none over clear text', async () => {
    const connection = { password: undefined, oauthToken: () => 'mF_9.B5f-4.1JqM' };
    await expectRefusal(
      attack(saying(mechanisms('OAUTHBEARER')), connection),
      'AUTHENTICATION_REFUSED',
      /oauth, but the connection is not encrypted/,
    );
    await expectRefusal(attack(saying(CLEARTEXT), { require_auth: '!password' }), 'AUTHENTICATION_REFUSED', /allows/);
  });

  // SECURITY.md documents these defaults.
  it.each<[what: string, script: () => Script, given: Given]>([
    ['an md5 hash without TLS', () => saying(MD5), 'md5'],
    ['the password over unverified TLS', () => sayingBehindTls(CLEARTEXT), 'password'],
  ])('by default gets %s', async (_, script, given) => {
    const { error, given: all } = await attack(script());
    expect(all).toEqual([given]);
    expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
  });
});

describe('a server that does not verify the proof', () => {
  it('is not trusted after AuthenticationOk alone', async () => {
    await expectRefusal(
      attack(saying(buildReadyForQuery())),
      'PROTOCOL_VIOLATION',
      /The server sent readyForQuery before AuthenticationOk/,
    );
    await expectRefusal(
      attack(saying(buildFrame('K', u32(1), u32(2)))),
      'PROTOCOL_VIOLATION',
      /sent backendKeyData before AuthenticationOk/,
    );
  });

  it('is not trusted during SCRAM', async () => {
    const script: Script = async (peer) => {
      await peer.startup();
      await scram(peer);
      peer.send(LET_IN);
      await peer.next();
    };
    await expectRefusal(attack(script), 'SERVER_VERIFICATION_FAILED', /AuthenticationOk before its SCRAM sig/);
  });
});

describe('a server that requests authentication twice', () => {
  it.each<[what: string, second: Buffer]>([
    ['a password in clear text', CLEARTEXT],
    ['an md5 hash', MD5],
    ['SCRAM again', mechanisms('SCRAM-SHA-256')],
  ])('gets one response: after SCRAM no %s', async (_, second) => {
    const script: Script = async (peer) => {
      await peer.startup();
      await scram(peer);
      peer.send(second);
      await peer.next();
    };
    const again = /requested authentication twice/;
    await expectRefusal(attack(script), 'PROTOCOL_VIOLATION', again);
  });

  it('gets one response: no second hash, from which the password could be guessed', async () => {
    const script: Script = async (peer) => {
      await peer.startup();
      peer.send(MD5);
      await peer.next();
      peer.send(buildFrame('R', u32(5), Buffer.from([9, 9, 9, 9])));
      await peer.next();
    };
    const { peers } = await expectRefusal(attack(script), 'PROTOCOL_VIOLATION', /requested authentication twice/, [
      'md5',
    ]);
    for (const peer of peers) expect(peer.sent.match(/md5[0-9a-f]{32}/g)).toHaveLength(1);
  });

  it('gets no response to both at once', async () => {
    await expectRefusal(attack(saying(MD5, CLEARTEXT)), 'PROTOCOL_VIOLATION', /requested authentication twice/, [
      'md5',
    ]);
  });
});
