import { Authenticator, type CredentialName } from '../../../lib/wire/authentication';
import type { AuthenticationPolicy } from '../../../lib/wire/authentication-policy';
import type { BackendMessage } from '../../../lib/wire/backend';
import type { ChannelSecurity } from '../../../lib/wire/channel-security';

export const CLEAR: ChannelSecurity = { kind: 'clear' };
export const LOCAL: ChannelSecurity = { kind: 'local' };

export type Secrets = Readonly<Partial<Record<CredentialName, string>>>;

/** An Authenticator with a function that responds to its requests and records them. */
export class Answering {
  readonly authenticator: Authenticator;
  readonly asked: CredentialName[] = [];
  readonly #secrets: Secrets;

  constructor(secrets: Secrets, policy: Partial<AuthenticationPolicy> = {}, channel: ChannelSecurity = LOCAL) {
    this.#secrets = secrets;
    this.authenticator = new Authenticator(
      { user: 'zoë', methods: undefined, isExplicit: false, channelBinding: 'prefer', ...policy },
      channel,
    );
  }

  respond(message: BackendMessage): Buffer | undefined {
    const response = this.authenticator.respond(message);
    for (let step = response.next(); ;) {
      if (step.done) return step.value;
      this.asked.push(step.value.ask);
      step = response.next({ kind: 'credential', value: this.#secrets[step.value.ask] });
    }
  }

  /** The message to send, which must exist. */
  sent(message: BackendMessage): Buffer {
    const bytes = this.respond(message);
    if (bytes === undefined) throw new Error('nothing was sent');
    return bytes;
  }
}

export function sasl(...mechanisms: string[]): BackendMessage {
  return { kind: 'authenticationSasl', mechanisms };
}

/** The contents of a SASLInitialResponse. */
export function initialOf(bytes: Buffer): { mechanism: string; data: string } {
  const nul = bytes.indexOf(0, 5);
  const length = bytes.readInt32BE(nul + 1);
  const data = bytes.toString('utf8', nul + 5);
  expect([bytes.toString('latin1', 0, 1), length]).toEqual(['p', Buffer.byteLength(data)]);
  return { mechanism: bytes.toString('utf8', 5, nul), data };
}
