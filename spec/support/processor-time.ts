/**
 * Measures the processor time of a function in this process, in ms. Other processes have no effect, so a bound also holds on a
 * busy machine.
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
