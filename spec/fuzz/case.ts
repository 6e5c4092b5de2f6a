import { createHash } from 'node:crypto';

/** The input of a target: frames, payloads or texts, in order. */
export type Parts = readonly Buffer[];

/**
 * The form of a part in a corpus file: Latin-1 text for its bytes, in pieces. A number after a piece repeats it, so that the
 * files stay small.
 */
export type WrittenPart = readonly (string | readonly [piece: string, times: number])[];

export interface WrittenCase {
  /** What is invalid about it. */
  readonly about: string;
  /** The expected outcome, if known. */
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

/** Names a case by a hash of its bytes. */
export function nameOf(parts: Parts): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 16);
}

export function sizeOf(parts: Parts): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** A run of 16 or more equal bytes is written as a separate piece. */
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
