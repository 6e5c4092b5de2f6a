import { Fields } from './fields';
import { TextList } from './text-list';
import { checkTextLength } from './value-text';

const OCTETS = Array.from({ length: 256 }, (_, byte) => byte.toString(2).padStart(8, '0'));

/** bit and varbit: the number of bits, then the bits in bytes, most significant bit first. */
export function writeBits(bytes: Buffer, start: number, end: number): string {
  const fields = new Fields(bytes, start, end);
  const length = fields.i32();
  if (length < 0) throw new Error(`the bit string declares ${length} bits`);
  const size = Math.ceil(length / 8);
  const at = fields.take(size);
  fields.finish();
  checkTextLength(size * 8);
  const octets = new TextList('', end - start);
  for (let i = 0; i < size; i++) octets.add(OCTETS[bytes.readUInt8(at + i)] ?? '');
  return octets.toString().slice(0, length);
}
