import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Writes a result to a file and prints the path. */
export function writeResult(file: string, content: string): void {
  const path = resolve(file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  console.log(`Written to ${path}`);
}

export function asJson(result: unknown): string {
  return `${JSON.stringify(result, undefined, 2)}\n`;
}
