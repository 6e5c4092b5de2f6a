import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncScheduler } from 'rxjs';
import { FINDINGS } from '../../lib/common/preflight-findings';
import { resolveConfig } from '../../lib/config/resolve-config';
import { readTransactionsOptions } from '../../lib/operators/transactions/transactions-options';
import { defaultTypes } from '../../lib/pgoutput/values/values';
import { MAX_MESSAGE_LENGTH } from '../../lib/wire/frames';
import { fillGenerated, findGenerated, generatedNames } from './support/generated';
import { Library } from './support/library';
import { pages, readPage, readTable, ROOT } from './support/pages';

const library = new Library();

const options = readPage('docs/reference/options.md');
const connection = readPage('docs/reference/connection.md');
const messages = readPage('docs/reference/messages.md');
const operators = readPage('docs/reference/operators.md');
const management = readPage('docs/reference/management-commands.md');
const errors = readPage('docs/reference/error-codes.md');

const quote = (name: string): string => `\`${name}\``;
/** The names in backquotes of a cell, without what follows them: `ofTable` of `ofTable(...names)`. */
const namesIn = (cell = ''): string[] => [...cell.matchAll(/`(\w+)/g)].map(([, name = '']) => name);

it('the generated tables match the code; npm run docs writes them', () => {
  const stale = pages.filter(({ text }) => fillGenerated(text, library) !== text).map(({ path }) => path);
  expect(stale).toEqual([]);
});

it('each generated table is in one page', () => {
  expect(pages.flatMap(({ text }) => findGenerated(text)).sort()).toEqual([...generatedNames].sort());
});

it('a table that differs from the code is detected', () => {
  const block = (content: string): string => `<!-- generated: error-codes -->\n${content}<!-- end -->\n`;
  const filled = fillGenerated(block(''), library);
  expect(filled).toContain('| `CONFIG_INVALID` ');
  expect(fillGenerated(block('| stale |\n'), library)).toBe(filled);
  expect(() => fillGenerated('<!-- generated: nothing -->\n<!-- end -->', library)).toThrow(
    'no generated table nothing',
  );
});

describe('the table of options', () => {
  const rows = readTable(options, 'Option');

  it('lists every option', () => {
    const names = new Set([...library.membersOf('PgoutputConfig'), ...library.membersOf('PluginConfig')]);
    expect(rows.map(([name]) => name).sort()).toEqual([...names].map(quote).sort());
  });

  it('lists their units and defaults', () => {
    const { connection, plan, session, values, scheduler, statusInterval, maxMessageSize } = resolveConfig({
      connection: 'postgres://me@localhost',
      slot: 's',
      publications: ['p'],
    });
    const { types, lookUpTypes, composites } = values;
    const request = plan.pgoutput?.request;
    expect({ ...plan, types, scheduler }).toMatchObject({
      ensureSlot: undefined,
      positionOwner: 'slot',
      plugin: 'pgoutput',
      types: defaultTypes,
      scheduler: asyncScheduler,
    });
    const ms = (value: number) => ({ unit: 'ms', value });
    const expected: Record<string, { unit: string; value: number | boolean }> = {
      messages: { unit: '', value: request?.messages ?? true },
      binary: { unit: '', value: request?.binary ?? true },
      twoPhase: { unit: '', value: request?.twoPhase ?? true },
      lookUpTypes: { unit: '', value: lookUpTypes },
      composites: { unit: '', value: composites },
      ensureSlot: { unit: '', value: plan.ensureSlot !== undefined },
      confirm: { unit: '', value: session.confirm },
      maxUnacked: { unit: 'messages', value: session.window.messages },
      maxUnackedBytes: { unit: 'bytes', value: session.window.bytes },
      statusInterval: ms(statusInterval),
      livenessTimeout: ms(session.livenessTimeout),
      connectTimeout: ms(connection.connectTimeout),
      closeTimeout: ms(connection.closeTimeout),
      ackTimeout: ms(session.ackTimeout),
    };
    const text: Record<string, string> = {
      connection: '`PG*` variables',
      slot: 'required',
      publications: 'required',
      plugin: plan.plugin,
      pluginOptions: '`{}`',
      types: 'as in `pg`',
      streaming: `\`'${request?.streaming ?? ''}'\``,
      origin: "`'any'`",
      protoVersion: 'the lowest that has what is asked for',
      expectTables: 'nothing',
      onDecodeError: `\`'${values.onDecodeError}'\``,
      // The header may have more text.
      maxMessageSize: maxMessageSize === MAX_MESSAGE_LENGTH ? '1 GiB' : '',
      startLsn: "the slot's position",
      scheduler: '`asyncScheduler`',
      errors: 'none',
      openObserver: 'none',
      statusObserver: 'none',
      closeObserver: 'none',
      copy: '`false`',
    };
    for (const [name = '', unit, stated = ''] of rows) {
      const option = name.replaceAll('`', '');
      const known = expected[option];
      if (known) expect({ option, unit, value: parseValue(stated) }).toEqual({ option, ...known });
      else expect({ option, stated }).toEqual({ option, stated: text[option] });
    }
  });
});

