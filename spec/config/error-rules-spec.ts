import { resolveConfig } from '../../lib/config/resolve-config';
import type { PgoutputConfig } from '../../lib/config/stream-config';
import { classify, type ErrorRule } from '../../lib/config/error-rules';
import { ERRORS } from '../../lib/common/error-codes';
import {
  ConfigError,
  ConnectionError,
  ReplicationError,
  ServerError,
  type ServerFields,
} from '../../lib/common/errors';
import { captureError } from '../support/capture-error';

const BASE = { connection: 'postgres://app:secret@h/shop', slot: 'orders', publications: ['p'] };

const FIELDS: ServerFields = { severity: 'FATAL', sqlState: '08P01', message: 'the pooler is draining' };
const DRAINING = new ServerError('SERVER_ERROR', FIELDS);
const RESET = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
const LOST = new ConnectionError('CONNECTION_LOST', 'It ended', { cause: RESET });

/** Whether a rule with these conditions matches. */
function applies(when: ErrorRule['when'], error: Error = DRAINING): boolean {
  return classify([{ when, treatAs: { remedy: 'Seen.' } }], error) !== error;
}

describe('the conditions of a rule', () => {
  it.each<[when: ErrorRule['when'], error: Error, applies: boolean]>([
    [{ sqlState: '08P01' }, DRAINING, true],
    [{ sqlState: '08' }, DRAINING, true],
    [{ sqlState: '08006' }, DRAINING, false],
    [{ sqlState: 'P0' }, DRAINING, false],
    [{ sqlState: '08' }, LOST, false],
    [{ causeCode: 'ECONNRESET' }, LOST, true],
    [{ causeCode: 'EPIPE' }, LOST, false],
    [{ causeCode: 'ECONNRESET' }, DRAINING, false],
    [{ causeCode: 'ECONNRESET' }, new ConnectionError('CONNECTION_LOST', 'It ended', { cause: 'ECONNRESET' }), false],
    [{ message: /draining/ }, DRAINING, true],
    [{ message: /^the pooler/ }, DRAINING, true],
    [{ message: /SQLSTATE/ }, DRAINING, false],
    [{ message: /ended\./ }, LOST, true],
    [{ message: /draining/ }, LOST, false],
    [{ code: 'CONNECTION_LOST' }, LOST, true],
    [{ code: 'CONNECTION_LOST' }, DRAINING, false],
    [{ sqlState: '08', message: /draining/, code: 'SERVER_ERROR' }, DRAINING, true],
    [{ sqlState: '08', message: /other/ }, DRAINING, false],
    [{ sqlState: '57', message: /draining/ }, DRAINING, false],
  ])('%p on %p: %p', (when, error, expected) => {
    expect(applies(when, error)).toBe(expected);
  });

  it('do not match errors of other origins', () => {
    expect(applies({ message: /draining/ }, new Error('draining'))).toBe(false);
  });
});

describe('the effect of a rule', () => {
  it('is a code, with its properties', () => {
    const seen = classify([{ when: { sqlState: '08P01' }, treatAs: { code: 'SERVER_SHUTDOWN' } }], DRAINING);
    const { retryable, remedy } = ERRORS.SERVER_SHUTDOWN;
    expect(seen).toBeInstanceOf(ServerError);
    expect(seen).toMatchObject({ code: 'SERVER_SHUTDOWN', retryable, remedy, server: FIELDS });
    expect(seen.message).toBe(`The server says: the pooler is draining (SQLSTATE 08P01). ${remedy}`);
  });

  it('is `retryable` or the remedy, and nothing else', () => {
    const retried = classify([{ when: { sqlState: '08' }, treatAs: { retryable: true } }], DRAINING);
    expect(retried).toMatchObject({ code: 'SERVER_ERROR', retryable: true, remedy: DRAINING.remedy });
    const helped = classify([{ when: { causeCode: 'ECONNRESET' }, treatAs: { remedy: 'Call Ann.' } }], LOST);
    expect(helped).toMatchObject({ code: 'CONNECTION_LOST', retryable: true, remedy: 'Call Ann.', cause: RESET });
    expect(helped.message).toBe('It ended. Call Ann.');
  });

  it("keeps the error's class and option", () => {
    const seen = classify(
      [{ when: { code: 'CONFIG_INVALID' }, treatAs: { retryable: true } }],
      new ConfigError('startLsn', 'no LSN'),
    );
    expect(seen).toBeInstanceOf(ConfigError);
    expect(seen).toMatchObject({ option: 'startLsn', retryable: true, code: 'CONFIG_INVALID' });
  });

  it('may include a code and other properties', () => {
    const treatAs = { code: 'SERVER_SHUTDOWN', retryable: false, remedy: 'Wait.' } as const;
    expect(classify([{ when: { sqlState: '08' }, treatAs }], DRAINING)).toMatchObject(treatAs);
  });

  it('keeps what an error specifies itself, unless the code changes', () => {
    const special = new ReplicationError('SERVER_ERROR', 'It failed', { retryable: true, remedy: 'Wait for it.' });
    const kept = classify([{ when: { code: 'SERVER_ERROR' }, treatAs: { retryable: false } }], special);
    expect(kept).toMatchObject({ retryable: false, remedy: 'Wait for it.' });
    expect(classify([{ when: { code: 'SERVER_ERROR' }, treatAs: {} }], special)).toMatchObject({
      retryable: true,
      remedy: 'Wait for it.',
    });
    const recoded = classify([{ when: { code: 'SERVER_ERROR' }, treatAs: { code: 'SERVER_ERROR' } }], special);
    expect(recoded).toMatchObject(ERRORS.SERVER_ERROR);
  });

  it('is that of the first rule that matches', () => {
    const rules: ErrorRule[] = [
      { when: { sqlState: '57' }, treatAs: { remedy: 'one' } },
      { when: { message: /pooler/ }, treatAs: { remedy: 'two' } },
      { when: { sqlState: '08' }, treatAs: { remedy: 'three', retryable: true } },
    ];
    expect(classify(rules, DRAINING)).toMatchObject({ remedy: 'two', retryable: false });
  });

  it('is none if no rule matches: the error is the same object', () => {
    expect(classify([], DRAINING)).toBe(DRAINING);
    expect(classify([{ when: { sqlState: '57' }, treatAs: { retryable: true } }], DRAINING)).toBe(DRAINING);
  });
});

