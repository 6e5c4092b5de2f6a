import { userInfo } from 'node:os';
import { join } from 'node:path';

/** Where libpq keeps certificates; undefined where the user has no home, as in some containers. */
export function certificateFolder(env: NodeJS.ProcessEnv): string | undefined {
  return process.platform === 'win32' ? settingsFolder(env) : inHome(env, '.postgresql');
}

/** Where libpq keeps passwords. */
export function passwordFile(env: NodeJS.ProcessEnv): string | undefined {
  if (process.platform !== 'win32') return inHome(env, '.pgpass');
  const folder = settingsFolder(env);
  return folder && join(folder, 'pgpass.conf');
}

function settingsFolder({ APPDATA }: NodeJS.ProcessEnv): string | undefined {
  return APPDATA ? join(APPDATA, 'postgresql') : undefined;
}

/** Never the current folder, in which anybody could have put something. */
function inHome({ HOME }: NodeJS.ProcessEnv, name: string): string | undefined {
  const home = [HOME, homeOfUser()].find((folder) => folder);
  return home ? join(home, name) : undefined;
}

function homeOfUser(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    // No passwd entry.
    return undefined;
  }
}