it('the table of connection options lists every option', () => {
  const rows = readTable(connection, 'Connection option').map(([name]) => name);
  expect(rows.sort()).toEqual(library.membersOf('ConnectionOptions').map(quote).sort());
});

it('the table of messages lists every kind, once', () => {
  const rows = readTable(messages, '`kind`').flatMap(([kinds]) => namesIn(kinds));
  const kinds = library.typesWithKind().flatMap((name) => library.kindsOf(name));
  expect(rows.sort()).toEqual(kinds.sort());
});

describe('the tables of operators', () => {
  it('list every operator', () => {
    const rows = readTable(operators, 'Operator').flatMap(([name]) => namesIn(name));
    // This function returns the subject of an error, and is documented below the table.
    expect([...rows, 'failedTransactions'].sort()).toEqual(library.functionsOf('operators').sort());
    expect(operators.text).toContain('`failedTransactions(error)`');
  });

  it('list every option of reconnect', () => {
    const rows = readTable(operators, '`reconnect` option').map(([name]) => name);
    expect(rows.sort()).toEqual(library.membersOf('ReconnectOptions').map(quote).sort());
  });

  it('list every option of transactions, with its default', () => {
    const rows = readTable(operators, '`transactions` option');
    expect(rows.map(([name]) => name).sort()).toEqual(library.membersOf('TransactionsOptions').map(quote).sort());
    const defaults: Record<string, unknown> = { ...readTransactionsOptions({}) };
    for (const [name = '', , stated = ''] of rows) {
      const value = defaults[name.replaceAll('`', '')];
      if (typeof value !== 'string') expect({ name, value: parseValue(stated) }).toEqual({ name, value });
    }
  });
});

it('the table of management commands lists every command', () => {
  const rows = readTable(management, 'Function').flatMap(([name]) => namesIn(name?.replace(/\(.*/, '')));
  expect(rows.sort()).toEqual(library.functionsOf('admin').sort());
});

it('the table of findings lists all that are not errors, in order', () => {
  const rows = readTable(management, 'Finding').slice(1);
  expect(rows.map(([code, severity]) => [code, severity])).toEqual(
    Object.entries(FINDINGS).map(([code, { severity }]) => [quote(code), severity]),
  );
});

it('the table of process warnings lists every code', () => {
  const files = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' }).filter((it) =>
    it.endsWith('.ts'),
  );
  const codes = files.flatMap((file) => readFileSync(join(ROOT, 'lib', file), 'utf8').match(/'RXPG_\w+'/g) ?? []);
  const rows = readTable(errors, 'Warning').map(([code = '']) => code.replaceAll('`', "'"));
  expect(rows.sort()).toEqual([...new Set(codes)].sort());
});

function parseValue(stated: string): number | boolean {
  const text = stated.replaceAll('`', '');
  if (text === 'true' || text === 'false') return text === 'true';
  const [, digits = '', mebi] = /^([\d ]+?)( MiB)?$/.exec(text) ?? [];
  return Number(digits.replaceAll(' ', '')) * (mebi ? 1024 * 1024 : 1);
}
