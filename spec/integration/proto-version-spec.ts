import type { Observable } from 'rxjs';
import {
  logicalReplication,
  ReplicationError,
  transactions,
  type AnyReplicationMessage,
  type PgoutputConfig,
} from '../../lib/index';
import { acknowledging, fetchBackends, waitForFailure, marked, NUMBERS } from './support/life';
import { TestBed, Recorder } from './support/bed';

/** The first server that supports each protocol version. */
const SINCE = [
  [1, 10],
  [2, 14],
  [3, 15],
  [4, 16],
] as const;

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('proto', NUMBERS);
});

afterAll(() => bed.drop());

/** The options that a working stream requested; or the error. */
async function startOf(slot: string, more: object): Promise<string> {
  const { name, connection } = marked(bed.database.url);
  const config = { ...bed.config(slot), connection, ...more } as PgoutputConfig;
  const stream: Observable<AnyReplicationMessage> = logicalReplication(config);
  const recorder = new Recorder(stream.pipe(transactions(), acknowledging()));
  await bed.sql('INSERT INTO numbers SELECT count(*) FROM numbers');
  try {
    await recorder.take(1);
    expect(recorder.values[0]).toMatchObject({ size: 1, kind: 'transaction' });
    const [backend] = await fetchBackends(bed.server, name);
    return /proto_version '\d'/.exec(backend?.query ?? '')?.[0] ?? 'no version';
  } finally {
    recorder.unsubscribe();
    await bed.released(slot);
  }
}

it.each(SINCE)(
  'protoVersion %i is requested from PostgreSQL %i on, and rejected before',
  async (protoVersion, since) => {
    const slot = await bed.slot();
    if (bed.server.version >= since) {
      expect(await startOf(slot, { protoVersion })).toBe(`proto_version '${protoVersion}'`);
      return;
    }
    const error = await waitForFailure(bed.stream(slot, { protoVersion }));
    expect(error).toMatchObject({ code: 'UNSUPPORTED', retryable: false });
    expect(error.message).toContain(
      `protoVersion: ${protoVersion} needs PostgreSQL ${since}; this server is ${bed.server.version}.`,
    );
  },
);

it.each([
  [1, 10, {}],
  [1, 14, { messages: true, binary: true }],
  [2, 14, { streaming: 'on' }],
  [3, 15, { twoPhase: true }],
  [3, 15, { twoPhase: true, streaming: 'on' }],
  [4, 16, { streaming: 'parallel' }],
  [4, 16, { twoPhase: true, streaming: 'parallel' }],
  [4, 14, { streaming: 'on', protoVersion: 4 }],
])('version %i is requested, from PostgreSQL %i on, for %j', async (protoVersion, since, more) => {
  const slot = await bed.slot();
  const needed = Math.max(since, SINCE[protoVersion - 1]![1]);
  const outcome = await startOf(slot, more).catch((error: unknown) =>
    error instanceof ReplicationError ? error.code : error,
  );
  expect(outcome).toBe(bed.server.version >= needed ? `proto_version '${protoVersion}'` : 'UNSUPPORTED');
});

it('a version that does not support the requested options is rejected when the factory is called', () => {
  const config = bed.config('none');
  expect(() => logicalReplication({ ...config, streaming: 'on', protoVersion: 1 })).toThrow(
    /'on' needs 2 or more, got 1/,
  );
  expect(() => logicalReplication({ ...config, twoPhase: true, protoVersion: 2 })).toThrow(/twoPhase needs 3 or more/);
  const parallel = { ...config, streaming: 'parallel' } as const;
  expect(() => logicalReplication({ ...parallel, protoVersion: 3 })).toThrow(/'parallel' needs 4 or more, got 3/);
  expect(() => logicalReplication({ ...config, protoVersion: 5 })).toThrow(/expected one of 1, 2, 3, 4\./);
});
