import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { findAnchors, findLinks, pages, readPage, readTable, ROOT, type Page } from './support/pages';

const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: readonly string[] };
/** Files that npm always includes in a package. */
const ALWAYS_PACKED = ['README.md', 'LICENSE', 'package.json'];

/** The target of a link; undefined for an external one. */
function resolveLink({ path }: Page, link: string): { readonly file: string; readonly anchor: string } | undefined {
  if (/^\w+:/.test(link)) return undefined;
  const [target = '', anchor = ''] = link.split('#');
  return { file: target === '' ? path : posix.join(posix.dirname(path), target), anchor };
}

function isPacked(file: string): boolean {
  return ALWAYS_PACKED.includes(file) || files.some((one) => file === one || file.startsWith(`${one}/`));
}

/** The broken links of a page. */
function findBrokenLinks(page: Page): string[] {
  return findLinks(page).flatMap((link) => {
    const target = resolveLink(page, link);
    if (!target) return [];
    const { file, anchor } = target;
    if (!existsSync(join(ROOT, file))) return [`${page.path}: ${link} leads to no file`];
    if (isPacked(page.path) && !isPacked(file))
      return [`${page.path}: ${link} leads to a file that is not in the package`];
    const isThere = anchor === '' || findAnchors(readPage(file)).includes(anchor);
    return isThere ? [] : [`${page.path}: ${link} leads to no heading`];
  });
}

it('every link leads to an existing file and heading, also in the package', () => {
  expect(pages.flatMap(findBrokenLinks)).toEqual([]);
});

it('a broken link is detected', () => {
  const text = '[a](docs/none.md) [b](#none) [c](package-lock.json) [d](LICENSE) [e](https://www.postgresql.org)';
  expect(findBrokenLinks({ path: 'README.md', text })).toEqual([
    'README.md: docs/none.md leads to no file',
    'README.md: #none leads to no heading',
    'README.md: package-lock.json leads to a file that is not in the package',
  ]);
});

it('README links to every page below docs/', () => {
  const readme = readPage('README.md');
  const targets = findLinks(readme).map((link) => resolveLink(readme, link)?.file);
  const below = pages.map(({ path }) => path).filter((path) => path.startsWith('docs/'));
  expect(below.filter((path) => !targets.includes(path))).toEqual([]);
});

it('README lists every example, and states that examples are in the repository only', () => {
  const named = [...readPage('README.md').text.matchAll(/`examples\/([\w-]+\.ts)`/g)].map(([, file]) => file);
  const examples = readdirSync(join(ROOT, 'examples')).filter((file) => file.endsWith('.ts'));
  expect([...new Set(named)].sort()).toEqual(examples.sort());
});

it('files that a page names in backquotes exist', () => {
  const missing = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/`((?:lib|spec|docs|examples)\/[\w./-]*)`/g)].flatMap(([, file = '']) =>
      existsSync(join(ROOT, file)) ? [] : [`${path}: ${file}`],
    ),
  );
  expect(missing).toEqual([]);
});

it('CONTRIBUTING lists every module of lib/, in order', () => {
  const modules = JSON.parse(readFileSync(join(ROOT, 'spec/architecture.json'), 'utf8')) as object;
  const listed = readTable(readPage('CONTRIBUTING.md'), 'Module').map(([name]) => name);
  expect(listed).toEqual(Object.keys(modules).map((name) => `\`${name}\``));
});

it('CONTRIBUTING names only identifiers that exist in the named files', () => {
  const answers = readTable(readPage('CONTRIBUTING.md'), 'Question').flatMap(([, where = '']) => [
    ...where.matchAll(/`([\w#]+)` in `([\w./-]+)`/g),
  ]);
  const missing = answers.filter(([, name = '', file = '']) => {
    const declared = new RegExp(`^(?:export )?(?:  )?(?:function\\*? |const |interface )?${name}\\b`, 'm');
    return !declared.test(readFileSync(join(ROOT, file), 'utf8'));
  });
  expect([answers.length >= 10, missing.map(([answer]) => answer)]).toEqual([true, []]);
});

it('README has at most 12,000 bytes; details belong below docs/', () => {
  expect(Buffer.byteLength(readPage('README.md').text)).toBeLessThanOrEqual(12_000);
});
