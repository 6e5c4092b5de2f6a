import { createHash } from 'node:crypto';
import { hashCertificate } from '../../lib/wire/certificate-hash';
import { ED25519, PSS_SHA384, PSS_SHA384_HASH, SHA384, SHA384_HASH } from './support/certificates';

function der(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...header), body]);
}

const sequence = (...content: Buffer[]): Buffer => der(0x30, ...content);

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const arcs = [40 * first + second, ...rest].flatMap((arc) => {
    const bytes = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) bytes.unshift(0x80 | (left & 0x7f));
    return bytes;
  });
  return der(6, Buffer.from(arcs));
}

const NULL = der(5);

/** A certificate reduced to its signature algorithm. */
function certificate(name: string, parameters: Buffer = NULL): Buffer {
  return sequence(sequence(Buffer.alloc(200)), sequence(oid(name), parameters), der(3, Buffer.alloc(70)));
}

/** The parameters of RSASSA-PSS: hash, mask and length of the salt. */
function pss(hash: string): Buffer {
  return sequence(der(0xa0, sequence(oid(hash), NULL)), der(0xa1, NULL), der(0xa2, der(2, Buffer.of(32))));
}

const SIGNATURES: [name: string, oid: string, hash: string][] = [
  ['md5WithRSAEncryption', '1.2.840.113549.1.1.4', 'sha256'],
  ['sha1WithRSAEncryption', '1.2.840.113549.1.1.5', 'sha256'],
  ['sha256WithRSAEncryption', '1.2.840.113549.1.1.11', 'sha256'],
  ['sha384WithRSAEncryption', '1.2.840.113549.1.1.12', 'sha384'],
  ['sha512WithRSAEncryption', '1.2.840.113549.1.1.13', 'sha512'],
  ['sha224WithRSAEncryption', '1.2.840.113549.1.1.14', 'sha224'],
  ['ecdsa-with-SHA1', '1.2.840.10045.4.1', 'sha256'],
  ['ecdsa-with-SHA224', '1.2.840.10045.4.3.1', 'sha224'],
  ['ecdsa-with-SHA256', '1.2.840.10045.4.3.2', 'sha256'],
  ['ecdsa-with-SHA384', '1.2.840.10045.4.3.3', 'sha384'],
  ['ecdsa-with-SHA512', '1.2.840.10045.4.3.4', 'sha512'],
  ['dsa-with-sha1', '1.2.840.10040.4.3', 'sha256'],
  ['dsa-with-sha256', '2.16.840.1.101.3.4.3.2', 'sha256'],
];

const PSS = '1.2.840.113549.1.1.10';
const HASHES: [name: string, oid: string, hash: string][] = [
  ['md5', '1.2.840.113549.2.5', 'sha256'],
  ['sha1', '1.3.14.3.2.26', 'sha256'],
  ['sha256', '2.16.840.1.101.3.4.2.1', 'sha256'],
  ['sha384', '2.16.840.1.101.3.4.2.2', 'sha384'],
  ['sha512', '2.16.840.1.101.3.4.2.3', 'sha512'],
];

const hashOf = (algorithm: string, bytes: Buffer): Buffer => createHash(algorithm).update(bytes).digest();

describe('certificateHash', () => {
  it("equals OpenSSL's for real certificates", () => {
    expect(hashCertificate(SHA384)?.toString('hex')).toBe(SHA384_HASH);
    expect(hashCertificate(PSS_SHA384)?.toString('hex')).toBe(PSS_SHA384_HASH);
  });

  it.each(SIGNATURES)('is for %s (%s) %s', (_, name, hash) => {
    const bytes = certificate(name);
    expect(hashCertificate(bytes)).toEqual(hashOf(hash, bytes));
  });

  it.each(HASHES)('is for RSASSA-PSS with %s (%s) %s', (_, name, hash) => {
    const bytes = certificate(PSS, pss(name));
    expect(hashCertificate(bytes)).toEqual(hashOf(hash, bytes));
  });

  it.each([
    ['none', sequence()],
    ['only another salt length', sequence(der(0xa2, der(2, Buffer.of(20))))],
  ])('is sha256 for RSASSA-PSS without parameters, as for sha1: %s', (_, parameters) => {
    const bytes = certificate(PSS, parameters);
    expect(hashCertificate(bytes)).toEqual(hashOf('sha256', bytes));
  });

  it.each([
    ['Ed25519', ED25519],
    ['Ed448', certificate('1.3.101.113')],
    ['an unknown algorithm', certificate('1.2.3.4')],
    ['RSASSA-PSS with an unknown hash', certificate(PSS, pss('1.2.3.4'))],
    ['RSASSA-PSS without parameters', certificate(PSS)],
    ['RSASSA-PSS with an invalid hash', certificate(PSS, sequence(der(0xa0, NULL)))],
  ])('is undefined for %s', (_, bytes) => {
    expect(hashCertificate(bytes)).toBeUndefined();
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('-----BEGIN CERTIFICATE-----')],
    ['a certificate followed by a byte', Buffer.concat([SHA384, Buffer.of(0)])],
    ['two certificates', Buffer.concat([SHA384, SHA384])],
    ['a certificate of two parts', sequence(sequence(), sequence(oid('1.2.840.113549.1.1.11')))],
    ['an algorithm that is no sequence', sequence(sequence(), NULL, der(3))],
    ['an algorithm without a name', sequence(sequence(), sequence(NULL), der(3))],
  ])('is undefined for %s', (_, bytes) => {
    expect(hashCertificate(bytes)).toBeUndefined();
  });

  it('is undefined for a certificate that is truncated at any byte', () => {
    for (let length = 0; length < SHA384.length; length++) {
      expect(hashCertificate(SHA384.subarray(0, length))).toBeUndefined();
    }
  });
});
