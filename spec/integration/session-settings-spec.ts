import { firstValueFrom } from 'rxjs';
import {
  createPublication,
  createSlot,
  dropPublication,
  dropSlot,
  identifySystem,
  preflight,
  publications,
  publicationStatus,
  slotStatus,
  type OpenInfo,
  type PgoutputConfig,
  type ReplicationMessage,
} from '../../lib/index';
import { startServer, uniqueName } from '../support/server';
import { waitForFailure } from './support/life';
import { settingsProxy, type ProxyMode } from './support/settings-proxy';
import { TestBed, waitUntil, ofKind, Recorder } from './support/bed';

/** Values whose text depends on settings. */
const SAMPLES = `CREATE TYPE part AS (at date, span interval, eight float8, raw bytea);
  CREATE TABLE "Odd, name" ();
  CREATE TABLE samples (id int PRIMARY KEY, at date, moment timestamptz, local timestamp, clock timetz, span interval,
    eight float8, four float4, eights float8[], raw bytea, price money, class regclass, words text, during tstzrange, part part);
  CREATE PUBLICATION pub FOR TABLE samples WITH (publish = 'insert')`;
const rowOf = (id: number): string =>
  `(${id}, '2024-03-04', '2024-03-04 05:06:07.123456+00', '2024-03-04 05:06:07', '05:06:07+02', '1 year -2 mons 3 days 04:05:06.7',
    0.1::float8 / 3, 0.1::float4 / 3, '{0.1, 1e-7, 12345678901234.567}', '\\x00ff5c27', '1234.5', '"Odd, name"', 'grüße',
    '[2024-03-04 05:06:07+00,)', ROW ('2024-03-04', '1 day', 0.1::float8 / 3, '\\x00ff'))`;

/** Settings that values must not depend on. */
const FOREIGN: Readonly<Record<string, string>> = {
  datestyle: 'German, DMY',
  intervalstyle: 'iso_8601',
  timezone: 'Asia/Kolkata',
  extra_float_digits: '-3',
  bytea_output: 'escape',
  lc_monetary: 'POSIX',
  client_encoding: 'LATIN1',
  quote_all_identifiers: 'on',
  search_path: 'hostile, pg_catalog, public',
  client_min_messages: 'error',
  standard_conforming_strings: 'off',
  default_transaction_isolation: 'serializable',
};

/** Functions and tables that shadow the catalog's for unqualified names. */
const HOSTILE = `CREATE SCHEMA hostile;
  CREATE FUNCTION hostile.current_setting(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'hostile'; END$$;
  CREATE FUNCTION hostile.current_setting(text, boolean) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'hostile'; END$$;
  CREATE FUNCTION hostile.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'hostile'; END$$;
  CREATE FUNCTION hostile.pg_is_in_recovery() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'hostile'; END$$;
  CREATE FUNCTION hostile.same(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'hostile'; END$$;
  CREATE OPERATOR hostile.= (FUNCTION = hostile.same, LEFTARG = text, RIGHTARG = text);
  CREATE VIEW hostile.pg_settings AS SELECT 'hostile'::text AS name, 'hostile'::text AS setting;
  GRANT USAGE ON SCHEMA hostile TO PUBLIC;`;

let bed: TestBed;
let slot: string;
let role: string;

beforeAll(async () => {
  bed = await TestBed.make('settings', `${HOSTILE} ${SAMPLES}`);
  slot = await bed.slot();
  await bed.sql(`INSERT INTO samples VALUES ${rowOf(1)}`);
  role = uniqueName('settings');
  await bed.sql(`CREATE ROLE ${role} LOGIN REPLICATION`);
});

afterAll(async () => {
  const { server } = bed;
  await bed.drop();
  await server.query(`DROP ROLE ${role}`);
});

function rowsOf(messages: readonly ReplicationMessage[]): unknown[] {
  return ofKind(messages, 'insert').map((insert) => insert.new);
}

/** The rows read from a copy of the slot, in text and in binary. */
async function readBoth(more: Partial<PgoutputConfig>): Promise<unknown[]> {
  const both: unknown[] = [];
  for (const binary of [false, true]) {
    const copy = uniqueName('slot');
    await bed.sql('SELECT pg_copy_logical_replication_slot($1, $2)', [slot, copy]);
    try {
      both.push(rowsOf(await bed.readTo(copy, await bed.position(), { types: 'exact', binary, ...more })));
    } finally {
      await bed.released(copy);
      await bed.sql('SELECT pg_drop_replication_slot($1)', [copy]);
    }
  }
  return both;
}

/** Sets every setting for a database, a role, or both. */
function each(target: string): string {
  return Object.entries(FOREIGN)
    .map(
      ([name, value]) =>
        `ALTER ${target} SET ${name} = ${value
          .split(', ')
          .map((one) => `'${one}'`)
          .join(', ')}`,
    )
    .join('; ');
}

const asOptions = Object.entries(FOREIGN)
  .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
  .join(' ');

/** Runs a function while something is set for the database, the role or both. */
async function whileSet<T>(target: string, work: () => Promise<T>): Promise<T> {
  await bed.sql(each(target));
  try {
    return await work();
  } finally {
    await bed.sql(`ALTER ${target} RESET ALL`);
  }
}

