import { resolveConfig } from '../../lib/config/resolve-config';
import { ConfigError } from '../../lib/common/errors';
import type { PgoutputRequest } from '../../lib/commands/pgoutput-options';
import { captureError } from '../support/capture-error';

const BASE = { connection: 'postgres://app:secret@h/shop', slot: 'orders', publications: ['p'] };

/** Bypasses the types, as a caller in JavaScript can. */
function resolve(options: Readonly<Record<string, unknown>>) {
  return resolveConfig({ ...BASE, ...options });
}

function requestOf(options: Readonly<Record<string, unknown>>): PgoutputRequest | undefined {
  return resolve(options).plan.pgoutput?.request;
}

function refusal(options: Readonly<Record<string, unknown>>): ConfigError {
  const error = captureError(() => resolve(options));
  if (!(error instanceof ConfigError)) throw error;
  return error;
}

describe('the options of pgoutput', () => {
  it('are empty by default', () => {
    expect(requestOf({})).toEqual({
      messages: false,
      binary: false,
      streaming: 'off',
      twoPhase: false,
      origin: undefined,
      protoVersion: undefined,
    });
  });

  it.each<Partial<PgoutputRequest>>([
    { messages: true },
    { binary: true },
    { streaming: 'off' },
    { streaming: 'on' },
    { streaming: 'parallel' },
    { twoPhase: true },
    { origin: 'none' },
    { origin: 'any' },
    { protoVersion: 1 },
    { protoVersion: 4 },
    { streaming: 'on', protoVersion: 2 },
    { streaming: 'on', protoVersion: 4 },
    { twoPhase: true, protoVersion: 3 },
    { streaming: 'on', twoPhase: true, protoVersion: 3 },
    { streaming: 'parallel', twoPhase: true, protoVersion: 4 },
    { streaming: 'parallel', twoPhase: true, binary: true, messages: true, origin: 'none' },
  ])('may be %j', (options) => {
    expect(requestOf(options)).toMatchObject(options);
  });

  it.each<[option: string, values: unknown[]]>([
    ['binary', [null, 'true', 1, {}]],
    ['streaming', [null, true, false, '', 'On', 'yes', 1, ['on']]],
    ['twoPhase', [null, 'true', 1, {}]],
    ['origin', [null, '', 'None', 'elsewhere', true, ['any']]],
    ['protoVersion', [null, '1', 0, 5, 1.5, NaN, Infinity, -1, true, [1], {}]],
  ])('reject %s with', (option, values) => {
    for (const value of values) {
      const error = refusal({ [option]: value });
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', option, retryable: false });
      expect(error.message.startsWith(`${option}: expected `)).toBe(true);
    }
  });

  it.each<[options: Record<string, unknown>, message: string]>([
    [{ streaming: true }, "streaming: expected 'off' or 'on' or 'parallel', got a boolean"],
    [{ origin: 'elsewhere' }, "origin: expected 'none' or 'any', got a string"],
    [{ twoPhase: 'yes' }, 'twoPhase: expected true or false, got a string'],
    [{ protoVersion: 5 }, 'protoVersion: expected one of 1, 2, 3, 4'],
    [{ protoVersion: 1, streaming: 'on' }, "protoVersion: streaming: 'on' needs 2 or more, got 1"],
    [{ protoVersion: 3, streaming: 'parallel' }, "protoVersion: streaming: 'parallel' needs 4 or more, got 3"],
    [{ protoVersion: 2, twoPhase: true }, 'protoVersion: twoPhase needs 3 or more, got 2'],
    [{ protoVersion: 2, twoPhase: true, streaming: 'on' }, 'protoVersion: twoPhase needs 3 or more, got 2'],
    [
      { protoVersion: 3, twoPhase: true, streaming: 'parallel' },
      "protoVersion: streaming: 'parallel' needs 4 or more, got 3",
    ],
  ])('%j is rejected with a reason', (options, message) => {
    expect(refusal(options).message).toContain(message);
  });

  it.each([
    ['binary', true],
    ['streaming', 'on'],
    ['twoPhase', true],
    ['origin', 'any'],
    ['protoVersion', 1],
  ])('are rejected for another plugin: %s', (option, value) => {
    const error = refusal({ plugin: 'wal2json', publications: undefined, [option]: value });
    expect(error).toMatchObject({ option });
    expect(error.message).toContain('applies to pgoutput only');
  });

  it("create a slot for two-phase commit only together with the stream's option", () => {
    const plan = resolve({ twoPhase: true, ensureSlot: { twoPhase: true } }).plan;
    expect(plan.ensureSlot).toMatchObject({ twoPhase: true });
    expect(resolve({ twoPhase: true, ensureSlot: true }).plan.ensureSlot).toMatchObject({ twoPhase: true });
    expect(resolve({ ensureSlot: { temporary: true } }).plan.ensureSlot).toMatchObject({ twoPhase: false });
    expect(refusal({ twoPhase: true, ensureSlot: { twoPhase: false } })).toMatchObject({
      option: 'ensureSlot.twoPhase',
      message: expect.stringMatching(/must equal the twoPhase of the stream, which is true/),
    });
    expect(refusal({ ensureSlot: { twoPhase: true } })).toMatchObject({ option: 'ensureSlot.twoPhase' });
    expect(refusal({ ensureSlot: { twoPhase: true }, twoPhase: false })).toMatchObject({
      option: 'ensureSlot.twoPhase',
    });
  });
});
