/** A DER element: its tag and its content. */
export interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

export const Tag = { objectIdentifier: 0x06, sequence: 0x30, context0: 0xa0 } as const;

/** The maximum number of bytes of a length. No certificate needs more. */
const MAX_LENGTH_BYTES = 3;

/**
 * Reads consecutive DER elements. Each length must be in its shortest form, and no bytes may follow the last element.
 *
 * @returns undefined if the bytes are not valid DER
 */
export function readElements(bytes: Buffer): Element[] | undefined {
  const elements: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0;
    // A certificate has no tags of several bytes.
    if ((tag & 0x1f) === 0x1f) return undefined;
    const length = readLength(bytes, at + 1);
    if (length === undefined || length.end + length.value > bytes.length) return undefined;
    at = length.end + length.value;
    elements.push({ tag, content: bytes.subarray(length.end, at) });
  }
  return elements;
}

/** Reads a length. @returns its value, and the offset of its end */
function readLength(bytes: Buffer, at: number): { value: number; end: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const count = first - 0x80;
  if (count < 0) return { value: first, end: at + 1 };
  const end = at + 1 + count;
  // 0x80 is the indefinite form, which DER does not allow.
  if (count === 0 || count > MAX_LENGTH_BYTES || end > bytes.length) return undefined;
  const value = bytes.readUIntBE(at + 1, count);
  const shortest = count === 1 ? 0x80 : 2 ** (8 * (count - 1));
  return value < shortest ? undefined : { value, end };
}

/** Reads an object identifier in dotted form, `1.2.840.113549.1.1.11`; undefined if the element is not one. */
export function readObjectIdentifier({ tag, content }: Element): string | undefined {
  if (tag !== Tag.objectIdentifier || content.length === 0 || content.length > 32) return undefined;
  const arcs: number[] = [];
  let arc = 0;
  for (const [i, byte] of content.entries()) {
    const starts = i === 0 || (content[i - 1] ?? 0) < 0x80;
    if ((starts && byte === 0x80) || arc > 0xffffff) return undefined;
    arc = arc * 0x80 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  if ((content.at(-1) ?? 0) >= 0x80) return undefined;
  const [firstTwoArcs = 0, ...rest] = arcs;
  const root = Math.min(2, Math.floor(firstTwoArcs / 40));
  return [root, firstTwoArcs - 40 * root, ...rest].join('.');
}
