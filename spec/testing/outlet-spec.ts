import { Outlet } from '../../lib/testing/outlet';
import { Clock } from '../support/clock';

let clock: Clock;
let outlet: Outlet;
/** What the line was told, with the time in ms. */
let told: string[];
let passed: string;

beforeEach(() => {
  clock = new Clock();
  told = [];
  passed = '';
  const say = (what: string): void => {
    told.push(`${clock.now()} ${what}`);
  };
  const line = {
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
  outlet = new Outlet(line, later, {
    passed: (bytes) => {
      passed += bytes.toString();
    },
    ended: () => {
      say('ended');
    },
  });
});

function write(...texts: readonly string[]): void {
  for (const text of texts) outlet.write(Buffer.from(text));
}

describe('an outlet', () => {
  it('passes on what comes, as it comes, at once', () => {
    write('one', '', 'two');
    expect(told).toEqual(['0 one', '0 two']);
  });

  it('closes behind what was written', () => {
    outlet.stall(5);
    write('one');
    outlet.close();
    write('two');
    clock.advance(10);
    expect(told).toEqual(['5 one', '5 ended', '5 close']);
  });

  it('stalls, and then passes on what came as it was', () => {
    outlet.stall(5);
    write('one', 'two');
    clock.advance(10);
    write('three');
    expect(told).toEqual(['5 one', '5 two', '10 three']);
  });

  it('glues what comes in a time', () => {
    outlet.glue(5);
    write('one', 'two');
    clock.advance(10);
    expect(told).toEqual(['5 onetwo']);
  });

  it('rests as long as the longest of two rests', () => {
    outlet.stall(3);
    outlet.stall(7);
    write('one');
    clock.advance(10);
    expect(told).toEqual(['7 one']);
  });

  it('splits into segments of these sizes, across what was written, in turns of their own', () => {
    outlet.split([1, 2, 0, 9]);
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
    outlet.cut(after);
    write('one', 'two');
    expect(told).toEqual(expected);
  });

  it('tells what has left, and nothing else', () => {
    outlet.split([2]);
    outlet.cut(4, 'reset');
    write('onetwo');
    expect(passed).toBe('on');
    clock.advance(10);
    expect(passed).toBe('onet');
    expect(told).toEqual(['0 on', '1 et', '1 ended', '1 reset']);
  });

  it('closes its half without an end: the client is still heard', () => {
    outlet.halfClose();
    write('one');
    outlet.close();
    expect(told).toEqual(['0 close']);
  });
});
