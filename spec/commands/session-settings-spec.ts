import { applySettings } from '../../lib/commands/session-settings';
import type { BackendMessage } from '../../lib/wire/backend';
import { READ_BACK, SESSION_SETTINGS } from '../support/session-settings';
import { runRoutine, done, buildError, rows, type ClientCommands } from './support/converse';

interface Server {
  /** Default: settings of a role or a database that differ from the required ones. */
  readonly initial?: Readonly<Record<string, string | null>>;
  /** The settings for which SET is an error. */
  readonly refuses?: readonly string[];
  /** The settings that SET does not change, without an error. */
  readonly ignores?: readonly string[];
  readonly sqlState?: string;
  readonly severity?: string;
  readonly version?: string;
}

const FOREIGN: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.keys(SESSION_SETTINGS).map((name) => [name, 'foreign'])),
  transaction_timeout: '3s',
};

/** Simulates SET, current_setting() and transactions. */
function conversation({ initial = FOREIGN, refuses = [], ignores = [], version = '180004', ...error }: Server = {}) {
  const settings = new Map(Object.entries(initial));
  const answer = (said: ClientCommands): readonly BackendMessage[] => {
    if (said.kind !== 'query') throw new Error(`Not a query: ${said.kind}`);
    if (!said.sql.startsWith('SET ')) return rows({ ...READ_BACK, ...Object.fromEntries(settings), version });
    const statements = said.sql.split('; ').map((one) => /^SET (\w+) = (.*)$/.exec(one));
    const refused = statements.find((one) => refuses.includes(one?.[1] ?? ''))?.[1];
    // The statements of one message form one transaction.
    if (refused !== undefined)
      return buildError({ message: `permission denied to set parameter "${refused}"`, ...error });
    for (const [, name = '', value = ''] of statements.map((one) => one ?? [])) {
      if (!ignores.includes(name)) settings.set(name, value.replaceAll("'", ''));
    }
    return done();
  };
  const outcome = runRoutine(applySettings('1 AS more'), answer);
  return { ...outcome, settings: Object.fromEntries(settings) };
}

describe('session settings', () => {
  it('are set whatever their values, and read back', () => {
    const { settings, value, error } = conversation();
    expect(error).toBeUndefined();
    expect(settings).toEqual(SESSION_SETTINGS);
    expect(value).toMatchObject(SESSION_SETTINGS);
  });

  it('take two round trips', () => {
    const { sql } = conversation({ initial: { ...FOREIGN, transaction_timeout: '0' } });
    expect(sql.map((text) => text.slice(0, 6))).toEqual(['SET se', 'SELECT']);
  });

  it('start with search_path, and call no function whose name it could resolve differently', () => {
    const { sql } = conversation();
    expect(sql[0]).toMatch(/^SET search_path = 'pg_catalog', 'pg_temp'; SET /);
    for (const text of sql.filter((one) => !one.startsWith('SET'))) {
      expect(text.replaceAll(/pg_catalog\.\w+\(|OPERATOR\(pg_catalog\.=\)/g, '')).not.toMatch(/\w\(|[=<>~|]|::|\bIN\b/);
    }
  });

  it.each([
    ['130022', ['idle_session_timeout', 'transaction_timeout']],
    ['140023', ['transaction_timeout']],
    ['160014', ['transaction_timeout']],
  ])('that server %s does not have are omitted: %s', (version, missing) => {
    const absent = Object.fromEntries(missing.map((name) => [name, null]));
    const { error, settings } = conversation({ version, initial: { ...FOREIGN, ...absent }, refuses: missing });
    expect(error).toBeUndefined();
    expect(settings).toEqual({ ...SESSION_SETTINGS, ...absent });
  });

  it.each(['170000', '180004'])('of server %s require transaction_timeout', (version) => {
    const { error } = conversation({
      version,
      initial: { ...FOREIGN, transaction_timeout: null },
      ignores: ['transaction_timeout'],
    });
    expect(error).toMatchObject({
      code: 'SETTING_NOT_APPLIED',
      message: expect.stringContaining('transaction_timeout'),
    });
  });

  it.each(Object.keys(SESSION_SETTINGS))('%s is named in an error if SET does not change it', (name) => {
    const { error } = conversation({ ignores: [name] });
    const { [name]: wanted = '' } = SESSION_SETTINGS;
    const { [name]: actual = '' } = FOREIGN;
    const what = `${name} is ${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}. Connect to the server directly`;
    expect(error).toMatchObject({
      code: 'SETTING_NOT_APPLIED',
      retryable: false,
      message: expect.stringContaining(what),
    });
  });

  it.each(Object.keys(SESSION_SETTINGS))('%s is named in an error if the server refuses to set it', (name) => {
    const { error } = conversation({ refuses: [name], sqlState: '42501' });
    expect(error).toMatchObject({
      code: 'SETTING_NOT_APPLIED',
      retryable: false,
      cause: expect.objectContaining({ sqlState: '42501' }),
    });
    expect(String(error)).toContain(`${name} is `);
    expect(String(error)).toContain(
      `permission denied to set parameter "${name}" (SQLSTATE 42501). Allow the role to set it`,
    );
    const others = Object.keys(SESSION_SETTINGS).filter((other) => other !== name);
    expect(others.filter((other) => String(error).includes(`${other} is `))).toEqual([]);
  });

  it('that cannot be set are accepted if they already have the right values', () => {
    const { error, settings } = conversation({
      initial: { ...FOREIGN, lc_monetary: 'C' },
      refuses: ['lc_monetary'],
    });
    expect([error, settings]).toEqual([undefined, SESSION_SETTINGS]);
  });

  it("are retryable if the server's error is", () => {
    const { error } = conversation({ refuses: ['DateStyle'], sqlState: '57014' });
    expect(error).toMatchObject({ code: 'SETTING_NOT_APPLIED', retryable: true });
  });

  it('are not read back once the server has closed the connection', () => {
    const { error, sql } = conversation({ refuses: ['DateStyle'], sqlState: '57P01', severity: 'FATAL' });
    expect(error).toMatchObject({ code: 'SERVER_SHUTDOWN' });
    expect(sql).toHaveLength(1);
  });
});
