import { join } from 'node:path';
import { formatTable } from '../support/text-table';
import { throughputChart } from './chart';
import { asJson, writeResult } from './files';
import { Figures, type Measure } from './figures';
import { GOALS, type Goal } from './goals';
import { circumstancesLine, workloadTitle, type ThroughputResult } from './result';
import { pairwiseRatios, spread, spreadText } from './statistics';
import { judge, type Verdict } from './verdicts';

/** This library without operators, which the other clients are compared with. */
const OURS = 'ours';

const COLUMNS: readonly (readonly [title: string, measure: Measure, digits: number])[] = [
  ['wall s', 'wallSeconds', 2],
  ['1000 changes/s', 'throughput', 0],
  ['client µs/change', 'clientTime', 2],
  ['server µs/change', 'serverTime', 2],
  ['walsender busy', 'walsenderBusy', 2],
  ['peak RSS MB', 'peakRss', 0],
];

const MEASURES: Readonly<Partial<Record<Measure, string>>> = {
  throughput: 'throughput',
  clientTime: 'client time per change',
  walsenderBusy: 'walsender busy',
  peakRss: 'peak RSS, MB',
};

/**
 * Prints the measurements and writes them to throughput.json and throughput.svg in `folder`.
 *
 * @returns whether all goals are reached
 */
export function throughputReport(result: ThroughputResult, folder: string): boolean {
  const workloads = result.workloads.map((workload) => ({
    workload,
    figures: new Figures(result.samples, workload.name),
  }));
  const verdicts = judge(
    GOALS,
    workloads.map(({ figures }) => figures),
  );
  console.log(circumstancesLine(result));
  for (const { workload, figures } of workloads) {
    console.log(`\n${workloadTitle(workload)}\n\n${medians(figures)}`);
    if (figures.has(OURS)) console.log(`\n${comparison(figures)}`);
  }
  if (result.missing.length > 0) console.log(`\nNot measured:\n${result.missing.map((it) => `- ${it}`).join('\n')}`);
  console.log(`\nGoals\n\n${verdictTable(verdicts)}\n`);
  const missed = verdicts.filter(({ reached }) => !reached).length;
  const size = result.scale === 1 ? '' : '; they are meant for full size';
  console.log(`${missed} of ${verdicts.length} goals are not reached${size}.`);
  writeResult(join(folder, 'throughput.json'), asJson(result));
  writeResult(join(folder, 'throughput.svg'), throughputChart(result));
  return verdicts.every(({ reached }) => reached);
}

function medians(figures: Figures): string {
  return formatTable(
    ['client', ...COLUMNS.map(([title]) => title)],
    figures.clients.map((client) => [
      client,
      ...COLUMNS.map(([, measure, digits]) => figures.median(client, measure)?.toFixed(digits) ?? '–'),
    ]),
  );
}

/** The ratio of this library to each other client, pair by pair. */
function comparison(figures: Figures): string {
  const ratio = (client: string, measure: Measure): string => {
    const ours = figures.values(OURS, measure);
    const theirs = figures.values(client, measure);
    return ours && theirs ? spreadText(spread(pairwiseRatios(ours, theirs))) : '–';
  };
  return formatTable(
    [`${OURS} ÷ client, round by round`, 'throughput (least – most)', 'client time per change'],
    figures.clients
      .filter((client) => client !== OURS)
      .map((client) => [client, ratio(client, 'throughput'), ratio(client, 'clientTime')]),
  );
}

function verdictTable(verdicts: readonly Verdict[]): string {
  return formatTable(
    ['goal', 'workload', 'wanted', 'measured (least – most)', ''],
    verdicts.map(({ goal, workload, limit, rival, measured, reached }) => {
      const digits = limit < 10 ? 2 : 0;
      const against = goal.against === rival ? '' : ` (${rival ?? 'none measured'})`;
      return [
        `${goalTitle(goal)}${against}`,
        workload,
        `${goal.bound === 'at least' ? '≥' : '≤'} ${limit.toFixed(digits)}`,
        measured ? spreadText(measured, digits) : 'not measured',
        measured ? (reached ? 'reached' : 'MISSED') : 'OPEN',
      ];
    }),
  );
}

function goalTitle({ client, measure, against }: Goal): string {
  return `${client}: ${MEASURES[measure] ?? measure}${against === undefined ? '' : ` ÷ ${against}`}`;
}
