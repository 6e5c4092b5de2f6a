import { runQuery, getText } from '../protocol-routine';
import { createFailure } from './finding';
import type { Check } from './preflight-context';

/**
 * Checks whether the server loads the output plugin for clients. The setting exists from the minor releases of August 2026 on;
 * servers without it load any plugin. Source: manual, output_plugin_libraries.
 */
export const checkOutputPlugin: Check = function* ({ plan: { plugin } }) {
  const [row] = yield* runQuery("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'output_plugin_libraries'");
  if (!row) return [];
  const setting = getText(row, 'setting');
  if (parseNames(setting).includes(plugin)) return [];
  const what = `The server does not load output plugin "${plugin}": output_plugin_libraries is ${JSON.stringify(setting)}`;
  return [createFailure('OUTPUT_PLUGIN_REFUSED', what)];
};

/** Parses a list of names, separated by commas and optionally in double quotes. Case is preserved. */
function parseNames(list: string): string[] {
  return Array.from(list.matchAll(/"((?:[^"]|"")*)"|[^\s,"](?:[^,"]*[^\s,"])?/g), ([name, quoted]) =>
    quoted === undefined ? name : quoted.replaceAll('""', '"'),
  );
}
