// Clears up after a server, whatever becomes of the process that started it: its standard input is a pipe to that
// process, and a pipe ends even when its other end was killed. It runs apart from the terminal's process group.
//
//   node clear-up.mjs <folder>
//
// Each line of input says in JSON what has to be stopped when the input ends: { pid, signal, lock }, or null. `lock`
// is a file that the process removes at its end, where there is one: in a container without an init process, its pid
// stays taken after that.
import { existsSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const PATIENCE = 5_000;

const [folder] = process.argv.slice(2);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);

let minded = null;
for await (const line of createInterface({ input: process.stdin })) minded = JSON.parse(line);

if (minded) {
  const { pid, signal, lock } = minded;
  const runs = () => send(pid, 0) && (lock === undefined || existsSync(lock));
  // Before it has a lock it needs no gentleness, and leaves nothing that is not in the folder.
  send(pid, lock === undefined || existsSync(lock) ? signal : 'SIGKILL');
  for (let waited = 0; runs() && waited < PATIENCE; waited += 20) await delay(20);
  if (runs()) send(pid, 'SIGKILL');
}
rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });

function send(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
