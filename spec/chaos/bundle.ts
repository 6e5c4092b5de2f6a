import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');
const ESBUILD = join(root, 'node_modules/esbuild/bin/esbuild');
const bundles = new Map<string, string>();

/**
 * Bundles a program of this folder in one JavaScript file, which starts in a quarter of the time. The consumers are restarted
 * often.
 *
 * @returns the path; the file exists until this process ends
 */
export function bundle(program: string): string {
  const known = bundles.get(program);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), 'chaos-bundle-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, `${program}.js`);
  const options = ['--bundle', '--platform=node', '--external:pg-native', '--log-level=warning', `--outfile=${file}`];
  execFileSync(ESBUILD, [join(__dirname, `${program}.ts`), ...options], { cwd: root });
  bundles.set(program, file);
  return file;
}
