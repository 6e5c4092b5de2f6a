import { BatchingReader, type BatchingReaderEvents } from '../../lib/net/batching-reader';
import { FULL_READ, ReadPacer } from '../../lib/net/read-pacer';
import { sleep } from './support/local-server';

/** Keeps what an reader does. */
class Events implements BatchingReaderEvents {
  readonly data = jest.fn<undefined, [Buffer]>();
  readonly setReading = jest.fn<undefined, [boolean]>();

  get received(): string {
    return Buffer.concat(this.data.mock.calls.map(([bytes]) => bytes)).toString();
  }
}

let events: Events;
let reader: BatchingReader;

/** A read of so many bytes, as Node does it. */
function read(text: string): boolean {
  reader.nextReadBuffer().write(text);
  return reader.commitRead(text.length);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
  events = new Events();
  reader = new BatchingReader(events);
});

afterEach(() => reader.close());

describe('an reader', () => {
  it('hands on at the end of a turn what that has brought, in one piece', async () => {
    read('one ');
    reader.append(Buffer.from('two '));
    read('three');
    expect(events.data).not.toHaveBeenCalled();
    await turn();
    expect(events.data).toHaveBeenCalledTimes(1);
    expect(events.received).toBe('one two three');
  });

  it('stops after a full read until that has been handed on', async () => {
    expect(read('x'.repeat(FULL_READ - 1))).toBe(true);
    expect(read('x'.repeat(FULL_READ))).toBe(false);
    expect(events.setReading).not.toHaveBeenCalled();
    await turn();
    expect(events.setReading.mock.calls).toEqual([[true]]);
  });

  it('does not read on after a full read while it is held', async () => {
    read('x'.repeat(FULL_READ));
    events.data.mockImplementation(() => {
      reader.pause();
      return undefined;
    });
    await turn();
    expect(events.setReading.mock.calls.at(-1)).toEqual([false]);
    reader.resume();
    expect(events.setReading.mock.calls.at(-1)).toEqual([true]);
  });

  it('keeps what comes behind a hold until that is over', async () => {
    for (const letter of 'xyz') read(letter.repeat(100_000));
    events.data.mockImplementationOnce(() => {
      reader.pause();
      return undefined;
    });
    await turn();
    expect(events.data).toHaveBeenCalledTimes(1);
    reader.resume();
    await turn();
    expect(events.received).toBe('x'.repeat(100_000) + 'y'.repeat(100_000) + 'z'.repeat(100_000));
  });

  it('hands on the rest when nothing more will come, and then no more', async () => {
    read('last');
    reader.end();
    expect(events.received).toBe('last');
    read('late');
    await turn();
    expect(events.received).toBe('last');
  });

  it('hands on nothing once it is closed, and lets all that comes go by', async () => {
    read('unheard');
    reader.close();
    expect(read('x'.repeat(FULL_READ))).toBe(true);
    await turn();
    expect(events.data).not.toHaveBeenCalled();
  });

  it('hands on no second piece where the first one closes it', async () => {
    read('x'.repeat(100_000));
    read('y'.repeat(100_000));
    read('z'.repeat(100_000));
    events.data.mockImplementation(() => {
      reader.close();
      return undefined;
    });
    await turn();
    expect(events.data).toHaveBeenCalledTimes(1);
  });

  it('rests as the pace says, and flows only when neither that nor anybody else keeps it', async () => {
    const pace = new ReadPacer(0);
    jest.spyOn(pace, 'getPause').mockReturnValue(30);
    reader = new BatchingReader(events, pace);
    read('one');
    await turn();
    expect(events.setReading.mock.calls).toEqual([[false]]);
    reader.pause();
    reader.resume();
    expect(events.setReading.mock.calls.at(-1)).toEqual([false]);
    await sleep(60);
    expect(events.setReading.mock.calls.at(-1)).toEqual([true]);
  });

  it('leaves no timer behind', async () => {
    const pace = new ReadPacer(0);
    jest.spyOn(pace, 'getPause').mockReturnValue(60_000);
    reader = new BatchingReader(events, pace);
    read('one');
    await turn();
    expect(process.getActiveResourcesInfo()).toContain('Timeout');
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    reader.close();
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(before - 1);
  });
});
