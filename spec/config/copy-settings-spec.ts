import { resolveConfig } from '../../lib/config/resolve-config';

const BASE = { connection: 'postgres://me@localhost', slot: 'orders', publications: ['p'] };

const resolve = (more: object) => resolveConfig({ ...BASE, ...more }).copy;

describe('the option copy', () => {
  it('has a concurrency of 1 by default', () => {
    expect(resolve({})).toBeUndefined();
    expect(resolve({ copy: false })).toBeUndefined();
    expect(resolve({ copy: true })).toEqual({ concurrency: 1 });
    expect(resolve({ copy: { concurrency: 4 } })).toEqual({ concurrency: 4 });
  });

  it.each([
    [{ copy: 'yes' }, 'copy: expected true, false or { concurrency: 4 }'],
    [{ copy: { concurrency: 0 } }, 'copy.concurrency: '],
    [{ copy: { tables: 4 } }, 'copy.tables: unknown option'],
    [{ copy: true, confirm: false }, 'copy: cannot be combined with confirm: false'],
    [{ copy: true, startLsn: '0/1' }, 'copy: cannot be combined with a fixed startLsn'],
    [{ copy: true, ensureSlot: { temporary: true } }, 'copy: cannot be combined with a temporary slot'],
    [{ copy: true, slot: 's'.repeat(59) }, 'slot: at most 58 characters with copy'],
    [{ copy: true, plugin: 'test_decoding', publications: undefined }, 'copy: applies to pgoutput only'],
  ])('rejects %j', (more, message) => {
    expect(() => resolve(more)).toThrow(message);
  });
});
