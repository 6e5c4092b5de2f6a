import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { circumstances } from './circumstances';
import { compareParsers, type ParserComparison } from './decode/parser-comparison';
import { packed } from './decode/payloads';
import { record } from './decode/record';
import { comparisonTable, comparisonVerdict } from './decode/report';
import { asJson, writeResult } from './files';
import { chosen, type BenchOptions } from './options';
import { installPeers } from './peers';
import { circumstancesLine, workloadTitle, type Circumstances, type MeasuredWorkload } from './result';
import { startBenchServer, type BenchServer } from './server';
import { workloads, type Workload } from './workloads';

/** Part of each workload is enough, because it is decoded repeatedly. */
const SHARE = 0.1;
const ROUNDS = 7;

/** The contents of the JSON file. */
interface DecodeResult extends Circumstances {
  readonly workloads: readonly (MeasuredWorkload & ParserComparison)[];
}

/**
 * Measures decoding alone: records the server's output, and feeds it to each parser in a separate process, in turns.
 *
 * @returns whether the goals are reached
 */
export async function decodeBench({ scale, rounds = ROUNDS, only, folder }: BenchOptions): Promise<boolean> {
  installPeers();
  const recordings = mkdtempSync(join(tmpdir(), 'bench-decode-'));
  const server = await startBenchServer();
  try {
    const comparisons: (MeasuredWorkload & ParserComparison)[] = [];
    for (const workload of chosen(workloads(scale * SHARE), only)) {
      comparisons.push(await compareOn(server, workload, join(recordings, workload.name), rounds));
    }
    const result: DecodeResult = {
      ...circumstances(server, scale * SHARE, rounds),
      workloads: comparisons,
    };
    writeResult(join(folder, 'decode.json'), asJson(result));
    return report(result);
  } finally {
    await server.dispose();
    rmSync(recordings, { recursive: true });
  }
}

async function compareOn(
  server: BenchServer,
  workload: Workload,
  file: string,
  rounds: number,
): Promise<MeasuredWorkload & ParserComparison> {
  const { name, title, changes } = workload;
  console.log(`${name} is loaded, recorded and decoded`);
  await workload.load(server);
  writeFileSync(file, packed(await record(server, workload)));
  return { name, title, ...(await compareParsers(file, changes, rounds)) };
}

function report(result: DecodeResult): boolean {
  console.log(circumstancesLine(result));
  for (const workload of result.workloads) console.log(`\n${workloadTitle(workload)}\n\n${comparisonTable(workload)}`);
  for (const parser of new Set(result.workloads.flatMap(({ missing }) => missing))) {
    console.log(`\nNot measured: ${parser}, which is not installed: npm ci --prefix spec/bench`);
  }
  const verdicts = result.workloads.flatMap((workload) => comparisonVerdict(workload.name, workload) ?? []);
  console.log(`\nGoals\n\n${verdicts.map(({ text }) => text).join('\n')}\n`);
  return verdicts.every(({ reached }) => reached);
}
