import { createHmac, pbkdf2Sync } from 'node:crypto';
import { Authenticator } from '../../../lib/wire/authentication';
import { decodeBackendMessage } from '../../../lib/wire/backend';
import { FrameDecoder } from '../../../lib/wire/frames';
import { cstring, i32 } from '../../../lib/testing/bytes';
import { frame } from '../../../lib/testing/backend-messages';
import type { Parts } from '../case';
import { withRightLength } from '../frames';
import { replicationError, wordOf } from '../outcome';
import { Finding, type Target } from '../target';

/** Stands for what the server learns only in the course of it; as long as that is. */
const NONCE = 'NONCE_OF_THE_CLIENT_HERE';
const SIGNATURE = 'SIGNATURE_OF_THE_SERVER_OVER_THE_EXCHANGE==.';
const PASSWORD = 'correct horse';
/** Between these a challenge is not tried: it would be answered, and take longer than bytes should, up to some seconds. */
const ITERATIONS = { swift: 20_000, accepted: 10_000_000 };

const SCRAM: Parts = [
  frame('R', i32(10), cstring('SCRAM-SHA-256-PLUS'), cstring('SCRAM-SHA-256'), cstring('')),
  frame('R', i32(11), Buffer.from(`r=${NONCE}server,s=c2FsdA==,i=4`)),
  frame('R', i32(12), Buffer.from(`v=${SIGNATURE}`)),
  frame('R', i32(0)),
];

export const authentication: Target = {
  name: 'authentication',
  seeds: [
    SCRAM,
    [...SCRAM.slice(0, 2), frame('R', i32(12), Buffer.from('e=other-error'))],
    [...SCRAM.slice(0, 2), frame('R', i32(12), Buffer.from(`v=${'A'.repeat(43)}=`)), frame('R', i32(0))],
    [frame('R', i32(3)), frame('R', i32(0))],
    [frame('R', i32(5), Buffer.from('salt')), frame('R', i32(0))],
    [frame('R', i32(0))],
    [frame('R', i32(8), Buffer.from('of GSSAPI'))],
  ],
  repair: withRightLength,
  run(parts) {
    const outcome: string[] = [];
    const server = new Impostor();
    const authenticator = new Authenticator({ user: 'zoë', password: PASSWORD });
    const frames = new FrameDecoder(1 << 20);
    try {
      for (const part of parts) {
        const bytes = server.fill(part);
        if (asksForMuch(bytes)) return 'not tried';
        frames.push(bytes);
        while (frames.next()) {
          const message = decodeBackendMessage(frames);
          const sent = authenticator.respond(message);
          outcome.push(message.kind);
          if (message.kind === 'authenticationSaslContinue') server.challenge = message.data;
          if (message.kind === 'authenticationSaslFinal') server.prove(message.data);
          if (message.kind === 'authenticationOk' && !server.believable) {
            throw new Finding('Let in after SCRAM without the signature');
          }
          if (sent) server.hear(sent);
        }
      }
    } catch (error) {
      if (error instanceof Finding) throw error;
      outcome.push(replicationError(error));
    }
    return wordOf(outcome);
  },
};

function asksForMuch(bytes: Buffer): boolean {
  return [...bytes.toString('latin1').matchAll(/i=(\d{1,16})/g)].some(
    ([, count]) => Number(count) > ITERATIONS.swift && Number(count) <= ITERATIONS.accepted,
  );
}

/** The server's half, for whatever challenge the mutations have left. */
class Impostor {
  challenge = '';
  #bare = '';
  #signature = SIGNATURE;
  #proven = false;

  /** Whether a client may trust it now: it does not need to prove anything, or has done so. */
  get believable(): boolean {
    return this.#bare === '' || this.#proven;
  }

  fill(part: Buffer): Buffer {
    const text = part.toString('latin1');
    const nonce = this.#bare.slice('n=,r='.length) || NONCE;
    return Buffer.from(text.replaceAll(NONCE, nonce).replaceAll(SIGNATURE, this.#signature), 'latin1');
  }

  /** Takes the client's first message, then the second. */
  hear(sent: Buffer): void {
    const text = sent.toString('utf8');
    this.#bare ||= /n,,(n=,r=.{24})$/.exec(text)?.[1] ?? '';
    const [, withoutProof] = /(c=biws,r=.*),p=[^,]*$/s.exec(text) ?? [];
    if (withoutProof !== undefined) this.#signature = this.#sign(withoutProof);
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
