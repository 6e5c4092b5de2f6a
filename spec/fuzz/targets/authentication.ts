import { createHmac, pbkdf2Sync } from 'node:crypto';
import { Authenticator } from '../../../lib/wire/authentication';
import type { AuthenticationPolicy, ChannelBinding } from '../../../lib/wire/authentication-policy';
import { hashCertificate } from '../../../lib/wire/certificate-hash';
import type { ChannelSecurity } from '../../../lib/wire/channel-security';
import { decodeBackendMessage } from '../../../lib/wire/backend';
import { FrameDecoder } from '../../../lib/wire/frames';
import { cstring, i32 } from '../../../lib/testing/bytes';
import { buildFrame } from '../../../lib/testing/backend-messages';
import { SHA384 } from '../../wire/support/certificates';
import type { Parts } from '../case';
import { correctLength } from '../frames';
import { replicationError, describeOutcome } from '../outcome';
import { BrokenRule, type Target } from '../target';

/** A placeholder of the same length for a value that the server learns during the exchange. */
const NONCE = 'NONCE_OF_THE_CLIENT_HERE';
const SIGNATURE = 'SIGNATURE_OF_THE_SERVER_OVER_THE_EXCHANGE==.';
const PASSWORD = 'correct horse';
const TOKEN = 'mF_9.B5f-4.1JqM';
/** Challenges with an iteration count between these are not tried, because hashing takes up to some seconds. */
const ITERATIONS = { swift: 20_000, accepted: 1_000_000 };

const SCRAM: Parts = [
  buildFrame('R', i32(10), cstring('SCRAM-SHA-256-PLUS'), cstring('SCRAM-SHA-256'), cstring('')),
  buildFrame('R', i32(11), Buffer.from(`r=${NONCE}server,s=c2FsdA==,i=4`)),
  buildFrame('R', i32(12), Buffer.from(`v=${SIGNATURE}`)),
  buildFrame('R', i32(0)),
];

const REFUSAL = '{"status":"invalid_token","openid-configuration":"https://issuer.example/x","scope":"replication"}';

interface AuthenticationCase {
  readonly channel: ChannelSecurity;
  readonly channelBinding: ChannelBinding;
}

/** The outcome is that of the first. */
const CASES: readonly AuthenticationCase[] = [
  { channel: { kind: 'tls', certificate: SHA384 }, channelBinding: 'prefer' },
  { channel: { kind: 'tls', certificate: SHA384 }, channelBinding: 'require' },
  { channel: { kind: 'tls', certificate: SHA384 }, channelBinding: 'disable' },
  { channel: { kind: 'clear' }, channelBinding: 'prefer' },
];

export const authentication: Target = {
  name: 'authentication',
  seeds: [
    SCRAM,
    [buildFrame('R', i32(10), cstring('SCRAM-SHA-256'), cstring('')), ...SCRAM.slice(1)],
    [...SCRAM.slice(0, 2), buildFrame('R', i32(12), Buffer.from('e=other-error'))],
    [...SCRAM.slice(0, 2), buildFrame('R', i32(12), Buffer.from(`v=${'A'.repeat(43)}=`)), buildFrame('R', i32(0))],
    [buildFrame('R', i32(10), cstring('OAUTHBEARER'), cstring('')), buildFrame('R', i32(0))],
    [buildFrame('R', i32(10), cstring('OAUTHBEARER'), cstring('')), buildFrame('R', i32(11), Buffer.from(REFUSAL))],
    [buildFrame('R', i32(3)), buildFrame('R', i32(0))],
    [buildFrame('R', i32(5), Buffer.from('salt')), buildFrame('R', i32(0))],
    [buildFrame('R', i32(0))],
    [buildFrame('R', i32(8), Buffer.from('of GSSAPI'))],
  ],
  repair: correctLength,
  run(parts) {
    if (parts.some(asksForMuch)) return 'not tried';
    const [outcome = ''] = CASES.map((current) => talk(parts, current));
    return outcome;
  },
};

