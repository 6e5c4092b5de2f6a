import { createHash } from 'node:crypto';
import { readElements, readObjectIdentifier, Tag, type Element } from './der';

const RSA = '1.2.840.113549.1.1';
const RSA_PSS = `${RSA}.10`;
const DSA = '1.2.840.10040.4';
const ECDSA = '1.2.840.10045.4';
const NIST_HASH = '2.16.840.1.101.3.4.2';
const NIST_SIGNATURE = '2.16.840.1.101.3.4.3';

/**
 * The hash algorithms of signature algorithms. Ed25519 and Ed448 have none. SHA-3 is omitted because PostgreSQL does not support
 * it here ("could not determine server certificate signature algorithm").
 */
const HASH_BY_SIGNATURE: ReadonlyMap<string, string> = new Map([
  [`${RSA}.4`, 'md5'],
  [`${RSA}.5`, 'sha1'],
  [`${RSA}.11`, 'sha256'],
  [`${RSA}.12`, 'sha384'],
  [`${RSA}.13`, 'sha512'],
  [`${RSA}.14`, 'sha224'],
  [`${RSA}.15`, 'sha512-224'],
  [`${RSA}.16`, 'sha512-256'],
  [`${DSA}.3`, 'sha1'],
  [`${ECDSA}.1`, 'sha1'],
  [`${ECDSA}.3.1`, 'sha224'],
  [`${ECDSA}.3.2`, 'sha256'],
  [`${ECDSA}.3.3`, 'sha384'],
  [`${ECDSA}.3.4`, 'sha512'],
  [`${NIST_SIGNATURE}.1`, 'sha224'], // DSA, up to .4
  [`${NIST_SIGNATURE}.2`, 'sha256'],
  [`${NIST_SIGNATURE}.3`, 'sha384'],
  [`${NIST_SIGNATURE}.4`, 'sha512'],
]);

/** Hash algorithms by the object identifiers in the parameters of RSA-PSS. */
const HASH_BY_IDENTIFIER: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.5', 'md5'],
  ['1.3.14.3.2.26', 'sha1'],
  [`${NIST_HASH}.1`, 'sha256'],
  [`${NIST_HASH}.2`, 'sha384'],
  [`${NIST_HASH}.3`, 'sha512'],
  [`${NIST_HASH}.4`, 'sha224'],
  [`${NIST_HASH}.5`, 'sha512-224'],
  [`${NIST_HASH}.6`, 'sha512-256'],
]);

/**
 * Computes the binding data of `tls-server-end-point`: the hash of the server's certificate, with the hash algorithm of the
 * certificate's signature, or SHA-256 if that is MD5 or SHA-1.
 *
 * @param certificate in DER
 * @returns undefined if the signature algorithm has no single hash, or is not known
 *
 * Source: RFC 5929, section 4.1.
 */
export function hashCertificate(certificate: Buffer): Buffer | undefined {
  const algorithm = findSignatureHash(certificate);
  if (algorithm === undefined) return undefined;
  const weak = algorithm === 'md5' || algorithm === 'sha1';
  return createHash(weak ? 'sha256' : algorithm)
    .update(certificate)
    .digest();
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }. Source: RFC 5280, section 4.1. */
function findSignatureHash(certificate: Buffer): string | undefined {
  const [whole, trailing] = readElements(certificate) ?? [];
  const parts = readSequence(whole);
  if (trailing || parts?.length !== 3) return undefined;
  const [name, parameters] = readSequence(parts[1]) ?? [];
  const identifier = name && readObjectIdentifier(name);
  if (identifier === undefined) return undefined;
  return identifier === RSA_PSS ? findPssHash(parameters) : HASH_BY_SIGNATURE.get(identifier);
}

/** RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] DEFAULT sha1, … }. Source: RFC 4055, section 3.1. */
function findPssHash(parameters: Element | undefined): string | undefined {
  const fields = readSequence(parameters);
  if (!fields) return undefined;
  const [first] = fields;
  if (first?.tag !== Tag.context0) return 'sha1';
  const [algorithm] = readElements(first.content) ?? [];
  const [name] = readSequence(algorithm) ?? [];
  const identifier = name && readObjectIdentifier(name);
  return identifier === undefined ? undefined : HASH_BY_IDENTIFIER.get(identifier);
}

function readSequence(element: Element | undefined): Element[] | undefined {
  return element?.tag === Tag.sequence ? readElements(element.content) : undefined;
}
