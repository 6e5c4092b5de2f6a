import { Figures, type Measure } from './figures';
import { circumstancesLine, workloadTitle, type ThroughputResult } from './result';

const WIDTH = 880;
const MARGIN = 20;
const ROW = 22;
const BAR = 14;
/** The height in px of the title and column heads of a workload, and the space below it. */
const HEAD = 58;
const FOOT = 14;

interface Panel {
  readonly measure: Measure;
  readonly title: string;
  /** The start of the bars and the length of the longest, in px. The value follows each bar. */
  readonly x: number;
  readonly length: number;
  readonly digits: number;
}

const PANELS: readonly Panel[] = [
  { measure: 'throughput', title: 'thousand changes a second: more is better', x: 240, length: 240, digits: 0 },
  {
    measure: 'clientTime',
    title: 'client processor time, µs a change: less is better',
    x: 560,
    length: 240,
    digits: 2,
  },
];

/** Titles of clients, unless the title is the client's name. */
const TITLES: Readonly<Partial<Record<string, string>>> = {
  ours: 'rxjs-pg-replication',
  'ours-unconfirmed': 'rxjs-pg-replication, unconfirmed',
  'ours-tap': 'rxjs-pg-replication, tap(ack)',
  'ours-ack-after': 'rxjs-pg-replication, ackAfter(async)',
  yardstick: 'only decoding',
  'pg-logical-replication-1s': 'pg-logical-replication, 1 ack/s',
  bare: 'socket alone',
  'bare-paced': 'socket alone, paced',
};

// A background of its own, because the color schemes of the system and of the page may differ.
const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 14px; }
  .small { font-size: 11px; fill: #59636e; }
  .ours { font-weight: 600; }
  .card { fill: #ffffff; stroke: #d1d9e0; }
  .bar { fill: #afb8c1; }
  .bar.ours { fill: #b7178c; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .card { fill: #0d1117; stroke: #3d444d; }
    .bar { fill: #545d68; }
    .bar.ours { fill: #e34db5; }
  }
`;

/** Draws throughput and the client's processor time as an SVG image with a row for each client. */
export function throughputChart(result: ThroughputResult): string {
  const parts: string[] = [];
  let y = MARGIN;
  for (const workload of result.workloads) {
    const figures = new Figures(result.samples, workload.name);
    parts.push(...workloadParts(figures, workloadTitle(workload), y));
    y += HEAD + figures.clients.length * ROW + FOOT;
  }
  const height = y + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '<title>Throughput and processor time of PostgreSQL logical replication clients</title>',
    `<style>${STYLE}</style>`,
    `<rect class="card" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>`,
    ...parts,
    text(MARGIN, height - MARGIN, circumstancesLine(result), 'small'),
    '</svg>\n',
  ].join('\n');
}

function workloadParts(figures: Figures, title: string, top: number): string[] {
  const clients = figures.clients.sort((a, b) => value(figures, b, 'throughput') - value(figures, a, 'throughput'));
  return [
    text(MARGIN, top + 16, title, 'title'),
    ...PANELS.map((panel) => text(panel.x, top + 42, panel.title, 'small')),
    ...clients.flatMap((client, row) => rowParts(figures, client, top + HEAD - 8 + row * ROW)),
  ];
}

function rowParts(figures: Figures, client: string, top: number): string[] {
  const mark = client.startsWith('ours') ? 'ours' : '';
  const bars = PANELS.flatMap(({ measure, x, length, digits }) => {
    const longest = Math.max(...figures.clients.map((each) => value(figures, each, measure)));
    const width = Math.max((value(figures, client, measure) / longest) * length, 1);
    return [
      `<rect class="bar ${mark}" x="${x}" y="${top}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>`,
      text(x + width + 6, top + 12, value(figures, client, measure).toFixed(digits), mark),
    ];
  });
  return [text(MARGIN, top + 12, TITLES[client] ?? client, mark), ...bars];
}

/** The figures of each client that has a sample. */
function value(figures: Figures, client: string, measure: Measure): number {
  return figures.median(client, measure) ?? 0;
}

function text(x: number, y: number, content: string, style: string): string {
  return `<text class="${style}" x="${x.toFixed(1)}" y="${y.toFixed(1)}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
