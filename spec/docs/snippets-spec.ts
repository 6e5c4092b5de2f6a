import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Library } from './support/library';
import { findSnippets, pages, readPage, ROOT } from './support/pages';

/** Names that snippets use without declaring them; the pages say so. */
const DECLARATIONS = `
  import type { Change, PgoutputConfig, Transaction } from 'rxjs-pg-replication';
  declare global {
    const config: PgoutputConfig;
    function save(tx: Transaction): Promise<void>;
    function isTransient(error: unknown): boolean;
    function fetchToken(): Promise<string>;
    function keepAside(gid: string, changes: readonly Change[]): Promise<void>;
    function applyKept(gid: string): Promise<void>;
    function forgetKept(gid: string): Promise<void>;
    function saveAll(batch: readonly Transaction[]): Promise<void>;
  }`;

const snippets = pages.flatMap((page) =>
  findSnippets(page).map((code, index) => ({ where: `${page.path}, snippet ${index + 1}`, code })),
);
const nameOf = (index: number): string => `snippet-${index}.ts`;
const library = new Library({
  'declarations.d.ts': DECLARATIONS,
  'wrong.ts': 'config.slots; export {};',
  ...Object.fromEntries(snippets.map(({ code }, index) => [nameOf(index), code])),
});

it('every snippet compiles', () => {
  expect(snippets.length).toBeGreaterThan(20);
  const found = snippets.flatMap(({ where, code }, index) =>
    library.diagnose(nameOf(index)).map((message) => `${where}: ${message}\n${code}`),
  );
  expect(found).toEqual([]);
});

it('a snippet that does not compile is detected', () => {
  expect(library.diagnose('wrong.ts')).toEqual([expect.stringContaining('slots')]);
});

it('README begins with the program examples/minimal.ts', () => {
  expect(findSnippets(readPage('README.md'))[0]).toBe(readFileSync(join(ROOT, 'examples/minimal.ts'), 'utf8'));
});