describe('values do not depend on settings', () => {
  let expected: unknown[];
  let asRole: Partial<PgoutputConfig>;

  beforeAll(async () => {
    expected = await readBoth({});
    asRole = { connection: { connectionString: bed.database.url, user: role } };
  });

  it('and are equal in both formats', () => {
    const [text, binary] = expected;
    expect(text).toMatchObject([{ id: 1, at: '2024-03-04', raw: Buffer.from([0, 255, 0x5c, 0x27]), words: 'grüße' }]);
    // In binary, regclass is a number.
    expect(binary).toMatchObject([{ id: 1, at: '2024-03-04', raw: Buffer.from([0, 255, 0x5c, 0x27]), words: 'grüße' }]);
  });

  it.each<[of: string, target: () => string]>([
    ['the database', () => `DATABASE ${bed.database.name}`],
    ['the role', () => `ROLE ${role}`],
    ['the role in the database', () => `ROLE ${role} IN DATABASE ${bed.database.name}`],
  ])('of %s', async (_, target) => {
    expect(await whileSet(target(), () => readBoth(asRole))).toEqual(expected);
  });

  it('of `options`, whose other settings take effect', async () => {
    const opened: OpenInfo[] = [];
    const options = `${asOptions} -c wal_sender_timeout=7s`;
    const connection = { connectionString: bed.database.url, user: role, options };
    expect(await readBoth({ connection, openObserver: { next: (info) => void opened.push(info) } })).toEqual(expected);
    expect(opened.map(({ walSenderTimeout }) => walSenderTimeout)).toEqual([7000, 7000]);
  });

  it('of PGOPTIONS', async () => {
    process.env['PGOPTIONS'] = asOptions;
    try {
      expect(await readBoth(asRole)).toEqual(expected);
    } finally {
      delete process.env['PGOPTIONS'];
    }
  });

  it('of a login event trigger', async () => {
    // They exist from 17 on. Before, no user code runs between authentication and the first command.
    if (bed.server.version < 17) {
      expect(await bed.sql("SELECT FROM pg_event_trigger WHERE evtevent = 'login'")).toEqual([]);
      return;
    }
    const sets = Object.entries(FOREIGN).map(([name, value]) => `PERFORM set_config('${name}', '${value}', false);`);
    await bed.sql(`CREATE FUNCTION on_login() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog
        AS $$BEGIN ${sets.filter((one) => !one.includes('search_path')).join(' ')} END$$;
      CREATE FUNCTION path_on_login() RETURNS event_trigger LANGUAGE plpgsql
        AS $$BEGIN PERFORM set_config('search_path', '${FOREIGN['search_path']}', false); END$$;
      CREATE EVENT TRIGGER a_on_login ON login EXECUTE FUNCTION on_login();
      CREATE EVENT TRIGGER b_on_login ON login EXECUTE FUNCTION path_on_login();
      ALTER EVENT TRIGGER a_on_login ENABLE ALWAYS;
      ALTER EVENT TRIGGER b_on_login ENABLE ALWAYS`);
    try {
      expect(await readBoth(asRole)).toEqual(expected);
    } finally {
      await bed.sql('DROP EVENT TRIGGER a_on_login; DROP EVENT TRIGGER b_on_login');
    }
  });

  it.each<ProxyMode>([
    'passes',
    'drops parameters',
    'refuses parameters',
    'rewrites parameters',
    'adds options',
    'lies',
  ])('of a database behind a proxy: %s', async (manner) => {
    const proxy = await settingsProxy(bed.database.url, manner);
    const connection = { connectionString: proxy.through(bed.database.url), user: role };
    try {
      const target = `DATABASE ${bed.database.name}`;
      expect(await whileSet(target, () => readBoth({ connection }))).toEqual(expected);
    } finally {
      await proxy.close();
    }
  });

  it('of types that are looked up during the stream, behind a proxy that refuses start-up parameters', async () => {
    const proxy = await settingsProxy(bed.database.url, 'refuses parameters');
    await bed.sql('CREATE PUBLICATION late');
    const connection = { connectionString: proxy.through(bed.database.url), user: role };
    const late = bed.stream(await bed.slot(), { connection, publications: ['late'], composites: true, types: 'exact' });
    const stream = new Recorder(late);
    try {
      await whileSet(`DATABASE ${bed.database.name}`, async () => {
        await waitUntil(
          () => Promise.resolve(proxy.connections),
          (count) => count > 0,
        );
        await bed.sql(
          `CREATE TYPE "late type" AS ("Some name" date); CREATE TABLE lately (id int PRIMARY KEY, v "late type")`,
        );
        await bed.sql('ALTER PUBLICATION late ADD TABLE lately');
        await bed.sql(`INSERT INTO lately VALUES (1, ROW ('2024-03-04'))`);
        const insert = await stream.find((message) => message.kind === 'insert');
        expect(insert).toMatchObject({ new: { id: 1, v: { 'Some name': '2024-03-04' } } });
      });
    } finally {
      stream.unsubscribe();
      await proxy.close();
    }
  });
});

