import fc from 'fast-check';
import { ConfigError } from '../../lib/common/errors';
import { formatLsn, maxLsn, parseLsn, toLsn } from '../../lib/common/lsn';
import { captureError } from '../support/capture-error';

const MAX = 0xffff_ffff_ffff_ffffn;

const TEXTS: [text: string, lsn: bigint][] = [
  ['0/0', 0n],
  ['0/16B6C50', 23817296n],
  ['0/FFFFFFFF', 0xffff_ffffn],
  ['1/0', 0x1_0000_0000n],
  ['FFFFFFFF/FFFFFFFF', MAX],
];

describe('an LSN', () => {
  it.each(TEXTS)('%s is %d', (text, lsn) => {
    expect([parseLsn(text), formatLsn(lsn)]).toEqual([lsn, text]);
  });

  it('is parsed in lower case and with leading zeros, as PostgreSQL 19 prints it', () => {
    expect([parseLsn('0/16b6c50'), parseLsn('0/016B6C50'), parseLsn('0000000A/0000000B')]).toEqual([
      23817296n,
      23817296n,
      0xa_0000_000bn,
    ]);
  });

  it('is the same after formatting and parsing', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, MAX), fc.nat(63), (wide, shift) => {
        const lsn = wide >> BigInt(shift);
        expect(parseLsn(formatLsn(lsn))).toBe(lsn);
      }),
    );
  });

  it.each(['', '0', '/', '0/', '/0', '0/G', ' 0/0', '0/0 ', '0/0\n', '-1/0', '0x1/0', '1/123456789', '123456789/1'])(
    'cannot be %j',
    (text) => {
      const error = captureError(() => parseLsn(text));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toContain(JSON.stringify(text));
    },
  );

  it.each([-1n, MAX + 1n])('cannot be %d', (lsn) => {
    expect(captureError(() => formatLsn(lsn))).toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it.each(['0/1', 16, null, undefined, {}])('is not formatted from %p, which JavaScript could pass', (value) => {
    expect(captureError(() => formatLsn(value as bigint))).toMatchObject({ code: 'CONFIG_INVALID', option: 'lsn' });
  });

  it.each([16n, 16, null, undefined, {}])('is not parsed from %p, which JavaScript could pass', (value) => {
    expect(captureError(() => parseLsn(value as string))).toMatchObject({ code: 'CONFIG_INVALID', option: 'lsn' });
  });

  it('is ordered by its number, not by its text', () => {
    const [earlier, later] = [parseLsn('0/9'), parseLsn('0/10')];
    expect([maxLsn(earlier, later), maxLsn(later, earlier)]).toEqual([later, later]);
  });
});

describe('an option that takes an LSN', () => {
  it('accepts a bigint or text', () => {
    expect([toLsn('startLsn', '0/10'), toLsn('startLsn', 16n), toLsn('startLsn', 0n)]).toEqual([16n, 16n, 0n]);
  });

  it.each([16, '16', '0/', null, undefined, -1n, MAX + 1n, {}, ['0/0'], true])(
    'rejects %p and names the option',
    (value) => {
      const error = captureError(() => toLsn('startLsn', value));
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', option: 'startLsn' });
      expect(error.message).toMatch(/^startLsn: invalid LSN/);
    },
  );
});
