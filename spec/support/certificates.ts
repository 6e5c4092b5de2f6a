import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
  X509Certificate,
  type Extension,
} from '@peculiar/x509';
import { createPrivateKey, KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

/** The type of a key, and its signature algorithm. */
const ALGORITHMS = {
  p256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  p384: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  rsa: rsa('RSASSA-PKCS1-v1_5', 'SHA-256'),
  'rsa-sha512': rsa('RSASSA-PKCS1-v1_5', 'SHA-512'),
  'rsa-sha1': rsa('RSASSA-PKCS1-v1_5', 'SHA-1'),
  'rsa-pss': { ...rsa('RSA-PSS', 'SHA-384'), saltLength: 48 },
  ed25519: { name: 'Ed25519' },
};

/** Creating an elliptic-curve key takes a millisecond, an RSA key some hundred. */
export type KeyKind = keyof typeof ALGORITHMS;

export interface CertificateOptions {
  /** The type of its key. Default: p256. */
  readonly kind?: KeyKind;
  /** The DNS names and addresses. Default: none. */
  readonly hosts?: readonly string[];
  /** The common name. */
  readonly name?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** A certificate and its key. */
export interface Credentials {
  /** In PEM. */
  readonly cert: string;
  /** In PEM, PKCS#8. */
  readonly key: string;
  readonly der: Buffer;
}

const HOUR = 3_600_000;
const HOSTS = ['localhost', '127.0.0.1', '::1'];
/** For `notBefore` and `notAfter`. */
export const LONG_AGO = new Date('2020-01-01T00:00:00Z');
export const A_YEAR_LATER = new Date('2021-01-01T00:00:00Z');

interface Signer {
  readonly name: string;
  readonly key: webcrypto.CryptoKey;
}

/** The issuer of a certificate. */
export class Authority implements Credentials {
  static #made = 0;

  private constructor(
    readonly cert: string,
    readonly key: string,
    readonly der: Buffer,
    readonly signer: Signer,
  ) {}

  /** @param issuer undefined: a root */
  static async make(options: CertificateOptions = {}, issuer?: Authority): Promise<Authority> {
    const { name = `Test CA ${String(++Authority.#made)}` } = options;
    const keys = await keysOf(options.kind);
    const extensions = [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ];
    const { cert, key, der } = await issue({ ...options, name }, keys, extensions, issuer?.signer);
    return new Authority(cert, key, der, { name: nameOf(name), key: keys.privateKey });
  }

  /** By default for localhost and its addresses. */
  server(options: CertificateOptions = {}): Promise<Credentials> {
    return leaf({ hosts: HOSTS, name: 'server', ...options }, ExtendedKeyUsage.serverAuth, this.signer);
  }

  /** For a user, whose name PostgreSQL reads from the common name. */
  client(user: string, options: CertificateOptions = {}): Promise<Credentials> {
    return leaf({ ...options, name: user }, ExtendedKeyUsage.clientAuth, this.signer);
  }

  /** The revocation list for these certificates, in PEM. */
  async revocations(...revoked: readonly Credentials[]): Promise<string> {
    const { name, key } = this.signer;
    const list = await X509CrlGenerator.create({
      issuer: name,
      signingKey: key,
      signingAlgorithm: signatureOf(key),
      thisUpdate: new Date(Date.now() - HOUR),
      nextUpdate: new Date(Date.now() + HOUR),
      entries: revoked.map(({ cert }) => ({ serialNumber: new X509Certificate(cert).serialNumber })),
    });
    // The name in OpenSSL.
    return `${list.toString('pem').replaceAll(' CRL', ' X509 CRL')}\n`;
  }
}

/** A self-signed certificate of a server. */
export function selfSigned(options: CertificateOptions = {}): Promise<Credentials> {
  return leaf({ hosts: HOSTS, name: 'server', ...options }, ExtendedKeyUsage.serverAuth);
}

/** The same key in PEM, encrypted with a passphrase. */
export function encrypted(key: string, passphrase: string): string {
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
  return createPrivateKey(key).export(options).toString();
}

async function leaf(options: CertificateOptions, usage: ExtendedKeyUsage, signer?: Signer): Promise<Credentials> {
  const names = (options.hosts ?? []).map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const);
  const extensions: Extension[] = [new BasicConstraintsExtension(false), new ExtendedKeyUsageExtension([usage])];
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names));
  return issue(options, await keysOf(options.kind), extensions, signer);
}

async function issue(
  { name = 'nobody', notBefore, notAfter }: CertificateOptions,
  keys: webcrypto.CryptoKeyPair,
  extensions: Extension[],
  signer: Signer = { name: nameOf(name), key: keys.privateKey },
): Promise<Credentials> {
  const certificate = await X509CertificateGenerator.create({
    subject: nameOf(name),
    issuer: signer.name,
    notBefore: notBefore ?? new Date(Date.now() - HOUR),
    notAfter: notAfter ?? new Date(Date.now() + 24 * HOUR),
    publicKey: keys.publicKey,
    signingKey: signer.key,
    signingAlgorithm: signatureOf(signer.key),
    extensions,
  });
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
    der: Buffer.from(certificate.rawData),
  };
}

function nameOf(name: string): string {
  return `CN=${name}`;
}

function rsa(name: string, hash: string) {
  return { name, hash, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
}

async function keysOf(kind: KeyKind = 'p256'): Promise<webcrypto.CryptoKeyPair> {
  // Ed25519 also generates a key pair.
  return (await webcrypto.subtle.generateKey(ALGORITHMS[kind], true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

/** An elliptic-curve key does not determine the hash of its signatures. */
function signatureOf({ algorithm }: webcrypto.CryptoKey) {
  const { name } = algorithm;
  if (name !== 'ECDSA') return name === 'RSA-PSS' ? { ...algorithm, saltLength: 48 } : algorithm;
  return 'namedCurve' in algorithm && algorithm.namedCurve === 'P-384' ? ALGORITHMS.p384 : ALGORITHMS.p256;
}
