import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nameOf, readParts, writeCase, type Parts, type WrittenCase } from './case';

const CORPUS = join(__dirname, 'corpus');

export interface KeptCase {
  readonly name: string;
  readonly about: string;
  readonly outcome: string | undefined;
  readonly parts: () => Parts;
}

/** The cases that are kept for a target: those that once broke a rule, and those that look as if they could. */
export function keptCases(target: string): KeptCase[] {
  const folder = join(CORPUS, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => {
    const written = JSON.parse(readFileSync(join(folder, name), 'utf8')) as WrittenCase;
    return { name, about: written.about, outcome: written.outcome, parts: () => readParts(written) };
  });
}

/** @returns the path of the new file */
export async function keepCase(target: string, about: string, parts: Parts): Promise<string> {
  const folder = join(CORPUS, target);
  const path = join(folder, `${nameOf(parts)}.json`);
  // Only whoever writes one needs it.
  const { format, resolveConfig } = await import('prettier');
  const text = JSON.stringify(writeCase(about, parts), null, 2);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, await format(text, { ...(await resolveConfig(path)), parser: 'json' }));
  return path;
}