/** One exchange, and its outcome. */
function talk(parts: Parts, current: AuthenticationCase): string {
  const outcome: string[] = [];
  const server = new Impostor();
  const policy: AuthenticationPolicy = {
    user: 'zoë',
    methods: undefined,
    isExplicit: false,
    channelBinding: current.channelBinding,
  };
  const authenticator = new Authenticator(policy, current.channel);
  const frames = new FrameDecoder(1 << 20);
  try {
    for (const part of parts) {
      frames.push(server.fill(part));
      while (frames.next()) {
        const message = decodeBackendMessage(frames);
        const response = authenticator.respond(message);
        let step = response.next();
        while (!step.done) {
          step = response.next({ kind: 'credential', value: step.value.ask === 'password' ? PASSWORD : TOKEN });
        }
        outcome.push(message.kind);
        if (message.kind === 'authenticationSaslContinue') server.challenge = message.data;
        if (message.kind === 'authenticationSaslFinal') server.prove(message.data);
        if (authenticator.done) checkTrust(server, current);
        if (step.value) {
          checkSecrets(step.value, current);
          server.receive(step.value);
        }
      }
    }
  } catch (error) {
    if (error instanceof BrokenRule) throw error;
    const said = replicationError(error);
    if (said.includes(PASSWORD) || said.includes(TOKEN)) throw new BrokenRule('A secret in an error', { cause: error });
    outcome.push(said);
  }
  return describeOutcome(outcome);
}

function checkTrust(server: Impostor, { channelBinding }: AuthenticationCase): void {
  if (!server.isTrusted) throw new BrokenRule('Let in after SCRAM without the signature');
  if (channelBinding === 'require' && !server.isBound)
    throw new BrokenRule('Let in without the binding that is required');
}

function checkSecrets(sent: Buffer, { channel, channelBinding }: AuthenticationCase): void {
  const isOpen = sent.includes(PASSWORD) || sent.includes(TOKEN);
  if (isOpen && (channel.kind === 'clear' || channelBinding === 'require')) throw new BrokenRule('A secret given away');
}

function asksForMuch(bytes: Buffer): boolean {
  return [...bytes.toString('latin1').matchAll(/i=(\d{1,16})/g)].some(
    ([, count]) => Number(count) > ITERATIONS.swift && Number(count) <= ITERATIONS.accepted,
  );
}

/** The server's side, for the mutated challenge. */
class Impostor {
  challenge = '';
  #header = '';
  #bare = '';
  #signature = SIGNATURE;
  #proven = false;

  /** Whether a client may trust the server: no proof is required, or the server has given it. */
  get isTrusted(): boolean {
    return this.#bare === '' || this.#proven;
  }

  get isBound(): boolean {
    return this.#header.startsWith('p=');
  }

  fill(part: Buffer): Buffer {
    const text = part.toString('latin1');
    const nonce = this.#bare.slice('n=,r='.length) || NONCE;
    return Buffer.from(text.replaceAll(NONCE, nonce).replaceAll(SIGNATURE, this.#signature), 'latin1');
  }

  /** Receives the client's first message, then the second. */
  receive(sent: Buffer): void {
    const text = sent.toString('utf8');
    const [, header = '', bare = ''] = /([ny],,|p=tls-server-end-point,,)(n=,r=.{24})$/.exec(text) ?? [];
    this.#header ||= header;
    this.#bare ||= bare;
    const [, withoutProof, binding = ''] = /(c=([^,]*),r=.*),p=[^,]*$/s.exec(text) ?? [];
    if (withoutProof === undefined) return;
    const data = this.isBound ? hashCertificate(SHA384) : undefined;
    if (binding !== Buffer.concat([Buffer.from(this.#header), data ?? Buffer.alloc(0)]).toString('base64')) {
      throw new BrokenRule('Another binding than was announced');
    }
    this.#signature = this.#sign(withoutProof);
  }

  prove(said: string): void {
    this.#proven ||= said.split(',')[0] === `v=${this.#signature}`;
  }

  #sign(withoutProof: string): string {
    const [, salt = '', count = ''] = /^[^,]*,s=([^,]*),i=([^,]*)/.exec(this.challenge) ?? [];
    const salted = pbkdf2Sync(PASSWORD, Buffer.from(salt, 'base64'), Number(count), 32, 'sha256');
    const key = createHmac('sha256', salted).update('Server Key').digest();
    return createHmac('sha256', key).update(`${this.#bare},${this.challenge},${withoutProof}`).digest('base64');
  }
}
