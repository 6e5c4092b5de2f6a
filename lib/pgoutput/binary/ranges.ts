import { Fields } from './fields';
import { quoted } from './records';
import { deeper, joined, textLimit, type ValueText } from './value-text';

/** Flags of rangetypes.h. */
const EMPTY = 0x01;
const LOWER_INCLUSIVE = 0x02;
const UPPER_INCLUSIVE = 0x04;
const LOWER_INFINITE = 0x08;
const UPPER_INFINITE = 0x10;

/** How range_out decides it. */
const QUOTED = /^$|["\\()[\], \t\n\v\f\r]/;

/** `[1,5)`: flags, and the bounds that are not infinite. */
export function range(boundText: ValueText): ValueText {
  return (bytes, start, end, depth) => {
    const fields = new Fields(bytes, start, end);
    const flags = fields.u8();
    if (flags & EMPTY) {
      fields.finish();
      return 'empty';
    }
    const boundDepth = deeper(depth);
    const writeBound = (isInfinite: number): string => {
      if (isInfinite) return '';
      const length = fields.i32();
      const at = fields.take(length);
      return quoted(boundText(bytes, at, at + length, boundDepth), QUOTED, length);
    };
    const lower = writeBound(flags & LOWER_INFINITE);
    const upper = writeBound(flags & UPPER_INFINITE);
    fields.finish();
    const [open, close] = [flags & LOWER_INCLUSIVE ? '[' : '(', flags & UPPER_INCLUSIVE ? ']' : ')'];
    return `${joined(`${open}${lower},`, upper, textLimit(end - start))}${close}`;
  };
}

/** `{[1,3),[5,7)}` */
export function multirange(rangeText: ValueText): ValueText {
  return (bytes, start, end, depth) => {
    const fields = new Fields(bytes, start, end);
    const rangeDepth = deeper(depth);
    const limit = textLimit(end - start);
    const count = fields.count(4);
    let text = '{';
    for (let i = 0; i < count; i++) {
      const length = fields.i32();
      const at = fields.take(length);
      const item = rangeText(bytes, at, at + length, rangeDepth);
      text = joined(text, i === 0 ? item : `,${item}`, limit);
    }
    fields.finish();
    return `${text}}`;
  };
}
