import { ProtocolError, ServerError } from '../../lib/common/errors';
import {
  RoutineRunner,
  getOnlyRow,
  runQuery,
  startCopyBoth,
  getText,
  type ProtocolRoutine,
} from '../../lib/commands/protocol-routine';
import type { BackendMessage } from '../../lib/wire/backend';
import { FrameDecoder } from '../../lib/wire/frames';
import {
  buildCommandComplete,
  buildCopyBothResponse,
  buildDataRow,
  buildErrorResponse,
  buildKeepalive,
  buildReadyForQuery,
  buildRowDescription,
} from '../../lib/testing/backend-messages';
import { captureError } from '../support/capture-error';
import { runRoutine, done, READY, buildError, rows, serverFields } from './support/converse';

const NOTICE: BackendMessage = { kind: 'notice', fields: serverFields({ severity: 'WARNING' }) };
const PARAMETER: BackendMessage = { kind: 'parameterStatus', name: 'TimeZone', value: 'UTC' };
const NOTIFICATION: BackendMessage = { kind: 'notification', processId: 1, channel: 'a', payload: 'b' };

describe('a query', () => {
  it('returns its rows by column name', () => {
    const { value, sql } = runRoutine(runQuery('SELECT 1'), () => rows({ a: '1', b: null }, { a: '', b: 'x' }));
    expect([sql, value]).toEqual([
      ['SELECT 1'],
      [
        { a: '1', b: null },
        { a: '', b: 'x' },
      ],
    ]);
  });

  it('returns no rows if there are none', () => {
    expect(runRoutine(runQuery('SET x = 0'), done).value).toEqual([]);
    expect(runRoutine(runQuery('SELECT'), () => rows()).value).toEqual([]);
    expect(runRoutine(runQuery(''), () => [{ kind: 'emptyQuery' }, READY]).value).toEqual([]);
  });

  it('returns a column that has the name of a member of Object.prototype', () => {
    const { value } = runRoutine(runQuery('SELECT'), () => rows(JSON.parse('{"__proto__":"1","constructor":"2"}')));
    expect(Object.entries(value?.[0] ?? {})).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]);
  });

  it('ignores messages that a server may send at any time', () => {
    const answers = rows({ a: '1' }).flatMap((message) => [NOTICE, PARAMETER, NOTIFICATION, message]);
    expect(runRoutine(runQuery('SELECT 1'), () => answers).value).toEqual([{ a: '1' }]);
  });

  it('that fails throws at ReadyForQuery', () => {
    const { error } = runRoutine(runQuery('SELECT 1'), () => buildError({ sqlState: '42501', message: 'denied' }));
    expect(error).toBeInstanceOf(ServerError);
    expect(error).toMatchObject({ code: 'PRIVILEGE_MISSING', sqlState: '42501' });
    const stuck = runRoutine(runQuery('SELECT 1'), () => buildError({ sqlState: '42501' }).slice(0, 1));
    expect(stuck.error).not.toBeInstanceOf(ServerError);
  });

  it('throws immediately after FATAL, because nothing follows', () => {
    const fields = serverFields({ severity: 'FATAL', sqlState: '57P01' });
    expect(runRoutine(runQuery('SELECT 1'), () => [{ kind: 'error', fields }]).error).toMatchObject({
      code: 'SERVER_SHUTDOWN',
    });
  });

  it('rejects an unlimited number of rows', () => {
    const row: BackendMessage = { kind: 'dataRow', values: [] };
    const { error } = runRoutine(runQuery('SELECT 1'), () => [...Array.from({ length: 10_001 }, () => row), ...done()]);
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('10000 rows') });
  });

  it('rejects an unexpected message', () => {
    const { error } = runRoutine(runQuery('SELECT 1'), () => [{ kind: 'copyBoth' }]);
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toHaveProperty('message', expect.stringContaining('answered a query with copyBoth'));
  });
});

describe('START_REPLICATION', () => {
  it('ends with CopyBoth', () => {
    const { error, sql } = runRoutine(startCopyBoth('START'), () => [NOTICE, PARAMETER, { kind: 'copyBoth' }]);
    expect([error, sql]).toEqual([undefined, ['START']]);
  });

  it("throws the server's error", () => {
    const { error } = runRoutine(startCopyBoth('START'), () => buildError({ sqlState: '55006' }));
    expect(error).toMatchObject({ code: 'SLOT_ACTIVE', retryable: true });
  });

  it('rejects an unexpected message', () => {
    expect(runRoutine(startCopyBoth('START'), () => [READY]).error).toBeInstanceOf(ProtocolError);
  });
});

describe('required results', () => {
  it('include a row', () => {
    expect(getOnlyRow([{ a: '1' }, { a: '2' }], 'it')).toEqual({ a: '1' });
    expect(captureError(() => getOnlyRow([], 'IDENTIFY_SYSTEM')).message).toContain('no row for IDENTIFY_SYSTEM');
  });

  it('include a column with text', () => {
    expect(getText({ a: '' }, 'a')).toBe('');
    expect(captureError(() => getText({ a: null }, 'a'))).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(captureError(() => getText({ a: '1' }, 'b')).message).toContain('The server sent no b');
  });
});

describe('a protocol routine', () => {
  function* twoQueries(): ProtocolRoutine<string> {
    const [first] = yield* runQuery('FIRST');
    yield* startCopyBoth(`SECOND ${first?.['a']}`);
    return 'streaming';
  }

  const ANSWER = [
    buildRowDescription(['a']),
    buildDataRow(['7']),
    buildCommandComplete('SELECT 1'),
    buildReadyForQuery(),
  ];

  function lead(): { frames: FrameDecoder; dialogue: RoutineRunner<string>; sent: string[] } {
    const frames = new FrameDecoder();
    const sent: string[] = [];
    const dialogue = new RoutineRunner(frames, twoQueries(), ({ send }) => {
      if (send) sent.push(send.toString('utf8', 5, send.length - 1));
    });
    dialogue.start();
    return { frames, dialogue, sent };
  }

  it('continues as bytes arrive, wherever they are split', () => {
    const bytes = Buffer.concat(ANSWER);
    for (let split = 0; split <= bytes.length; split++) {
      const { frames, dialogue, sent } = lead();
      expect(sent).toEqual(['FIRST']);
      for (const part of [bytes.subarray(0, split), bytes.subarray(split)]) {
        frames.push(part);
        expect(dialogue.advance()).toBeUndefined();
      }
      expect(sent).toEqual(['FIRST', 'SECOND 7']);
      frames.push(buildCopyBothResponse());
      expect(dialogue.advance()).toEqual({ value: 'streaming' });
    }
  });

  it('leaves bytes after its last message to the stream', () => {
    const { frames, dialogue } = lead();
    frames.push(Buffer.concat([...ANSWER, buildCopyBothResponse(), buildKeepalive(7n)]));
    expect(dialogue.advance()).toEqual({ value: 'streaming' });
    expect([frames.next(), frames.tag, frames.next()]).toEqual([true, 'd'.charCodeAt(0), false]);
  });

  it("fails with the server's error", () => {
    const { frames, dialogue } = lead();
    frames.push(Buffer.concat([...ANSWER, buildErrorResponse({ C: '42704' }), buildReadyForQuery()]));
    expect(captureError(() => dialogue.advance())).toMatchObject({ code: 'SLOT_MISSING' });
  });
});
