import { FaultyOutbox } from '../../lib/testing/faulty-outbox';
import { Clock } from '../support/clock';

let clock: Clock;
let outbox: FaultyOutbox;
/** The calls of the socket, with the time in ms. */
let told: string[];
let sent: string;

beforeEach(() => {
  clock = new Clock();
  told = [];
  sent = '';
  const say = (what: string): void => {
    told.push(`${clock.now()} ${what}`);
  };
  const socket = {
    write: (bytes: Buffer) => {
      say(bytes.toString());
    },
    close: () => {
      say('close');
    },
    reset: () => {
      say('reset');
    },
    defer: (callback: () => void) => {
      clock.schedule(callback, 1);
    },
  };
  const later = (ms: number, callback: () => void): void => {
    clock.schedule(callback, ms);
  };
  outbox = new FaultyOutbox(socket, later, {
    sent: (bytes) => {
      sent += bytes.toString();
    },
    ended: () => {
      say('ended');
    },
  });
});

function write(...texts: readonly string[]): void {
  for (const text of texts) outbox.write(Buffer.from(text));
}

describe('an outbox', () => {
  it('writes everything immediately and unchanged', () => {
    write('one', '', 'two');
    expect(told).toEqual(['0 one', '0 two']);
  });

  it('closes after everything is written', () => {
    outbox.stall(5);
    write('one');
    outbox.close();
    write('two');
    clock.advance(10);
    expect(told).toEqual(['5 one', '5 ended', '5 close']);
  });

  it('stall: pauses, and then writes the original segments', () => {
    outbox.stall(5);
    write('one', 'two');
    clock.advance(10);
    write('three');
    expect(told).toEqual(['5 one', '5 two', '10 three']);
  });

  it('glue: writes the data of a time as one segment', () => {
    outbox.glue(5);
    write('one', 'two');
    clock.advance(10);
    expect(told).toEqual(['5 onetwo']);
  });

  it('pauses as long as the longest of two pauses', () => {
    outbox.stall(3);
    outbox.stall(7);
    write('one');
    clock.advance(10);
    expect(told).toEqual(['7 one']);
  });

  it('split: writes segments of these sizes, across calls, in separate turns of the event loop', () => {
    outbox.split([1, 2, 0, 9]);
    write('abcdef', 'gh', 'ij');
    clock.advance(10);
    expect(told).toEqual(['0 a', '1 bc', '2 def', '3 gh', '3 ij']);
  });

  it.each([
    [0, ['0 ended', '0 close']],
    [2, ['0 on', '0 ended', '0 close']],
    [3, ['0 one', '0 ended', '0 close']],
    [4, ['0 one', '0 t', '0 ended', '0 close']],
    [7, ['0 one', '0 two']],
  ])('cuts after %i bytes', (after, expected) => {
    outbox.cut(after);
    write('one', 'two');
    expect(told).toEqual(expected);
  });

  it('reports what was written, and nothing else', () => {
    outbox.split([2]);
    outbox.cut(4, 'reset');
    write('onetwo');
    expect(sent).toBe('on');
    clock.advance(10);
    expect(sent).toBe('onet');
    expect(told).toEqual(['0 on', '1 et', '1 ended', '1 reset']);
  });

  it('halfClose: ends only its side, and still receives data', () => {
    outbox.halfClose();
    write('one');
    outbox.close();
    expect(told).toEqual(['0 close']);
  });
});
