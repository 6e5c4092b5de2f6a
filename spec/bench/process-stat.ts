import { readFile } from 'node:fs/promises';

/** What /proc tells of a process. */
export interface ProcessTimes {
  /** On a processor, in user and kernel mode together. */
  readonly totalMicros: number;
  /** The kernel's share of it, from 0 to 1; it is counted in ticks, so that it is rough. */
  readonly systemShare: number;
  readonly peakRssBytes: number;
}

/** Ticks that times in /proc/<pid>/stat are counted in: USER_HZ, 100 a second on all architectures of today. */
const TICK_MICROS = 10_000;

/** Whether this system tells of other processes. */
export async function hasProc(): Promise<boolean> {
  return (await timesOf(process.pid)) !== undefined;
}

/**
 * What the process has used until now; undefined when it is gone, or where there is no /proc.
 *
 * Source: proc(5), and the kernel's Documentation/scheduler/sched-stats.rst.
 */
export async function timesOf(pid: number | undefined): Promise<ProcessTimes | undefined> {
  if (pid === undefined) return undefined;
  const [schedstat, stat, status] = await Promise.all(['schedstat', 'stat', 'status'].map((file) => read(pid, file)));
  if (stat === undefined) return undefined;
  // The second field is the program's name in brackets, and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  // Nanoseconds on the processor; a kernel without CONFIG_SCHED_INFO has none.
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
