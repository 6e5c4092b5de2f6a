import { ERRORS, type ErrorKind } from '../../../lib/common/error-codes';
import { FINDINGS } from '../../../lib/common/preflight-findings';
import type { Library } from './library';

/** A table in a page between `<!-- generated: name -->` and `<!-- end -->`. */
type Tables = Readonly<Record<string, (library: Library) => string>>;

const TABLES: Tables = {
  'error-codes': () =>
    formatTable(
      ['Code', 'Retryable', 'What to do'],
      Object.entries<ErrorKind>(ERRORS).map(([code, { retryable, remedy, retries }]) => {
        const worth = retryable ? (retries ? `yes, ${retries} times` : 'yes') : 'no';
        return [`\`${code}\``, worth, remedy];
      }),
    ),

  findings: () =>
    formatTable(
      ['Code of a finding', 'Remedy'],
      Object.entries(FINDINGS).map(([code, { remedy }]) => [`\`${code}\``, remedy]),
    ),

  messages: (library) =>
    formatTable(
      ['Type', '`kind`', 'Fields'],
      library
        .typesWithKind()
        .map((name) => [
          `\`${name}\``,
          formatNames(library.kindsOf(name)),
          formatNames(library.membersOf(name).filter((member) => !COMMON.includes(member))),
        ]),
    ),

  observers: (library) =>
    formatTable(
      ['Observer', 'Type', 'Fields'],
      OBSERVED.map(([observer, type]) => [`\`${observer}\``, `\`${type}\``, formatNames(library.membersOf(type))]),
    ),
};

/** The members of every message. */
const COMMON: readonly string[] = ['kind', 'ack', 'toJSON'];

const OBSERVED = [
  ['openObserver', 'OpenInfo'],
  ['statusObserver', 'StatusUpdate'],
  ['closeObserver', 'CloseInfo'],
] as const;

const BLOCK = /(<!-- generated: ([\w-]+) -->\n)(?:.*?\n)??(<!-- end -->)/gs;

/** @returns the page's text with the current tables */
export function fillGenerated(text: string, library: Library): string {
  return text.replace(BLOCK, (_, start: string, name: string, end: string) => {
    const generate = TABLES[name];
    if (!generate) throw new Error(`There is no generated table ${name}.`);
    return `${start}\n${generate(library)}\n${end}`;
  });
}

/** The names of the tables in a page. */
export function findGenerated(text: string): string[] {
  return [...text.matchAll(BLOCK)].map(([, , name = '']) => name);
}

/** The names of all generated tables. */
export const generatedNames: readonly string[] = Object.keys(TABLES);

function formatNames(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}

/** Formats Markdown with prettier. */
function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...lines.map((line) => (line[column] ?? '').length)));
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  return [format(head), format(widths.map((width) => '-'.repeat(width))), ...rows.map(format)].join('');
}
