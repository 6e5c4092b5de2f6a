/**
 * Checks the package that npm would publish: packs it, lints the tarball and its types, then installs it in an empty project
 * and loads it from both module systems, with the newest tested RxJS and the oldest allowed one. Run it with `npm run
 * package:check`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findMissingSources, findRenamedClasses } from './contents';
import { programs } from './programs';

const ROOT = resolve(__dirname, '../..');
const MODULES = join(ROOT, 'node_modules');
/** The oldest version that the peer dependency allows. */
const OLDEST_RXJS = readOwn().peerDependencies.rxjs.replace(/^\^/, '');
const folder = mkdtempSync(join(tmpdir(), 'package-check-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

function run(title: string, program: string, args: readonly string[], cwd = ROOT): void {
  console.log(`\n── ${title}`);
  const { status, error } = spawnSync(program, args, { cwd, stdio: 'inherit' });
  if (status === 0) return;
  console.error(`\n${title}: failed${error ? ` (${error.message})` : ''}`);
  process.exit(1);
}

function versionOf(name: string): string {
  return (JSON.parse(readFileSync(join(MODULES, name, 'package.json'), 'utf8')) as { version: string }).version;
}

// `npm pack` builds first.
run('npm pack', 'npm', ['pack', '--loglevel=error', '--pack-destination', folder]);
const tarball = join(folder, `rxjs-pg-replication-${readOwn().version}.tgz`);
run('publint --strict', process.execPath, [join(MODULES, 'publint/src/cli.js'), '--strict', tarball]);
// `/testing` is a subpath export, which module resolution without `exports` does not find.
run('attw', process.execPath, [join(MODULES, '@arethetypeswrong/cli/dist/index.js'), '--profile', 'node16', tarball]);

const project = mkdtempSync(join(folder, 'project-'));
for (const [name, content] of Object.entries(programs)) writeFileSync(join(project, name), content);

const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
const packages = [tarball, `rxjs@${versionOf('rxjs')}`, `@types/node@${versionOf('@types/node')}`];
run('npm install of the tarball', 'npm', ['install', ...quiet, ...packages], project);
const installed = join(project, 'node_modules/rxjs-pg-replication');
expectNone('sources of maps that the package does not have', findMissingSources(join(installed, 'dist')));
expectNone('classes that the bundle renames', findRenamedClasses(installed));
load('');
run('source maps', process.execPath, ['--enable-source-maps', 'mapped.mjs'], project);
bundle();
run(`npm install of RxJS ${OLDEST_RXJS}`, 'npm', ['install', ...quiet, `rxjs@${OLDEST_RXJS}`], project);
load(` with RxJS ${OLDEST_RXJS}`);
console.log('\nThe package is fit to publish.');

/** Loads the package from both module systems, and type-checks programs of both. */
function load(circumstances: string): void {
  run(`require()${circumstances}`, process.execPath, ['required.cjs'], project);
  run(`import${circumstances}`, process.execPath, ['imported.mjs'], project);
  // Without skipLibCheck, because the published types must type-check with only run-time dependencies installed.
  run(
    `types of both module systems${circumstances}`,
    process.execPath,
    [
      join(MODULES, 'typescript/bin/tsc'),
      ...['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--module', 'node16'],
      ...['--types', 'node', 'typed.mts', 'tables.mts', 'typed.cts'],
    ],
    project,
  );
}

/** Bundles a program in ESM format, as users do, and runs the bundle where nothing is installed. */
function bundle(): void {
  const file = join(folder, 'bundle.mjs');
  const options = ['--bundle', '--platform=node', '--format=esm', '--sourcemap', '--log-level=warning'];
  run('esbuild', join(MODULES, 'esbuild/bin/esbuild'), ['bundled.mjs', ...options, `--outfile=${file}`], project);
  run('bundle in ESM format', process.execPath, ['--enable-source-maps', file], folder);
}

function expectNone(what: string, found: readonly string[]): void {
  console.log(`\n── ${what}: ${found.length === 0 ? 'none' : ''}`);
  if (found.length === 0) return;
  console.error(found.join('\n'));
  process.exit(1);
}

function readOwn(): { readonly version: string; readonly peerDependencies: { readonly rxjs: string } } {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as ReturnType<typeof readOwn>;
}
