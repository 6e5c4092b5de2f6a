import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';

export const ROOT = resolve(__dirname, '../../..');

/** A Markdown file for readers. */
export interface Page {
  /** Relative to the project's folder, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every page below docs/, and those in the project's folder. */
export const pages: readonly Page[] = [
  ...readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => posix.join('docs', file.replaceAll('\\', '/'))),
]
  .sort()
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));

/** @throws if the page does not exist */
export function readPage(path: string): Page {
  const page = pages.find((one) => one.path === path);
  if (!page) throw new Error(`There is no page ${path}.`);
  return page;
}

/** The TypeScript code blocks of a page. */
export function findSnippets({ text }: Page): string[] {
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
}

/** The rows of the table whose first column has this heading, as cells. */
export function readTable({ path, text }: Page, heading: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|') && splitCells(line)[0] === heading);
  if (start < 0) throw new Error(`${path} has no table that begins with ${heading}.`);
  const rows = lines.slice(start + 2);
  return rows.slice(0, rows.indexOf('')).map(splitCells);
}

/** The targets of a page's links and images. */
export function findLinks({ text }: Page): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
}

/** The anchors of a page, as GitHub derives them from headings. */
export function findAnchors({ text }: Page): string[] {
  return [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutCode(text: string): string {
  return text.replace(/^```.*?^```$/gms, '');
}

function splitCells(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}
