import { readFile } from 'node:fs/promises';

/** Statistics of a process from /proc. */
export interface ProcessTimes {
  /** User and kernel time together. */
  readonly totalMicros: number;
  /** The kernel's share of it, from 0 to 1. It is measured in ticks, so it is imprecise. */
  readonly systemShare: number;
  readonly peakRssBytes: number;
}

/** The ticks of the times in /proc/<pid>/stat: USER_HZ, which is 100 per second on all current architectures. */
const TICK_MICROS = 10_000;

/** Whether this system has /proc. */
export async function hasProc(): Promise<boolean> {
  return (await timesOf(process.pid)) !== undefined;
}

/**
 * The resources used by the process so far; undefined if it has ended, or without /proc.
 *
 * Source: proc(5), and the kernel's Documentation/scheduler/sched-stats.rst.
 */
export async function timesOf(pid: number | undefined): Promise<ProcessTimes | undefined> {
  if (pid === undefined) return undefined;
  const [schedstat, stat, status] = await Promise.all(['schedstat', 'stat', 'status'].map((file) => read(pid, file)));
  if (stat === undefined) return undefined;
  // The second field is the program's name in parentheses, and may contain any character.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  // Nanoseconds on the processor. A kernel without CONFIG_SCHED_INFO has none.
  const nanos = Number(schedstat?.split(' ')[0] ?? 0);
  return {
    totalMicros: nanos > 0 ? nanos / 1000 : (user + system) * TICK_MICROS,
    systemShare: system / Math.max(1, user + system),
    peakRssBytes: Number(/^VmHWM:\s+(\d+) kB$/m.exec(status ?? '')?.[1] ?? 0) * 1024,
  };
}

function read(pid: number, file: string): Promise<string | undefined> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => undefined);
}
