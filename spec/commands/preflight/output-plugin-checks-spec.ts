import { resolveConfig } from '../../../lib/config/resolve-config';
import { checkOutputPlugin } from '../../../lib/commands/preflight/output-plugin-checks';
import { runRoutine, rows } from '../support/converse';

const SERVER = {
  version: 180_006,
  walSenderTimeout: 60_000,
  walLevel: 'logical',
  database: 'shop',
  standby: false,
  readOnly: false,
};

/** @param setting undefined for a server without the setting */
function check(plugin: string, setting: string | undefined) {
  const connection = 'postgresql://app@localhost/shop';
  const { plan } = resolveConfig(
    plugin === 'pgoutput'
      ? { connection, slot: 'orders', publications: ['pub'] }
      : { connection, slot: 'orders', plugin },
  );
  const context = { plan, server: SERVER, lookUpTypes: false };
  const { value, error } = runRoutine(checkOutputPlugin(context), () =>
    setting === undefined ? rows() : rows({ setting }),
  );
  expect(error).toBeUndefined();
  return value;
}

it.each([
  ['pgoutput', undefined],
  ['wal2json', undefined],
  ['pgoutput', 'pgoutput, test_decoding'],
  ['test_decoding', 'pgoutput, test_decoding'],
  ['wal2json', 'pgoutput,wal2json'],
  ['wal2json', '"wal2json" , pgoutput'],
  ['my plugin', 'pgoutput, "my plugin"'],
  ['a,"b"', 'pgoutput, "a,""b"""'],
])('the output plugin %s is allowed if output_plugin_libraries is %s', (plugin, setting) => {
  expect(check(plugin, setting)).toEqual([]);
});

it.each([
  ['wal2json', 'pgoutput, test_decoding'],
  ['pgoutput', 'wal2json'],
  ['pgoutput', ''],
  // Case and path must match.
  ['wal2json', 'WAL2JSON'],
  ['wal2json', '$libdir/wal2json'],
  ['plugin', '"my plugin"'],
])('the output plugin %s is a finding if output_plugin_libraries is %p', (plugin, setting) => {
  const found = check(plugin, setting);
  expect(found).toEqual([
    {
      code: 'OUTPUT_PLUGIN_REFUSED',
      severity: 'error',
      message: expect.stringContaining(`"${plugin}"`),
      remedy: expect.stringContaining('output_plugin_libraries'),
    },
  ]);
  expect(found?.[0]?.message).toContain(JSON.stringify(setting));
});
