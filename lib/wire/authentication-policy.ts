import type { ChannelSecurity } from './channel-security';

/** An authentication method, named as in libpq's `require_auth`. */
export type RequireAuthMethod = 'none' | 'password' | 'md5' | 'scram-sha-256' | 'oauth';

/** Whether a SCRAM exchange is bound to the TLS connection: never, if possible, or always. */
export type ChannelBinding = 'disable' | 'prefer' | 'require';

/** The allowed authentication methods. */
export interface AuthenticationPolicy {
  readonly user: string;
  /** The allowed methods; undefined: all. */
  readonly methods: ReadonlySet<RequireAuthMethod> | undefined;
  /** Whether `require_auth` lists the methods without negation. password and oauth are then allowed without TLS. */
  readonly isExplicit: boolean;
  readonly channelBinding: ChannelBinding;
}

/** Methods that send the secret in clear text. */
const IN_CLEAR: ReadonlySet<RequireAuthMethod> = new Set(['password', 'oauth']);

/** Returns why a method is not allowed; undefined if it is. Channel binding is checked elsewhere. */
export function findPolicyViolation(
  { methods, isExplicit: explicit }: AuthenticationPolicy,
  channel: ChannelSecurity,
  method: RequireAuthMethod,
): string | undefined {
  if (methods && !methods.has(method)) return `require_auth allows ${[...methods].join(', ') || 'nothing'}`;
  return channel.kind === 'clear' && IN_CLEAR.has(method) && !explicit ? 'the connection is not encrypted' : undefined;
}
