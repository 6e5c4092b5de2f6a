/**
 * Runs the integration specs for each PostgreSQL version, or for the given ones:
 *
 *   npm run test:matrix -- 15 17
 *   npm run test:matrix -- 15 17 scenarios    only specs whose path contains the text
 *
 * It sets TEST_EVERY_WAY, so that each scenario is read in every way that the server supports (`npm test` uses some in turn).
 * The binaries are installed with npm into a folder that git ignores. With `--install` it stops after that.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EMBEDDED_PACKAGES, findBinaries, isKnown, matrixFolder, type PostgresVersion } from './binaries';

const ROOT = resolve(__dirname, '../..');
const known = Object.keys(EMBEDDED_PACKAGES).map(Number).filter(isKnown);

interface Outcome {
  version: PostgresVersion;
  passed: boolean;
  seconds: string;
  what: string;
}

function run(program: string, args: readonly string[], cwd: string, env?: NodeJS.ProcessEnv): boolean {
  return spawnSync(program, args, { cwd, stdio: 'inherit', env: { ...process.env, ...env } }).status === 0;
}

function isInstalled(version: PostgresVersion): boolean {
  try {
    findBinaries(version);
    return true;
  } catch {
    return false;
  }
}

function install(version: PostgresVersion): boolean {
  if (isInstalled(version)) return true;
  const folder = matrixFolder(version);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }));
  // The install script only creates symbolic links, which are created at the start of a server anyway.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  return run('npm', ['install', ...options, EMBEDDED_PACKAGES[version]], folder) && isInstalled(version);
}

function test(version: PostgresVersion): Outcome {
  console.log(`\n── PostgreSQL ${version} ──`);
  const started = performance.now();
  const done = (passed: boolean, what: string): Outcome => ({
    version,
    passed,
    seconds: ((performance.now() - started) / 1_000).toFixed(1),
    what,
  });
  if (!install(version)) return done(false, `could not install ${EMBEDDED_PACKAGES[version]}`);
  if (onlyInstall) return done(true, 'installed');
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const passed = run(process.execPath, [jest, ...filters, '--selectProjects', 'integration'], ROOT, {
    TEST_EVERY_WAY: '1',
    TEST_POSTGRES_VERSION: String(version),
    TEST_POSTGRES_URL: '',
    TEST_POSTGRES: 'embedded',
  });
  return done(passed, passed ? 'passed' : 'failed');
}

const args = process.argv.slice(2);
const onlyInstall = args.includes('--install');
const isNumber = (arg: string): boolean => /^\d+$/.test(arg);
const asked = args.filter(isNumber);
const filters = args.filter((arg) => arg !== '--install' && !isNumber(arg));
const unknown = asked.filter((arg) => !isKnown(Number(arg)));
if (unknown.length > 0) {
  console.error(`No such version: ${unknown.join(', ')}. There are ${known.join(', ')}.`);
  process.exit(2);
}

const outcomes = (asked.length > 0 ? asked.map(Number).filter(isKnown) : known).map(test);
console.log('\nPostgreSQL  seconds  outcome');
for (const { version, seconds, what } of outcomes) {
  console.log(`${String(version).padEnd(10)}  ${seconds.padStart(7)}  ${what}`);
}
process.exitCode = outcomes.every(({ passed }) => passed) ? 0 : 1;
