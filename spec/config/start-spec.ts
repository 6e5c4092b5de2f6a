import { concat, EMPTY, NEVER, Observable, of, throwError } from 'rxjs';
import type { StartRequest } from '../../lib/commands/open-stream';
import { ConfigError } from '../../lib/common/errors';
import type { Checkpoint, StartPosition } from '../../lib/ledger/checkpoint';
import { BASE, getMessage, resolve } from './support/resolve-config';

/** The start position: the given one, or the result of the function. */
function startOf(start: StartRequest): Promise<StartPosition | undefined> {
  if ('position' in start) return Promise.resolve(start.position);
  return new Promise((found, failed) => {
    start.callback.call((answer) => {
      if (answer.kind === 'startPosition') found(answer.position);
      else failed(new Error(`Answered with ${answer.kind}`));
    }, failed);
  });
}

describe('startLsn as an LSN', () => {
  it.each([
    ['0/16B6C50', { lsn: 0x16b6c50n, source: undefined }],
    [7n, { lsn: 7n, source: undefined }],
    [0n, undefined],
  ])('starts at %p', async (startLsn, position) => {
    expect(await startOf(resolve({ ...BASE, startLsn }).start)).toEqual(position);
  });
});

describe('startLsn as a function', () => {
  const CHECKPOINT: Checkpoint = {
    systemId: '7300000000000000001',
    timeline: 3,
    slot: 'orders',
    endLsn: '16/B374D848',
  };

  /** The result of one subscription, or its error. */
  function answerOf(startLsn: unknown): Promise<StartPosition | undefined> {
    return startOf(resolve({ ...BASE, startLsn }).start);
  }

  it('makes the consumer own the position, and is not called yet', () => {
    const settings = resolve({ ...BASE, startLsn: () => throwError(() => 'asked'), statusInterval: 7000 });
    expect(settings.plan.positionOwner).toBe('consumer');
    expect(settings.session.progressInterval).toBe(7000);
    const fixed = resolve({ ...BASE, startLsn: '0/100' });
    expect([fixed.plan.positionOwner, fixed.session.progressInterval]).toEqual(['slot', undefined]);
  });

  it.each<[what: string, given: unknown]>([
    ['an LSN', 0x16b374d848n],
    ['an LSN as text', '16/b374d848'],
    ['a checkpoint', CHECKPOINT],
    ['a checkpoint parsed from JSON', JSON.parse(JSON.stringify(CHECKPOINT))],
    ['a checkpoint with other members', { ...CHECKPOINT, id: 7 }],
  ])('accepts %s', async (_, given) => {
    const source =
      typeof given === 'object' ? { systemId: CHECKPOINT.systemId, timeline: 3, slot: 'orders' } : undefined;
    expect(await answerOf(() => of(given))).toEqual({ lsn: 0x16b374d848n, source });
  });

  it.each([
    [true, { standby: true }],
    [false, {}],
    [null, {}],
    [undefined, {}],
  ])('accepts a checkpoint whose `standby` is %p', async (standby, expected) => {
    const start = await answerOf(() => of({ ...CHECKPOINT, standby }));
    expect(start?.source).toStrictEqual({ systemId: CHECKPOINT.systemId, timeline: 3, slot: 'orders', ...expected });
  });

  it.each<[what: string, startLsn: () => unknown]>([
    ['an Observable', () => of(7n)],
    ['a Promise', () => Promise.resolve(7n)],
    ['an iterable', () => [7n]],
    ['a position itself', () => 7n],
    ['a text', () => '0/7'],
    ['a stream that does not complete', () => concat(of(7n, 8n), NEVER)],
  ])('uses the first value of %s', async (_, startLsn) => {
    expect(await answerOf(startLsn)).toEqual({ lsn: 7n, source: undefined });
  });

  it.each<[what: string, startLsn: () => unknown]>([
    ['null', () => of(null)],
    ['undefined', () => Promise.resolve(undefined)],
    ['undefined itself', () => undefined],
    ['nothing', () => EMPTY],
    ['0, which means no position', () => [0n]],
    ['0/0', () => ['0/0']],
  ])('leaves the start to the slot for %s', async (_, startLsn) => {
    expect(await answerOf(startLsn)).toBeUndefined();
  });

  it('is called again each time', async () => {
    let stored = 0n;
    const { start } = resolve({ ...BASE, startLsn: () => of(++stored) });
    expect([await startOf(start), await startOf(start)]).toMatchObject([{ lsn: 1n }, { lsn: 2n }]);
  });

  it.each<[what: string, startLsn: () => unknown]>([
    [
      'throws',
      () => {
        throw new RangeError('the store is gone');
      },
    ],
    ['is rejected', () => Promise.reject(new RangeError('the store is gone'))],
    ['fails', () => throwError(() => new RangeError('the store is gone'))],
  ])('fails with the error of a store that %s', async (_, startLsn) => {
    await expect(answerOf(startLsn)).rejects.toThrow(new RangeError('the store is gone'));
  });

  it.each<[option: string, given: unknown]>([
    ['startLsn', '0/G'],
    ['startLsn', ''],
    ['startLsn', JSON.stringify(CHECKPOINT)],
    ['startLsn', 7],
    ['startLsn', true],
    ['startLsn', -1n],
    ['startLsn', 1n << 64n],
    ['startLsn', {}],
    ['startLsn', []],
    ['startLsn', new Date(0)],
    ['startLsn', { endLsn: '0/100' }],
    ['startLsn.systemId', { ...CHECKPOINT, systemId: 7.3e18 }],
    ['startLsn.slot', { ...CHECKPOINT, slot: undefined }],
    ...['3', null, NaN, 0, -1, 1.5].map((timeline): [string, unknown] => [
      'startLsn.timeline',
      { ...CHECKPOINT, timeline },
    ]),
    ['startLsn.standby', { ...CHECKPOINT, standby: 'true' }],
    ...[undefined, null, '', '0/G', 7].map((endLsn): [string, unknown] => [
      'startLsn.endLsn',
      { ...CHECKPOINT, endLsn },
    ]),
  ])('names %s if the store returns %p', async (option, given) => {
    const ways: (() => unknown)[] = [() => of(given), () => Promise.resolve(given), () => [given]];
    // An empty list has no value, like an Observable that completes.
    if (!Array.isArray(given)) ways.push(() => given);
    for (const startLsn of ways) {
      const error: unknown = await answerOf(startLsn).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', option, retryable: false });
    }
  });

  it.each<[what: string, startLsn: () => unknown, words: string]>([
    ['the row of a query', () => ({ end_lsn: '0/1' }), 'got an object with end_lsn; if it is a row of a query result'],
    ['a list of rows', () => [{ end_lsn: '0/1' }], 'got an object with end_lsn; if it is a row of a query result'],
    ['a promise of rows', () => Promise.resolve([{ end_lsn: '0/1' }]), 'got an array; return its element'],
    ['a promise of no rows', () => Promise.resolve([]), 'got an array; return its element'],
    ['an object without a prototype', () => Object.create(null) as unknown, 'got an empty object'],
    ['bytes', () => Buffer.from('0/1'), 'expected an LSN or a stored checkpoint'],
    [
      'a function',
      () => () => '0/1',
      "invalid LSN: a value of type function. Give a bigint or text, for example '0/16B6C50'.",
    ],
    ['a number', () => 7, "invalid LSN: a value of type number. Give a bigint or text, for example '0/16B6C50'."],
    ['text that is not an LSN', () => 'latest', 'invalid LSN: "latest". Give a bigint or text'],
  ])('describes the value, and what is expected: %s', async (_, startLsn, words) => {
    const error: unknown = await answerOf(startLsn).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', option: 'startLsn' });
    expect(error).toHaveProperty('message', expect.stringContaining(`startLsn: `));
    expect(error).toHaveProperty('message', expect.stringContaining(words));
  });

  it('has a specific error if no value arrives, and unsubscribes', () => {
    let released = 0;
    const { start } = resolve({ ...BASE, startLsn: () => new Observable(() => () => released++) });
    if ('position' in start) throw new Error('There is nobody to ask');
    const heard = jest.fn();
    const cancel = start.callback.call(heard, heard);
    expect(start.callback.createTimeoutError(2000)).toMatchObject({
      code: 'CHECKPOINT_UNAVAILABLE',
      retryable: true,
      message: expect.stringContaining('did not return a position within 2000 ms'),
    });
    expect(released).toBe(0);
    cancel();
    expect([released, heard.mock.calls]).toEqual([1, []]);
  });

  it.each([
    ['JSON text', JSON.stringify(CHECKPOINT), /got JSON text; parse it/],
    ['a row around it', { checkpoint: CHECKPOINT }, /got an object with checkpoint/],
    [
      'a timeline as text',
      { ...CHECKPOINT, timeline: '3' },
      /timeline: expected an integer of at least 1, got a string/,
    ],
  ])('describes the value: %s', async (_, given, message) => {
    await expect(answerOf(() => of(given))).rejects.toThrow(message);
  });

  it('is required for a checkpoint', () => {
    expect(getMessage({ ...BASE, startLsn: CHECKPOINT })).toContain(
      'startLsn: expected a function that returns the stored position',
    );
  });
});
