/**
 * How long something takes this process, in ms of processor time: what other processes do meanwhile does not count, so a
 * bound holds on a busy machine, too.
 */
export function measureProcessorTime(run: () => void): number {
  const start = process.cpuUsage();
  run();
  return elapsedProcessorTime(start);
}

/** Processor time of this process, in ms, since `process.cpuUsage()` returned `start`. */
export function elapsedProcessorTime(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}
