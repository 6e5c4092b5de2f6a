import { buildPgoutputOptions, chooseProtoVersion, type PgoutputRequest } from '../../lib/commands/pgoutput-options';
import { captureError } from '../support/capture-error';

const NOTHING: PgoutputRequest = {
  protoVersion: undefined,
  messages: false,
  binary: false,
  streaming: 'off',
  twoPhase: false,
  origin: undefined,
};

function optionsOf(request: Partial<PgoutputRequest>, version: number): Record<string, string> {
  const { publication_names: _, ...options } = buildPgoutputOptions({ ...NOTHING, ...request }, ['p'], version);
  return options;
}

/** The first version of each supported server; for 14 to 18 a minor release. */
const VERSIONS = [100_000, 130_020, 140_023, 150_018, 160_014, 170_010, 180_004, 190_000];

describe('the options of START_REPLICATION', () => {
  it('are minimal by default', () => {
    for (const version of VERSIONS) expect(optionsOf({}, version)).toEqual({ proto_version: '1' });
  });

  it('name the publications, quoted', () => {
    expect(buildPgoutputOptions(NOTHING, ['My,Pub', 'quo"te'], 180_004)).toEqual({
      proto_version: '1',
      publication_names: '"My,Pub","quo""te"',
    });
  });

  it.each<[request: Partial<PgoutputRequest>, since: number, options: Record<string, string>]>([
    [{ messages: true }, 140_000, { proto_version: '1', messages: 'true' }],
    [{ binary: true }, 140_000, { proto_version: '1', binary: 'true' }],
    [{ streaming: 'on' }, 140_000, { proto_version: '2', streaming: 'on' }],
    [{ streaming: 'parallel' }, 160_000, { proto_version: '4', streaming: 'parallel' }],
    [{ twoPhase: true }, 150_000, { proto_version: '3', two_phase: 'true' }],
    [{ twoPhase: true, streaming: 'on' }, 150_000, { proto_version: '3', two_phase: 'true', streaming: 'on' }],
    [
      { twoPhase: true, streaming: 'parallel' },
      160_000,
      { proto_version: '4', two_phase: 'true', streaming: 'parallel' },
    ],
    [{ origin: 'none' }, 160_000, { proto_version: '1', origin: 'none' }],
    [{ protoVersion: 2 }, 140_000, { proto_version: '2' }],
    [{ protoVersion: 3 }, 150_000, { proto_version: '3' }],
    [{ protoVersion: 4 }, 160_000, { proto_version: '4' }],
    [{ protoVersion: 4, streaming: 'on' }, 160_000, { proto_version: '4', streaming: 'on' }],
  ])('with %j are supported from server %i on', (request, since, options) => {
    for (const version of VERSIONS) {
      if (version >= since) expect(optionsOf(request, version)).toEqual(options);
      else
        expect(captureError(() => optionsOf(request, version))).toMatchObject({
          code: 'UNSUPPORTED',
          retryable: false,
        });
    }
    expect(optionsOf(request, since)).toEqual(options);
    expect(() => optionsOf(request, since - 1)).toThrow();
  });

  it('do not include what every server does by default', () => {
    for (const version of VERSIONS) expect(optionsOf({ origin: 'any' }, version)).toEqual({ proto_version: '1' });
  });

  it.each<[request: Partial<PgoutputRequest>, version: number, message: string]>([
    [{ streaming: 'parallel' }, 150_018, "streaming: 'parallel' needs PostgreSQL 16; this server is 15.18"],
    [{ streaming: 'on' }, 130_020, "streaming: 'on' needs PostgreSQL 14; this server is 13.20"],
    [{ twoPhase: true }, 140_023, 'twoPhase: true needs PostgreSQL 15; this server is 14.23'],
    [{ origin: 'none' }, 150_018, "origin: 'none' needs PostgreSQL 16; this server is 15.18"],
    [{ protoVersion: 4 }, 150_018, 'protoVersion: 4 needs PostgreSQL 16; this server is 15.18'],
    [{ messages: true }, 130_020, 'messages: true needs PostgreSQL 14; this server is 13.20'],
    [{ binary: true }, 130_020, 'binary: true needs PostgreSQL 14; this server is 13.20'],
  ])('report what %j requires on %i', (request, version, message) => {
    expect(captureError(() => optionsOf(request, version)).message).toContain(message);
  });

  it('request the lowest protocol version that supports them', () => {
    const asked = [
      ['off', false, 1],
      ['on', false, 2],
      ['off', true, 3],
      ['on', true, 3],
      ['parallel', false, 4],
      ['parallel', true, 4],
    ] as const;
    expect(asked.map(([streaming, twoPhase]) => chooseProtoVersion({ streaming, twoPhase }))).toEqual(
      asked.map(([, , version]) => version),
    );
  });
});
