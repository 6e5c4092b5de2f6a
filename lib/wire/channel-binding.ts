import { ReplicationError } from '../common/errors';
import type { ChannelBinding } from './authentication-policy';
import { hashCertificate } from './certificate-hash';
import type { ChannelSecurity } from './channel-security';

/** How a SCRAM exchange is bound to the channel that it goes over. */
export interface ScramBinding {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';
  /** Tells the server whether it is bound, and to what; a downgrade shows here. RFC 5802, section 7. */
  readonly header: string;
  /** What both ends must see alike. RFC 5929, section 4: the hash of the server's certificate. */
  readonly data: Buffer;
}

const NO_DATA = Buffer.alloc(0);
const UNBOUND: ScramBinding = { mechanism: 'SCRAM-SHA-256', header: 'n,,', data: NO_DATA };
/** The client supports binding, and the server offers none: if it does, a man in the middle has changed its offer. */
const NOT_OFFERED: ScramBinding = { mechanism: 'SCRAM-SHA-256', header: 'y,,', data: NO_DATA };

/** The error for an authentication that is not bound to the channel where it has to be. */
export function createBindingError(why: string): ReplicationError {
  return new ReplicationError('AUTHENTICATION_REFUSED', `Channel binding is required, and ${why}`, {
    remedy:
      'Connect with TLS straight to the server (nothing in between may end it), with scram-sha-256 in pg_hba.conf; or give channel_binding=prefer.',
  });
}

/**
 * Chooses among the mechanisms that a server offers.
 *
 * @returns undefined when none of them is a SCRAM that can be done
 * @throws {ReplicationError} `AUTHENTICATION_REFUSED` when binding is required and cannot be done; `SERVER_VERIFICATION_FAILED`
 * when it is offered without TLS.
 */
export function chooseBinding(
  mechanisms: readonly string[],
  wanted: ChannelBinding,
  channel: ChannelSecurity,
): ScramBinding | undefined {
  const offered = mechanisms.includes('SCRAM-SHA-256-PLUS');
  if (offered && channel.kind !== 'tls') {
    throw new ReplicationError(
      'SERVER_VERIFICATION_FAILED',
      'The server offers channel binding on a connection without TLS, so somebody in between ends the TLS that it sees',
      { remedy: 'Connect with TLS, straight to the server; a proxy that ends TLS has to take the offer out.' },
    );
  }
  const hash = wanted === 'disable' ? undefined : getCertificateHash(channel);
  if (offered && hash) return { mechanism: 'SCRAM-SHA-256-PLUS', header: 'p=tls-server-end-point,,', data: hash };
  if (wanted === 'require') throw createBindingError(describeObstacle(channel, offered));
  if (!mechanisms.includes('SCRAM-SHA-256')) return undefined;
  return hash ? NOT_OFFERED : UNBOUND;
}

function getCertificateHash({ certificate }: ChannelSecurity): Buffer | undefined {
  return certificate && hashCertificate(certificate);
}

function describeObstacle({ kind, certificate }: ChannelSecurity, offered: boolean): string {
  if (kind !== 'tls') return 'the connection has no TLS';
  if (!offered) return 'the server does not offer it';
  if (!certificate) return 'the server has shown no certificate';
  return "the server's certificate is signed in a way that has no hash of its own (Ed25519, for one)";
}