describe('settings that cannot be set', () => {
  const TARGET = (): string => `DATABASE ${bed.database.name}`;

  it.each<[ProxyMode, RegExp]>([
    ['swallows SET', /DateStyle is "German, DMY" instead of "ISO, MDY".*Connect to the server directly/],
    ['refuses SET', /DateStyle is "German, DMY" instead of "ISO, MDY".*SET is not allowed here/],
  ])('end everything that needs a connection: a proxy that %s', async (manner, message) => {
    const proxy = await settingsProxy(bed.database.url, manner);
    const connection = { connectionString: proxy.through(bed.database.url), user: role };
    const config = { connection, slot, publications: ['pub'] };
    try {
      await whileSet(TARGET(), async () => {
        const error = { code: 'SETTING_NOT_APPLIED', retryable: false, message: expect.stringMatching(message) };
        expect(await waitForFailure(bed.stream(slot, { connection }))).toMatchObject(error);
        const name = 'never_made';
        for (const command of [
          identifySystem({ connection }),
          slotStatus({ connection, slot }),
          createSlot({ connection, slot: name }),
          dropSlot({ connection, slot: name }),
          publications({ connection }),
          publicationStatus({ connection, name: 'pub' }),
          createPublication({ connection, name, tables: ['samples'] }),
          dropPublication({ connection, name }),
        ]) {
          expect(await waitForFailure(command)).toMatchObject(error);
        }
        const found = await firstValueFrom(preflight(config));
        expect(found).toMatchObject([{ code: 'SETTING_NOT_APPLIED', severity: 'error' }]);
      });
    } finally {
      await proxy.close();
    }
  });

  it('are accepted if they already have the right values', async () => {
    const proxy = await settingsProxy(bed.database.url, 'swallows SET');
    const options = [
      ['search_path', 'pg_catalog,\\ pg_temp'],
      ['DateStyle', 'ISO,\\ MDY'],
      ['extra_float_digits', '3'],
      ['client_min_messages', 'warning'],
      ['client_encoding', 'UTF8'],
    ];
    const asked = options.map(([name, value]) => `-c ${name}=${value}`).join(' ');
    const connection = { connectionString: proxy.through(bed.database.url), options: asked };
    try {
      expect(await readBoth({ connection })).toEqual(await readBoth({}));
      const wrong = { ...connection, options: `${asked} -c TimeZone=Asia/Tokyo` };
      expect(await waitForFailure(bed.stream(slot, { connection: wrong }))).toMatchObject({
        code: 'SETTING_NOT_APPLIED',
        message: expect.stringContaining('TimeZone is "Asia/Tokyo" instead of "UTC"'),
      });
    } finally {
      await proxy.close();
    }
  });
});

describe('timeouts', () => {
  it('of a database do not end a stream', async () => {
    const own = await bed.slot();
    const { name } = bed.database;
    const known = [
      'statement_timeout',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
      'idle_session_timeout',
      ...(bed.server.version >= 17 ? ['transaction_timeout'] : []),
    ];
    for (const setting of known) await bed.sql(`ALTER DATABASE ${name} SET ${setting} = '300ms'`);
    const stream = new Recorder(bed.stream(own));
    try {
      await waitUntil(
        () => bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [own]),
        (rows) => rows.length === 1,
      );
      await bed.sql('SELECT pg_sleep(1)');
      await bed.sql(`INSERT INTO samples VALUES ${rowOf(2)}`);
      expect(await stream.find((message) => message.kind === 'insert')).toMatchObject({ new: { id: 2 } });
    } finally {
      stream.unsubscribe();
      await bed.sql(`ALTER DATABASE ${name} RESET ALL`);
    }
  });
});

it('a reload of the configuration does not affect a running stream', async () => {
  const server = await startServer();
  const own = await TestBed.make('reloaded', `${HOSTILE} ${SAMPLES}`, server);
  const stream = new Recorder(own.stream(await own.slot(), { types: 'exact' }));
  try {
    await own.sql(`INSERT INTO samples VALUES ${rowOf(1)}`);
    const before = await stream.find((message) => message.kind === 'insert');
    for (const [name, value] of Object.entries(FOREIGN)) {
      const list = value.split(', ').map((one) => `'${one}'`);
      // It would change how the spec's own statements are parsed.
      if (name !== 'standard_conforming_strings') await own.sql(`ALTER SYSTEM SET ${name} = ${list.join(', ')}`);
    }
    await own.sql('SET search_path = public; SELECT pg_reload_conf()');
    await waitUntil(
      () => server.query<{ datestyle: string }>(`SELECT current_setting('datestyle') AS datestyle`),
      ([row]) => row?.datestyle === 'German, DMY',
    );
    await own.sql(`INSERT INTO samples VALUES ${rowOf(2)}`);
    const after = await stream.find((message) => message.kind === 'insert' && message.new['id'] === 2);
    expect(after).toMatchObject({ new: { ...(before as { new: object }).new, id: 2 } });
  } finally {
    stream.unsubscribe();
    await own.drop();
    await server.dispose();
  }
});
