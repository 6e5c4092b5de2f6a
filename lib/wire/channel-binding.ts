import { ReplicationError } from '../common/errors';
import type { ChannelBinding } from './authentication-policy';
import { hashCertificate } from './certificate-hash';
import type { ChannelSecurity } from './channel-security';

/** The channel binding of a SCRAM exchange. */
export interface ScramBinding {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';
  /** The GS2 header: whether and how the exchange is bound. The server detects a downgrade by it. RFC 5802, section 7. */
  readonly header: string;
  /** The binding data: the hash of the server's certificate. RFC 5929, section 4. */
  readonly data: Buffer;
}

const NO_DATA = Buffer.alloc(0);
const UNBOUND: ScramBinding = { mechanism: 'SCRAM-SHA-256', header: 'n,,', data: NO_DATA };
/** The client supports binding, but no binding was offered. A server that did offer it then detects a man in the middle. */
const NOT_OFFERED: ScramBinding = { mechanism: 'SCRAM-SHA-256', header: 'y,,', data: NO_DATA };

/** Creates the error for an authentication without the required channel binding. */
export function createBindingError(why: string): ReplicationError {
  return new ReplicationError('AUTHENTICATION_REFUSED', `Channel binding is required, but ${why}`, {
    remedy:
      'Connect with TLS to the server directly (a proxy must not terminate TLS), with scram-sha-256 in pg_hba.conf; or set channel_binding=prefer.',
  });
}

/**
 * Chooses a SCRAM mechanism among those that a server offers.
 *
 * @returns undefined if no offered mechanism is supported
 * @throws {ReplicationError} `AUTHENTICATION_REFUSED` if binding is required but not possible; `SERVER_VERIFICATION_FAILED` if
 * it is offered without TLS.
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
      'The server offers channel binding on a connection without TLS, so a proxy or an attacker terminates its TLS connection',
      { remedy: 'Connect with TLS to the server directly. A proxy that terminates TLS must remove the offer.' },
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
  if (!certificate) return 'the server has sent no certificate';
  return "the signature algorithm of the server's certificate has no single hash (for example, Ed25519)";
}
