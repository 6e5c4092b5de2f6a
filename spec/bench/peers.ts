import { spawnSync } from 'node:child_process';
import { clients } from './clients';

/**
 * Installs the peers where one is missing, in this folder and at the versions of its lock file. Where that cannot be done
 * the bench goes on without them, and says so.
 */
export function installPeers(): void {
  if (clients().every(({ kind, missing }) => kind !== 'node' || missing === undefined)) return;
  console.log('The peers are not installed yet: npm ci --prefix spec/bench');
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  spawnSync('npm', ['ci', ...options], { cwd: __dirname, stdio: 'inherit' });
}
