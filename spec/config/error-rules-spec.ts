import { resolveConfig, type PgoutputConfig } from '../../lib/config/config';
import { judge, type ErrorRule } from '../../lib/config/error-rules';
import {
  ConfigError,
  ConnectionError,
  ERRORS,
  ReplicationError,
  ServerError,
  type ServerFields,
} from '../../lib/errors';
import { failure } from '../wire/failure';

const BASE = { connection: 'postgres://app:secret@h/shop', slot: 'orders', publications: ['p'] };

const FIELDS: ServerFields = { severity: 'FATAL', sqlState: '08P01', message: 'the pooler is draining' };
const DRAINING = new ServerError('SERVER_ERROR', FIELDS);
const RESET = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
const LOST = new ConnectionError('CONNECTION_LOST', 'It ended', { cause: RESET });

/** Whether a rule with these conditions applies. */
function applies(when: ErrorRule['when'], error: Error = DRAINING): boolean {
  return judge([{ when, then: { remedy: 'Seen.' } }], error) !== error;
}

describe('what a rule applies to', () => {
  it.each<[when: ErrorRule['when'], error: Error, applies: boolean]>([
    [{ sqlState: '08P01' }, DRAINING, true],
    [{ sqlState: '08' }, DRAINING, true],
    [{ sqlState: '08006' }, DRAINING, false],
    [{ sqlState: 'P0' }, DRAINING, false],
    [{ sqlState: '08' }, LOST, false],
    [{ errno: 'ECONNRESET' }, LOST, true],
    [{ errno: 'EPIPE' }, LOST, false],
    [{ errno: 'ECONNRESET' }, DRAINING, false],
    [{ errno: 'ECONNRESET' }, new ConnectionError('CONNECTION_LOST', 'It ended', { cause: 'ECONNRESET' }), false],
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

  it('is no error of anybody else', () => {
    expect(applies({ message: /draining/ }, new Error('draining'))).toBe(false);
  });
});

describe('what a rule changes', () => {
  it('is the code, and with it the rest', () => {
    const seen = judge([{ when: { sqlState: '08P01' }, then: { code: 'SERVER_SHUTDOWN' } }], DRAINING);
    const { retryable, remedy } = ERRORS.SERVER_SHUTDOWN;
    expect(seen).toBeInstanceOf(ServerError);
    expect(seen).toMatchObject({ code: 'SERVER_SHUTDOWN', retryable, remedy, server: FIELDS });
    expect(seen.message).toBe(`The server says: the pooler is draining (SQLSTATE 08P01). ${remedy}`);
  });

  it('is whether a retry helps, or the remedy, and nothing else', () => {
    const retried = judge([{ when: { sqlState: '08' }, then: { retryable: true } }], DRAINING);
    expect(retried).toMatchObject({ code: 'SERVER_ERROR', retryable: true, remedy: DRAINING.remedy });
    const helped = judge([{ when: { errno: 'ECONNRESET' }, then: { remedy: 'Call Ann.' } }], LOST);
    expect(helped).toMatchObject({ code: 'CONNECTION_LOST', retryable: true, remedy: 'Call Ann.', cause: RESET });
    expect(helped.message).toBe('It ended. Call Ann.');
  });

  it('is given beside a code, too', () => {
    const then = { code: 'SERVER_SHUTDOWN', retryable: false, remedy: 'Wait.' } as const;
    expect(judge([{ when: { sqlState: '08' }, then }], DRAINING)).toMatchObject(then);
  });

  it('leaves what an error says of itself beyond its code, unless the code changes', () => {
    const special = new ReplicationError('SERVER_ERROR', 'It failed', { retryable: true, remedy: 'Wait for it.' });
    const kept = judge([{ when: { code: 'SERVER_ERROR' }, then: { retryable: false } }], special);
    expect(kept).toMatchObject({ retryable: false, remedy: 'Wait for it.' });
    expect(judge([{ when: { code: 'SERVER_ERROR' }, then: {} }], special)).toMatchObject({
      retryable: true,
      remedy: 'Wait for it.',
    });
    const recoded = judge([{ when: { code: 'SERVER_ERROR' }, then: { code: 'SERVER_ERROR' } }], special);
    expect(recoded).toMatchObject(ERRORS.SERVER_ERROR);
  });

  it('is what the first rule says that applies', () => {
    const rules: ErrorRule[] = [
      { when: { sqlState: '57' }, then: { remedy: 'one' } },
      { when: { message: /pooler/ }, then: { remedy: 'two' } },
      { when: { sqlState: '08' }, then: { remedy: 'three', retryable: true } },
    ];
    expect(judge(rules, DRAINING)).toMatchObject({ remedy: 'two', retryable: false });
  });

  it('is nothing where none applies: the error stays the same', () => {
    expect(judge([], DRAINING)).toBe(DRAINING);
    expect(judge([{ when: { sqlState: '57' }, then: { retryable: true } }], DRAINING)).toBe(DRAINING);
  });
});

describe('the option errors', () => {
  function resolve(errors: unknown) {
    return resolveConfig({ ...BASE, errors } as PgoutputConfig);
  }

  it('is kept with the settings', () => {
    const { judge: judged } = resolve([{ when: { sqlState: '08P01' }, then: { code: 'SERVER_SHUTDOWN' } }]);
    expect(judged(DRAINING)).toMatchObject({ code: 'SERVER_SHUTDOWN', retryable: true });
    expect(judged(LOST)).toBe(LOST);
  });

  it('may be left out, or be empty', () => {
    for (const errors of [undefined, []]) expect(resolve(errors).judge(DRAINING)).toBe(DRAINING);
  });

  it.each<[option: string, errors: unknown]>([
    ['errors', null],
    ['errors', {}],
    ['errors', '08P01'],
    ['errors[0]', ['08P01']],
    ['errors[0]', [null]],
    ['errors[0].when', [{}]],
    ['errors[0].when', [{ when: {}, then: {} }]],
    ['errors[0].when', [{ when: { code: undefined }, then: {} }]],
    ['errors[0].then', [{ when: { sqlState: '08' } }]],
    ['errors[0].sqlState', [{ sqlState: '08', when: { sqlState: '08' }, then: {} }]],
    ['errors[0].when.sqlState', [{ when: { sqlState: '08P' }, then: {} }]],
    ['errors[0].when.sqlState', [{ when: { sqlState: '08p01' }, then: {} }]],
    ['errors[0].when.sqlState', [{ when: { sqlState: '' }, then: {} }]],
    ['errors[0].when.sqlState', [{ when: { sqlState: 8 }, then: {} }]],
    ['errors[0].when.errno', [{ when: { errno: -104 }, then: {} }]],
    ['errors[0].when.message', [{ when: { message: 'draining' }, then: {} }]],
    ['errors[0].when.message', [{ when: { message: /draining/g }, then: {} }]],
    ['errors[0].when.message', [{ when: { message: /draining/y }, then: {} }]],
    ['errors[0].when.code', [{ when: { code: 'toString' }, then: {} }]],
    ['errors[0].when.codes', [{ when: { codes: ['SERVER_ERROR'] }, then: {} }]],
    ['errors[0].then.code', [{ when: { sqlState: '08' }, then: { code: 'SHUTDOWN' } }]],
    ['errors[0].then.retryable', [{ when: { sqlState: '08' }, then: { retryable: 'yes' } }]],
    ['errors[0].then.retryable', [{ when: { sqlState: '08' }, then: { retryable: null } }]],
    ['errors[0].then.remedy', [{ when: { sqlState: '08' }, then: { remedy: 7 } }]],
    ['errors[0].then.retry', [{ when: { sqlState: '08' }, then: { retry: true } }]],
    [
      'errors[1].when',
      [
        { when: { sqlState: '08' }, then: {} },
        { when: {}, then: {} },
      ],
    ],
  ])('names %s in %j', (option, errors) => {
    const error = failure(() => resolve(errors));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', option });
    expect(error.message).not.toContain('secret');
  });
});
