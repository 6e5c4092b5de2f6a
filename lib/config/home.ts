import { userInfo } from 'node:os';
import { join } from 'node:path';

/** Where libpq keeps certificates; undefined where the user has no home, as in some containers. */
export function getCertificateDirectory(env: NodeJS.ProcessEnv): string | undefined {
  return process.platform === 'win32' ? getSettingsDirectory(env) : resolveInHome(env, '.postgresql');
}

/** Where libpq keeps passwords. */
export function getPasswordFile(env: NodeJS.ProcessEnv): string | undefined {
  if (process.platform !== 'win32') return resolveInHome(env, '.pgpass');
  const folder = getSettingsDirectory(env);
  return folder && join(folder, 'pgpass.conf');
}

function getSettingsDirectory({ APPDATA }: NodeJS.ProcessEnv): string | undefined {
  return APPDATA ? join(APPDATA, 'postgresql') : undefined;
}

/** Never the current folder, in which anybody could have put something. */
function resolveInHome({ HOME }: NodeJS.ProcessEnv, name: string): string | undefined {
  const home = [HOME, getHomeDirectory()].find((folder) => folder);
  return home ? join(home, name) : undefined;
}

function getHomeDirectory(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    // No passwd entry.
    return undefined;
  }
}
