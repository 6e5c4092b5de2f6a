import { Fields } from './fields';
import { createFixedSizeWriter, type TextWriter } from './value-text';

/** PGSQL_AF_INET and PGSQL_AF_INET6, which are equal on all platforms. */
const IPV4 = 2;
const IPV6 = 3;

export const writeInet: TextWriter = (bytes, start, end) => formatNetwork(bytes, start, end, false);
/** cidr: unlike inet, its text always has the length of the network mask. */
export const writeCidr: TextWriter = (bytes, start, end) => formatNetwork(bytes, start, end, true);

export const writeMacaddr: TextWriter = createFixedSizeWriter(6, (bytes, at) => formatMac(bytes, at, 6));
export const writeMacaddr8: TextWriter = createFixedSizeWriter(8, (bytes, at) => formatMac(bytes, at, 8));

/** Reads the address family, the mask length, a flag for cidr, the number of address bytes, and the address. */
function formatNetwork(bytes: Buffer, start: number, end: number, isCidr: boolean): string {
  const fields = new Fields(bytes, start, end);
  const family = fields.u8();
  const bits = fields.u8();
  fields.u8();
  const size = fields.u8();
  const at = fields.take(size);
  fields.finish();
  if (family !== IPV4 && family !== IPV6) throw new Error(`unknown address family ${family}`);
  if (size !== (family === IPV4 ? 4 : 16)) throw new Error(`the address has ${size} bytes`);
  if (bits > size * 8) throw new Error(`the network mask has ${bits} bits`);
  const address = family === IPV4 ? formatIpv4(bytes, at) : formatIpv6(bytes, at);
  return isCidr || bits < size * 8 ? `${address}/${bits}` : address;
}

function formatIpv4(bytes: Buffer, at: number): string {
  return `${bytes.readUInt8(at)}.${bytes.readUInt8(at + 1)}.${bytes.readUInt8(at + 2)}.${bytes.readUInt8(at + 3)}`;
}

/** Prints as inet_net_ntop.c does: `::` replaces the first longest run of zeros, and an embedded IPv4 address stays in dotted form. */
function formatIpv6(bytes: Buffer, at: number): string {
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i));
  const { from, length } = findLongestZeros(words);
  const hex = words.map((word) => word.toString(16));
  if (length === 0) return hex.join(':');
  const isIpv4 = from === 0 && (length === 6 || (length === 5 && words[5] === 0xffff));
  if (isIpv4) return `${length === 5 ? '::ffff:' : '::'}${formatIpv4(bytes, at + 12)}`;
  return `${hex.slice(0, from).join(':')}::${hex.slice(from + length).join(':')}`;
}

/** Finds the first longest run of at least two zero words. */
function findLongestZeros(words: readonly number[]): { from: number; length: number } {
  let longest = { from: 0, length: 0 };
  let from = 0;
  words.forEach((word, i) => {
    if (word !== 0) from = i + 1;
    else if (i > from && i + 1 - from > longest.length) longest = { from, length: i + 1 - from };
  });
  return longest;
}

function formatMac(bytes: Buffer, at: number, length: number): string {
  return bytes.toString('hex', at, at + length).replace(/..\B/g, '$&:');
}
