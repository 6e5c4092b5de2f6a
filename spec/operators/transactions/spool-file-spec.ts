import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { from, Subject } from 'rxjs';
import type { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import type { AnyReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import { buildInsert, buildRelation, buildStreamCommit } from '../../../lib/testing/payloads';
import { firstBlock } from '../../pgoutput/support/blocks';
import { decodeAny } from '../../pgoutput/support/decode';
import { record } from '../../support/streaming';
import { captureError } from '../../support/capture-error';
import { files, Spools } from '../support/spools';
import { assemble, group, asWholeTransaction } from '../support/streamed';

const row = (id: number, text = `row ${id}`): Buffer => buildInsert([String(id), text]);
const rows = (count: number): Buffer[] => Array.from({ length: count }, (_, id) => row(id));

let spools: Spools;

beforeEach(() => {
  spools = new Spools();
});

afterEach(() => {
  spools.end();
});

/** The one Transaction of these payloads, from a spool file. */
function spooled(...payloads: Buffer[]): Transaction {
  const [unit] = group([...firstBlock(700, buildRelation(), ...payloads), buildStreamCommit()], spools.options);
  if (!unit) throw new Error('Expected a transaction');
  expect(spools.open).toHaveLength(1);
  return unit;
}

describe('a spool file that cannot be created or written', () => {
  const payloads = [...firstBlock(700, buildRelation(), ...rows(2000)), buildStreamCommit()];

  /** The error with this folder. */
  function outcome(spoolDirectory: string) {
    const { values, error, events } = record(
      from(decodeAny(payloads)).pipe(transactions({ maxBytes: 0, spoolDirectory })),
    );
    expect([values, events]).toEqual([[], ['error']]);
    return error;
  }

  it('because its folder is missing is a retryable error', () => {
    const error = outcome(join(spools.folder, 'missing'));
    expect(error).toMatchObject({ code: 'SPOOL_FAILED', retryable: true, cause: { code: 'ENOENT' } });
    expect(String(error)).toMatch(
      /spool file of a large transaction could not be \w.*transactions\(\{ spoolDirectory \}\)/,
    );
  });

  it('because its folder is a file is an error', () => {
    writeFileSync(join(spools.folder, 'file'), '');
    expect(outcome(join(spools.folder, 'file'))).toMatchObject({ code: 'SPOOL_FAILED', cause: { code: 'ENOTDIR' } });
  });

  it('because its folder is read-only is an error', () => {
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    jest.spyOn(files, 'openSync').mockImplementation(() => {
      throw denied;
    });
    expect(outcome(spools.folder)).toMatchObject({ code: 'SPOOL_FAILED', cause: denied });
  });

  it('because its name cannot be removed is an error, and leaves nothing open', () => {
    const denied = Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
    jest.spyOn(files, 'rmSync').mockImplementationOnce(() => {
      throw denied;
    });
    expect(outcome(spools.folder)).toMatchObject({ code: 'SPOOL_FAILED', cause: denied });
    expect([spools.made, spools.open]).toEqual([1, []]);
  });

  it.each([
    [1, 0],
    [2, 0],
    [5, 0],
    [2, 20_000],
  ])(
    'because the disk is full at write number %i, from byte %i on, is an error, and leaves nothing open',
    (last, maxBytes) => {
      const { writeSync } = files;
      const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      let count = 0;
      jest.spyOn(files, 'writeSync').mockImplementation((...args: unknown[]) => {
        if (++count >= last) throw full;
        return Reflect.apply(writeSync, files, args) as number;
      });
      const source = from(decodeAny(payloads)).pipe(transactions({ maxBytes, spoolDirectory: spools.folder }));
      const { values, error } = record(source);
      expect([values, error]).toMatchObject([[], { code: 'SPOOL_FAILED', cause: full }]);
      expect([count, spools.open, spools.visible]).toEqual([last, [], []]);
    },
  );

  it('because the disk is full at the last write is an error, and leaves nothing open', () => {
    const [commit, ...others] = decodeAny(payloads).reverse();
    const source = new Subject<AnyReplicationMessage>();
    const heard = record(source.pipe(transactions(spools.options)));
    for (const message of others.reverse()) source.next(message);
    expect(spools.open).toHaveLength(1);
    jest.spyOn(files, 'writeSync').mockImplementation(() => {
      throw new Error('full');
    });
    source.next(commit!);
    expect([heard.events, heard.error]).toMatchObject([['error'], { code: 'SPOOL_FAILED' }]);
    expect(spools.open).toEqual([]);
  });

  it('is written and read completely if the system processes fewer bytes than requested', () => {
    const { writeSync, readSync } = files;
    const half = (args: unknown[]): unknown[] => [args[0], args[1], args[2], Math.ceil(Number(args[3]) / 2), args[4]];
    jest.spyOn(files, 'writeSync').mockImplementation((...args: unknown[]) => {
      return Reflect.apply(writeSync, files, half(args)) as number;
    });
    jest.spyOn(files, 'readSync').mockImplementation((...args: unknown[]) => {
      return Reflect.apply(readSync, files, half(args)) as number;
    });
    expect(assemble(payloads, spools.options)).toEqual([asWholeTransaction([buildRelation(), ...rows(2000)])]);
  });

  it('because it was truncated is an error of the reader, and other transactions can be read', () => {
    const unit = spooled(...rows(5000));
    const reader = unit[Symbol.iterator]();
    reader.next();
    for (const fd of spools.open) files.ftruncateSync(fd, 10_000);
    const error = captureError(() => [...unit]);
    expect(error).toMatchObject({ code: 'SPOOL_FAILED', cause: { message: 'the file is shorter than expected' } });
    expect(reader.next().done).toBe(false);
    reader.return?.();
    unit.ack();
    expect(spools.open).toEqual([]);
  });
});

describe('files of a killed process', () => {
  const NAME = 'rxjs-pg-replication-0123456789abcdef.spool';

  it('are removed when the first file is created, and no others', () => {
    const others = ['other.spool', 'rxjs-pg-replication-x.txt', 'notes', `${NAME}.bak`];
    for (const name of [NAME, 'rxjs-pg-replication-.spool', ...others]) writeFileSync(join(spools.folder, name), 'x');
    group([...firstBlock(700, buildRelation(), row(1)), buildStreamCommit()], { spoolDirectory: spools.folder });
    expect(spools.visible).toContain(NAME);
    spooled(row(1)).ack();
    expect(spools.visible.sort()).toEqual(others.sort());
  });

  it('may be impossible to remove', () => {
    mkdirSync(join(spools.folder, NAME));
    spooled(row(1)).ack();
    expect(spools.visible).toEqual([NAME]);
  });

  it('may be recreated by another process between two steps of this one', () => {
    spools.opened = files.unlinkSync;
    expect([...spooled(row(1))]).toHaveLength(1);
  });
});