describe('the option errors', () => {
  function resolve(errors: unknown) {
    return resolveConfig({ ...BASE, errors } as PgoutputConfig);
  }

  it('is part of the settings', () => {
    const { classify: classified } = resolve([{ when: { sqlState: '08P01' }, treatAs: { code: 'SERVER_SHUTDOWN' } }]);
    expect(classified(DRAINING)).toMatchObject({ code: 'SERVER_SHUTDOWN', retryable: true });
    expect(classified(LOST)).toBe(LOST);
  });

  it('may be missing or empty', () => {
    for (const errors of [undefined, []]) expect(resolve(errors).classify(DRAINING)).toBe(DRAINING);
  });

  it.each<[option: string, errors: unknown]>([
    ['errors', null],
    ['errors', {}],
    ['errors', '08P01'],
    ['errors[0]', ['08P01']],
    ['errors[0]', [null]],
    ['errors[0].when', [{}]],
    ['errors[0].when', [{ when: {}, treatAs: {} }]],
    ['errors[0].when', [{ when: { code: undefined }, treatAs: {} }]],
    ['errors[0].treatAs', [{ when: { sqlState: '08' } }]],
    ['errors[0].sqlState', [{ sqlState: '08', when: { sqlState: '08' }, treatAs: {} }]],
    ['errors[0].when.sqlState', [{ when: { sqlState: '08P' }, treatAs: {} }]],
    ['errors[0].when.sqlState', [{ when: { sqlState: '08p01' }, treatAs: {} }]],
    ['errors[0].when.sqlState', [{ when: { sqlState: '' }, treatAs: {} }]],
    ['errors[0].when.sqlState', [{ when: { sqlState: 8 }, treatAs: {} }]],
    ['errors[0].when.causeCode', [{ when: { causeCode: -104 }, treatAs: {} }]],
    ['errors[0].when.message', [{ when: { message: 'draining' }, treatAs: {} }]],
    ['errors[0].when.message', [{ when: { message: /draining/g }, treatAs: {} }]],
    ['errors[0].when.message', [{ when: { message: /draining/y }, treatAs: {} }]],
    ['errors[0].when.code', [{ when: { code: 'toString' }, treatAs: {} }]],
    ['errors[0].when.codes', [{ when: { codes: ['SERVER_ERROR'] }, treatAs: {} }]],
    ['errors[0].treatAs.code', [{ when: { sqlState: '08' }, treatAs: { code: 'SHUTDOWN' } }]],
    ['errors[0].treatAs.retryable', [{ when: { sqlState: '08' }, treatAs: { retryable: 'yes' } }]],
    ['errors[0].treatAs.retryable', [{ when: { sqlState: '08' }, treatAs: { retryable: null } }]],
    ['errors[0].treatAs.remedy', [{ when: { sqlState: '08' }, treatAs: { remedy: 7 } }]],
    ['errors[0].treatAs.retry', [{ when: { sqlState: '08' }, treatAs: { retry: true } }]],
    [
      'errors[1].when',
      [
        { when: { sqlState: '08' }, treatAs: {} },
        { when: {}, treatAs: {} },
      ],
    ],
  ])('is validated: %s in %j', (option, errors) => {
    const error = captureError(() => resolve(errors));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', option });
    expect(error.message).not.toContain('secret');
  });
});
