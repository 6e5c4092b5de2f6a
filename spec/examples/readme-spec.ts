import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asyncScheduler } from 'rxjs';
import ts from 'typescript';
import { resolveConfig } from '../../lib/config/config';
import { ERRORS, type ErrorKind } from '../../lib/common/error-codes';
import { defaultTypes } from '../../lib/pgoutput/values/values';
import { MAX_MESSAGE_LENGTH } from '../../lib/wire/frames';
import { ROOT } from './support/program';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const snippets = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);

/** What the snippets speak of without declaring it; README says so. */
const SURROUNDINGS = `
  import type { Change, PgoutputConfig, Transaction } from 'rxjs-pg-replication';
  declare global {
    const config: PgoutputConfig;
    function save(tx: Transaction): Promise<void>;
    function isTransient(error: unknown): boolean;
    function fetchToken(): Promise<string>;
    function saveChange(change: Change): Promise<void>;
    function keepAside(gid: string, changes: readonly Change[]): Promise<void>;
    function applyKept(gid: string): Promise<void>;
    function forgetKept(gid: string): Promise<void>;
    function saveAll(batch: readonly Transaction[]): Promise<void>;
  }`;

/** A program of files that stand nowhere, beside the project's own. */
function programOf(files: Readonly<Record<string, string>>): ts.Program {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const paths = Object.fromEntries(Object.entries(files).map(([name, code]) => [join(__dirname, name), code]));
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (path) => path in paths || disk.fileExists(path),
    readFile: (path) => paths[path] ?? disk.readFile(path),
    getSourceFile: (path, languageVersion, ...more) => {
      const code = paths[path];
      return code === undefined
        ? disk.getSourceFile(path, languageVersion, ...more)
        : ts.createSourceFile(path, code, languageVersion);
    },
  };
  return ts.createProgram([join(ROOT, 'lib/index.ts'), ...Object.keys(paths)], options, host);
}

const program = programOf({
  'surroundings.d.ts': SURROUNDINGS,
  ...Object.fromEntries(snippets.map((code, index) => [`snippet-${index}.ts`, code])),
});

/** The members of an interface that the package exports. */
function membersOf(name: string): string[] {
  const checker = program.getTypeChecker();
  const index = program.getSourceFile(join(ROOT, 'lib/index.ts'));
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(index!)!).find((one) => one.name === name)!;
  return checker
    .getDeclaredTypeOfSymbol(checker.getAliasedSymbol(exported))
    .getProperties()
    .map((one) => one.name);
}

/** The rows of the table that has this heading, cell by cell. */
function table(heading: string): string[][] {
  const lines = readme.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|') && cells(line)[0] === heading);
  expect(start).toBeGreaterThan(0);
  const rows = lines.slice(start + 2);
  return rows.slice(0, rows.indexOf('')).map(cells);
}

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

describe('README', () => {
  it('has snippets that compile', () => {
    expect(snippets.length).toBeGreaterThan(5);
    const complaints = snippets.flatMap((code, index) => {
      const file = program.getSourceFile(join(__dirname, `snippet-${index}.ts`));
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
        ({ messageText }) => `${code}\n→ ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
      );
    });
    expect(complaints).toEqual([]);
  });

  it('would not miss a snippet that does not compile', () => {
    const wrong = programOf({ 'surroundings.d.ts': SURROUNDINGS, 'wrong.ts': 'config.slots; export {};' });
    const file = wrong.getSourceFile(join(__dirname, 'wrong.ts'));
    expect(wrong.getSemanticDiagnostics(file)).toHaveLength(1);
  });

  it('begins with the program that examples/minimal.ts is', () => {
    expect(snippets[0]).toBe(readFileSync(join(ROOT, 'examples/minimal.ts'), 'utf8'));
  });

  it('lists every option with its unit and default', () => {
    const options = new Set([...membersOf('PgoutputConfig'), ...membersOf('PluginConfig')]);
    const rows = table('Option');
    expect(rows.map(([name]) => name).sort()).toEqual([...options].map((name) => `\`${name}\``).sort());

    const { connection, plan, session, values, scheduler, statusInterval, maxMessageSize } = resolveConfig({
      connection: 'postgres://me@localhost',
      slot: 's',
      publications: ['p'],
    });
    const { types, lookUpTypes, composites } = values;
    const request = plan.pgoutput?.request;
    expect({ ...plan, types, scheduler }).toMatchObject({
      ensureSlot: undefined,
      positionKeeper: 'slot',
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
      // What stands in a header is a little more.
      maxMessageSize: maxMessageSize === MAX_MESSAGE_LENGTH ? '1 GiB' : '',
      startLsn: "the slot's position",
      scheduler: '`asyncScheduler`',
      errors: 'none',
      openObserver: 'none',
      statusObserver: 'none',
      closeObserver: 'none',
    };
    for (const [name = '', unit, stated = ''] of rows) {
      const option = name.replaceAll('`', '');
      const known = expected[option];
      if (known) expect({ option, unit, value: valueOf(stated) }).toEqual({ option, ...known });
      else expect({ option, stated }).toEqual({ option, stated: text[option] });
    }
  });

  it('lists every option of a connection', () => {
    const rows = table('Connection option').map(([name]) => name);
    expect(rows.sort()).toEqual(
      membersOf('ConnectionOptions')
        .map((name) => `\`${name}\``)
        .sort(),
    );
  });

  it('lists every option of reconnect', () => {
    const rows = table('`reconnect` option').map(([name]) => name);
    expect(rows.sort()).toEqual(
      membersOf('ReconnectOptions')
        .map((name) => `\`${name}\``)
        .sort(),
    );
  });

  it('lists every error with its remedy, in order', () => {
    expect(table('Code')).toEqual(
      Object.entries<ErrorKind>(ERRORS).map(([code, { retryable, remedy, retries }]) => {
        const worth = retryable ? (retries ? `yes, ${retries} times` : 'yes') : 'no';
        return [`\`${code}\``, worth, remedy];
      }),
    );
  });

  it('lists every example, and links to nothing that is not there', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path = '']) => path);
    expect(links.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    const examples = links.filter((path) => dirname(path) === 'examples').map((path) => path.slice('examples/'.length));
    expect(examples.sort()).toEqual(
      readdirSync(join(ROOT, 'examples'))
        .filter((file) => file.endsWith('.ts'))
        .sort(),
    );
  });
});

function valueOf(stated: string): number | boolean {
  const text = stated.replaceAll('`', '');
  if (text === 'true' || text === 'false') return text === 'true';
  const [, digits = '', mebi] = /^([\d ]+?)( MiB)?$/.exec(text) ?? [];
  return Number(digits.replaceAll(' ', '')) * (mebi ? 1024 * 1024 : 1);
}
