import { createHash } from 'node:crypto';

/** What a target is fed with: frames, payloads or texts, in turn. */
export type Parts = readonly Buffer[];

/**
 * A part as a file of the corpus has it: Latin-1 text for its bytes, in pieces; a number behind a piece repeats it, so that
 * megabytes need no megabytes.
 */
export type WrittenPart = readonly (string | readonly [piece: string, times: number])[];

export interface WrittenCase {
  /** What is hostile about it. */
  readonly about: string;
  /** What comes of it, where that is known. */
  readonly outcome?: string;
  readonly parts: readonly WrittenPart[];
}

export function readParts({ parts }: WrittenCase): Parts {
  return parts.map((pieces) =>
    Buffer.concat(
      pieces.map((piece) =>
        typeof piece === 'string' ? Buffer.from(piece, 'latin1') : Buffer.from(piece[0].repeat(piece[1]), 'latin1'),
      ),
    ),
  );
}

export function writeCase(about: string, parts: Parts): WrittenCase {
  return { about, parts: parts.map((part) => pieces(part.toString('latin1'))) };
}

/** Names a case by its bytes. */
export function nameOf(parts: Parts): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 16);
}

export function sizeOf(parts: Parts): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** What is repeated 16 times or more becomes a piece of its own. */
function pieces(text: string): WrittenPart {
  const written: (string | [string, number])[] = [];
  let at = 0;
  for (const { 0: run, 1: piece = '', index } of text.matchAll(/([^]{1,80}?)\1{15,}/g)) {
    if (index > at) written.push(text.slice(at, index));
    written.push([piece, run.length / piece.length]);
    at = index + run.length;
  }
  if (at < text.length) written.push(text.slice(at));
  return written;
}
