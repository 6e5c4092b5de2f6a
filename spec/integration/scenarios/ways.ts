/** A way to request the same stream. */
export interface Way {
  readonly protoVersion: number;
  readonly streaming: 'off' | 'on' | 'parallel';
  readonly binary: boolean;
  /** Whether the server streams each change, instead of only large transactions. */
  readonly atOnce: boolean;
}

export const BASELINE: Way = { protoVersion: 1, streaming: 'off', binary: false, atOnce: false };

export function nameOf({ protoVersion, streaming, binary, atOnce }: Way): string {
  const pace = atOnce ? ' at once' : '';
  return `version ${protoVersion}, streaming ${streaming}${pace}, ${binary ? 'binary' : 'text'}`;
}

/** Every combination that a server supports. */
export function everyWay(server: number): Way[] {
  const newest = { 14: 2, 15: 3 }[server] ?? 4;
  const protoVersions = [1, 2, 3, 4].filter((version) => version <= newest);
  const streamings = (['off', 'on', 'parallel'] as const).map((streaming, i) => ({ streaming, needs: [1, 2, 4][i]! }));
  const ways: Way[] = [];
  for (const protoVersion of protoVersions) {
    for (const { streaming, needs } of streamings) {
      if (protoVersion < needs) continue;
      for (const binary of [false, true]) {
        ways.push({ protoVersion, streaming, binary, atOnce: false });
        if (streaming !== 'off' && server >= 16) ways.push({ protoVersion, streaming, binary, atOnce: true });
      }
    }
  }
  return ways;
}

/**
 * The ways in which an ordinary run reads the scenario with this number, in addition to the baseline: one whole and one
 * streamed, in turn. Each streamed way is used if there are at least as many scenarios.
 */
export function waysInTurn(server: number, index: number): Way[] {
  const others = everyWay(server).filter((way) => nameOf(way) !== nameOf(BASELINE));
  const whole = others.filter(({ streaming }) => streaming === 'off');
  const streamed = others.filter(({ streaming }) => streaming !== 'off');
  return [whole, streamed].flatMap((ways) => ways[index % ways.length] ?? []);
}

/** Whether each scenario is read in every way: `TEST_EVERY_WAY`, which `npm run test:matrix` sets. */
export function isThorough(): boolean {
  return Boolean(process.env['TEST_EVERY_WAY']);
}
