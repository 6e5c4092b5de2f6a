import { userInfo } from 'node:os';
import { join } from 'node:path';

/** libpq's directory of certificates; undefined if the user has no home directory, as in some containers. */
export function getCertificateDirectory(env: NodeJS.ProcessEnv): string | undefined {
  return process.platform === 'win32' ? getSettingsDirectory(env) : resolveInHome(env, '.postgresql');
}

/** The path of libpq's default password file. */
export function getPasswordFile(env: NodeJS.ProcessEnv): string | undefined {
  if (process.platform !== 'win32') return resolveInHome(env, '.pgpass');
  const directory = getSettingsDirectory(env);
  return directory && join(directory, 'pgpass.conf');
}

function getSettingsDirectory({ APPDATA }: NodeJS.ProcessEnv): string | undefined {
  return APPDATA ? join(APPDATA, 'postgresql') : undefined;
}

/** Never resolves to the current directory, in which another user could have placed a file. */
function resolveInHome({ HOME }: NodeJS.ProcessEnv, name: string): string | undefined {
  const home = [HOME, getHomeDirectory()].find((directory) => directory);
  return home ? join(home, name) : undefined;
}

function getHomeDirectory(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    // The user has no passwd entry.
    return undefined;
  }
}
