import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildRelation } from '../../lib/testing/payloads';
import { firstBlock } from '../pgoutput/support/blocks';
import { nameOf, readParts, writeCase, type Parts, type WrittenCase } from './case';

const CORPUS = join(__dirname, 'corpus');

export interface KeptCase {
  readonly name: string;
  readonly about: string;
  readonly outcome: string | undefined;
  readonly parts: () => Parts;
}

/** Generated cases of many different parts, by target. As files they would be megabytes. */
const GENERATED: Readonly<Record<string, readonly KeptCase[]>> = {
  pgoutput: [
    {
      name: 'stream-many',
      about: '10,000 transactions that never end',
      outcome: 'no error',
      parts: () => Array.from({ length: 10_000 }, (_, xid) => firstBlock(xid, buildRelation())).flat(),
    },
  ],
};

/** The cases of a target in the corpus: those that once broke a rule, and those that are likely to. */
export function keptCases(target: string): KeptCase[] {
  const folder = join(CORPUS, target);
  const generated = GENERATED[target] ?? [];
  if (!existsSync(folder)) return [...generated];
  const kept = readdirSync(folder).map((name) => {
    const written = JSON.parse(readFileSync(join(folder, name), 'utf8')) as WrittenCase;
    return { name, about: written.about, outcome: written.outcome, parts: () => readParts(written) };
  });
  return [...kept, ...generated];
}

/** @returns the path of the new file */
export async function keepCase(target: string, about: string, parts: Parts): Promise<string> {
  const folder = join(CORPUS, target);
  const path = join(folder, `${nameOf(parts)}.json`);
  // Loaded only when a case is written.
  const { format, resolveConfig } = await import('prettier');
  const text = JSON.stringify(writeCase(about, parts), null, 2);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, await format(text, { ...(await resolveConfig(path)), parser: 'json' }));
  return path;
}
