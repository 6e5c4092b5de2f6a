import { inspect } from 'node:util';
import { resolveConnection, SERVER_OPTIONS, type ConnectionSettings } from '../../../lib/config/resolve-connection';
import { ConfigError } from '../../../lib/common/errors';
import { OptionReader } from '../../../lib/common/option-reader';
import { captureError } from '../../support/capture-error';

export type Environment = Readonly<Record<string, string>>;

/** An empty home folder, so that the files of the current user have no effect. */
const NOBODY = { HOME: '/nowhere' };

export function resolve(connection?: unknown, env: Environment = {}): ConnectionSettings {
  return resolveConnection(new OptionReader('', { connection }, SERVER_OPTIONS), { ...NOBODY, ...env });
}

/** The error of an invalid configuration. Verifies that it does not show `hunter2`. */
export function getError(connection: unknown, env: Environment = {}): ConfigError {
  const error = captureError(() => resolve(connection, env));
  if (!(error instanceof ConfigError)) throw error;
  expect(error.code).toBe('CONFIG_INVALID');
  expect(`${error.stack ?? ''}${inspect(error, { depth: 20, showHidden: true })}`).not.toContain('hunter2');
  return error;
}

/** The hosts, each as `host:port` or, with an address, `host:port@address`. */
export function getHosts(connection?: unknown, env: Environment = {}): string[] {
  return resolve(connection, env).hosts.targets.map(
    ({ host, port, address }) => `${host}:${port}${address === undefined ? '' : `@${address}`}`,
  );
}

/** The user and the database. */
export function getStartup(connection?: unknown, env: Environment = {}) {
  const { policy, database, applicationName, options } = resolve(connection, env).startup;
  return { user: policy.user, database, applicationName, options };
}

/** The password that is sent to the first host. */
export function getPassword(connection?: unknown, env: Environment = {}): Promise<string | undefined> {
  const { credentials: secrets, hosts } = resolve(connection, env);
  const [target] = hosts.targets;
  return new Promise((found, failed) => {
    secrets.request('password', target!, found, failed);
  });
}
