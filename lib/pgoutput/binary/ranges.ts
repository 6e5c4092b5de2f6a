import { Fields } from './fields';
import { quoteField } from './records';
import { TextList } from './text-list';
import { incrementDepth, type TextWriter } from './value-text';

/** Flags of rangetypes.h. */
const EMPTY = 0x01;
const LOWER_INCLUSIVE = 0x02;
const UPPER_INCLUSIVE = 0x04;
const LOWER_INFINITE = 0x08;
const UPPER_INFINITE = 0x10;

/** Bounds that range_out quotes. */
const QUOTED = /^$|["\\()[\], \t\n\v\f\r]/;

/** Writes ranges, `[1,5)`. The binary format has flags, and the bounds that are not infinite. */
export function createRangeWriter(boundText: TextWriter): TextWriter {
  return (bytes, start, end, depth) => {
    const fields = new Fields(bytes, start, end);
    const flags = fields.u8();
    if (flags & EMPTY) {
      fields.finish();
      return 'empty';
    }
    const boundDepth = incrementDepth(depth);
    const writeBound = (isInfinite: number): string => {
      if (isInfinite) return '';
      const length = fields.i32();
      const at = fields.take(length);
      return quoteField(boundText(bytes, at, at + length, boundDepth), QUOTED, length);
    };
    const bounds = new TextList(',', end - start);
    bounds.add(writeBound(flags & LOWER_INFINITE));
    bounds.add(writeBound(flags & UPPER_INFINITE));
    fields.finish();
    const [open, close] = [flags & LOWER_INCLUSIVE ? '[' : '(', flags & UPPER_INCLUSIVE ? ']' : ')'];
    return `${open}${bounds.toString()}${close}`;
  };
}

/** Writes multiranges, `{[1,3),[5,7)}`. */
export function createMultirangeWriter(rangeText: TextWriter): TextWriter {
  return (bytes, start, end, depth) => {
    const fields = new Fields(bytes, start, end);
    const rangeDepth = incrementDepth(depth);
    const count = fields.count(4);
    const ranges = new TextList(',', end - start);
    for (let i = 0; i < count; i++) {
      const length = fields.i32();
      const at = fields.take(length);
      ranges.add(rangeText(bytes, at, at + length, rangeDepth));
    }
    fields.finish();
    return `{${ranges.toString()}}`;
  };
}
