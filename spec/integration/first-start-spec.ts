import { connect, createServer, type Socket } from 'node:net';
import { ERRORS } from '../../lib/common/error-codes';
import { logicalReplication, type ReplicationError } from '../../lib/index';
import { waitForFailure } from './support/life';
import { TestBed } from './support/bed';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make(
    'first_start',
    `CREATE TABLE keyless (id int); CREATE PUBLICATION keyless FOR TABLE keyless;
     CREATE TABLE fine (id int PRIMARY KEY); CREATE PUBLICATION fine FOR TABLE fine`,
  );
});

afterAll(() => bed.drop());

const codesOf = ({ findings }: ReplicationError) => findings.map(({ code }) => code);

describe('a first start that fails', () => {
  it('lists the other findings of preflight, in the message, as a property and in JSON', async () => {
    const error = await waitForFailure(bed.stream('not_there', { publications: ['fine', 'keyless'] }));
    expect(error).toMatchObject({ code: 'SLOT_MISSING', retryable: false });
    expect(error.findings).toMatchObject([{ code: 'REPLICA_IDENTITY_MISSING', severity: 'error' }]);
    const [{ message, remedy }] = error.findings as [(typeof error.findings)[0]];
    expect(message).toContain('"keyless"');
    expect(remedy).toContain('REPLICA IDENTITY');
    expect(error.message).toBe(
      `Replication slot "not_there" does not exist. preflight also found: ${message} ${error.remedy}`,
    );
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code: 'SLOT_MISSING', findings: error.findings });
  });

  it.each<[string, () => Promise<string>, string]>([
    ['a missing publication', () => Promise.resolve('not_there'), 'PUBLICATION_MISSING'],
    ['a slot of another plugin', () => bed.slot('test_decoding'), 'SLOT_INCOMPATIBLE'],
  ])('lists the other findings beside %s, without repeating it', async (_, slot, code) => {
    const publications = ['keyless', 'missing'];
    const error = await waitForFailure(bed.stream(await slot(), { publications }));
    expect(error.code).toBe(code);
    const others = ['SLOT_MISSING', 'PUBLICATION_MISSING', 'REPLICA_IDENTITY_MISSING'];
    const first = code === 'SLOT_INCOMPATIBLE' ? others.slice(1) : others.filter((other) => other !== code);
    expect(codesOf(error)).toEqual(first);
  });

  it('is the plain error if the server rejects START_REPLICATION', async () => {
    const slot = await bed.slot('test_decoding');
    const config = { connection: bed.database.url, slot, plugin: 'test_decoding', pluginOptions: { nonsense: '1' } };
    expect(await waitForFailure(logicalReplication(config))).toMatchObject({ sqlState: '22023', findings: [] });
  });

  it('is the plain error if there are no other findings', async () => {
    const error = await waitForFailure(bed.stream('not_there', { publications: ['fine'] }));
    expect(error.findings).toEqual([]);
    expect(error.message).toBe(`Replication slot "not_there" does not exist. ${error.remedy}`);
    expect(error.toJSON()).not.toHaveProperty('findings');
  });

  it('applies error rules to the findings, and keeps the findings when a rule applies', async () => {
    const errors = [
      { when: { code: 'SLOT_MISSING' as const }, treatAs: { remedy: 'Ask Ann.' } },
      { when: { code: 'PUBLICATION_MISSING' as const }, treatAs: { remedy: 'Ask Bob.' } },
    ];
    const error = await waitForFailure(bed.stream('not_there', { publications: ['missing'], errors }));
    // The publication is checked before the slot.
    expect(error).toMatchObject({ code: 'PUBLICATION_MISSING', remedy: 'Ask Bob.' });
    expect(error.findings).toMatchObject([{ code: 'SLOT_MISSING', remedy: 'Ask Ann.' }]);
    expect(error.message).toMatch(/preflight also found: Replication slot "not_there" does not exist\. Ask Bob\.$/);
  });

  it('lists findings once: later subscriptions of the observable have the plain error', async () => {
    const stream = bed.stream('not_there', { publications: ['keyless'] });
    expect(codesOf(await waitForFailure(stream))).toEqual(['REPLICA_IDENTITY_MISSING']);
    expect(codesOf(await waitForFailure(stream))).toEqual([]);
  });

  it('lists nothing if the error is retryable', async () => {
    const errors = [{ when: { code: 'SLOT_MISSING' as const }, treatAs: { retryable: true } }];
    const error = await waitForFailure(bed.stream('not_there', { publications: ['keyless'], errors }));
    expect(error).toMatchObject({ code: 'SLOT_MISSING', retryable: true, findings: [] });
  });
});

describe('a first start that fails when preflight gets no response', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['sends nothing', () => undefined],
    ['closes the connection', (socket) => socket.destroy()],
    ['sends an invalid message', (socket) => socket.write('nonsense that is no message')],
  ])('is the plain error: the server %s', async (_, misbehave) => {
    const { hostname, port } = new URL(bed.database.url);
    const sockets = new Set<Socket>();
    const proxy = createServer((client) => {
      const upstream = connect(Number(port), hostname);
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
      }
      let isOver = false;
      client.on('data', (chunk) => {
        // Only preflight sends this query.
        isOver ||= chunk.includes('EXCEPT SELECT pubname');
        if (isOver) misbehave(client);
        else upstream.write(chunk);
      });
      upstream.on('data', (chunk) => client.write(chunk));
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      const url = new URL(bed.database.url);
      url.hostname = '127.0.0.1';
      url.port = String((proxy.address() as { port: number }).port);
      const error = await waitForFailure(
        bed.stream('not_there', { connection: url.href, connectTimeout: 1500, publications: ['keyless'] }),
      );
      expect(error).toMatchObject({ code: 'SLOT_MISSING', retryable: false, findings: [] });
      expect(error.message).toBe(`Replication slot "not_there" does not exist. ${ERRORS.SLOT_MISSING.remedy}`);
    } finally {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    }
  });
});
