import { createHash } from 'node:crypto';

/** Byte by byte only what is short; longer input in this many pieces. */
const MOST_PIECES = 2000;

/** The same bytes as they may come from a socket: in one piece, in single bytes, and in pieces that the bytes decide. */
export function chunkings(bytes: Buffer): Buffer[][] {
  const small = Math.ceil(bytes.length / MOST_PIECES);
  const random = numbersFrom(bytes);
  return [[bytes], cut(bytes, () => Math.max(1, small)), cut(bytes, () => 1 + small * (random() % 16))];
}

function cut(bytes: Buffer, next: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = next();
    // A copy each: nothing of the neighbours is there to be read by mistake.
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return chunks;
}

/** Numbers that look like chance and are always the same for the same bytes. */
export function numbersFrom(bytes: Buffer): () => number {
  let state = createHash('sha1').update(bytes).digest().readUInt32BE(0);
  return () => {
    // The constants of Numerical Recipes; the low bits of such a generator are no good.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
}
