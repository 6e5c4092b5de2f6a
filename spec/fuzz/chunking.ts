import { createHash } from 'node:crypto';

/** Only short input is split into single bytes; longer input is split into this many pieces. */
const MAX_PIECES = 2000;

/**
 * The same bytes in different chunks, as a socket may deliver them: in one chunk, in single bytes, and split at pseudo-random
 * positions.
 */
export function createChunkings(bytes: Buffer): Buffer[][] {
  const small = Math.ceil(bytes.length / MAX_PIECES);
  const random = generateNumbers(bytes);
  return [[bytes], split(bytes, () => Math.max(1, small)), split(bytes, () => 1 + small * (random() % 16))];
}

function split(bytes: Buffer, next: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = next();
    // Copies, so that reading beyond the end does not find the next chunk's bytes.
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return chunks;
}

/** Pseudo-random numbers that are always the same for the same bytes. */
export function generateNumbers(bytes: Buffer): () => number {
  let state = createHash('sha1').update(bytes).digest().readUInt32BE(0);
  return () => {
    // The constants of Numerical Recipes. The low bits of such a generator are not random enough.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
}
