import { readFileSync } from 'node:fs';

/**
 * The largest RSS of this process so far, in bytes.
 *
 * On Linux `maxRSS` starts with the peak of the parent process (exec_mmap in fs/exec.c), so /proc is read there.
 */
export function getPeakRss(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  if (!peak) throw new Error('/proc/self/status does not tell VmHWM.');
  return Number(peak[1]) * 1024;
}
