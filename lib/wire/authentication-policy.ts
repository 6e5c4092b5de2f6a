import type { ChannelSecurity } from './channel-security';

/** A way for a client to show who it is, as libpq's `require_auth` names it. */
export type RequireAuthMethod = 'none' | 'password' | 'md5' | 'scram-sha-256' | 'oauth';

/** Whether the proof of a SCRAM exchange is bound to the TLS connection: never, where it can be, or always. */
export type ChannelBinding = 'disable' | 'prefer' | 'require';

/** Which authentication methods may be used, and how. */
export interface AuthenticationPolicy {
  readonly user: string;
  /** The methods that may be answered; undefined: all. */
  readonly methods: ReadonlySet<RequireAuthMethod> | undefined;
  /** Whether they were named one by one: then password and oauth are given even where everybody can read along. */
  readonly explicit: boolean;
  readonly channelBinding: ChannelBinding;
}

/** Methods that send the secret itself. */
const IN_CLEAR: ReadonlySet<RequireAuthMethod> = new Set(['password', 'oauth']);

/** Why a method may not be answered; undefined: it may be. Channel binding is looked at elsewhere. */
export function findPolicyViolation(
  { methods, explicit }: AuthenticationPolicy,
  channel: ChannelSecurity,
  method: RequireAuthMethod,
): string | undefined {
  if (methods && !methods.has(method)) return `require_auth allows ${[...methods].join(', ') || 'nothing'}`;
  return channel.kind === 'clear' && IN_CLEAR.has(method) && !explicit ? 'the connection is not encrypted' : undefined;
}
