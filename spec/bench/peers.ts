import { spawnSync } from 'node:child_process';
import { clients } from './clients';

/**
 * Installs the other packages if one is missing, in this folder and in the versions of its lock file. If this fails, the bench
 * prints a message and continues without them.
 */
export function installPeers(): void {
  if (clients().every(({ kind, missing }) => kind !== 'node' || missing === undefined)) return;
  console.log('The peers are not installed yet: npm ci --prefix spec/bench');
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  spawnSync('npm', ['ci', ...options], { cwd: __dirname, stdio: 'inherit' });
}
