import { BatchingReader, type BatchingReaderHandlers } from '../../lib/net/batching-reader';
import { FULL_READ, ReadPacer } from '../../lib/net/read-pacer';
import { sleep } from './support/local-server';

/** Records the actions of a reader. */
class Events implements BatchingReaderHandlers {
  readonly data = jest.fn<undefined, [Buffer]>();
  readonly setReading = jest.fn<undefined, [boolean]>();

  get received(): string {
    return Buffer.concat(this.data.mock.calls.map(([bytes]) => bytes)).toString();
  }
}

let events: Events;
let reader: BatchingReader;

/** Simulates a read of this number of bytes by Node. */
function read(text: string): boolean {
  reader.nextReadBuffer().write(text);
  return reader.recordRead(text.length);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
  events = new Events();
  reader = new BatchingReader(events);
});

afterEach(() => reader.close());

describe('BatchingReader', () => {
  it('passes on the data of a turn of the event loop at its end, as one chunk', async () => {
    read('one ');
    reader.append(Buffer.from('two '));
    read('three');
    expect(events.data).not.toHaveBeenCalled();
    await turn();
    expect(events.data).toHaveBeenCalledTimes(1);
    expect(events.received).toBe('one two three');
  });

  it('pauses after a full read until the data is passed on', async () => {
    expect(read('x'.repeat(FULL_READ - 1))).toBe(true);
    expect(read('x'.repeat(FULL_READ))).toBe(false);
    expect(events.setReading).not.toHaveBeenCalled();
    await turn();
    expect(events.setReading.mock.calls).toEqual([[true]]);
  });

  it('does not read on after a full read while it is paused', async () => {
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

  it('keeps data received while it is paused', async () => {
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

  it('passes on the rest at the end of the stream, and nothing afterwards', async () => {
    read('last');
    reader.end();
    expect(events.received).toBe('last');
    read('late');
    await turn();
    expect(events.received).toBe('last');
  });

  it('passes on nothing once it is closed, and discards further data', async () => {
    read('unheard');
    reader.close();
    expect(read('x'.repeat(FULL_READ))).toBe(true);
    await turn();
    expect(events.data).not.toHaveBeenCalled();
  });

  it("passes on no second chunk if the first one's handler closes it", async () => {
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

  it('pauses as the pacer requests, and resumes only when neither the pacer nor the user has paused it', async () => {
    const pace = new ReadPacer(0);
    jest.spyOn(pace, 'recordReadAndChoosePause').mockReturnValue(30);
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
    jest.spyOn(pace, 'recordReadAndChoosePause').mockReturnValue(60_000);
    reader = new BatchingReader(events, pace);
    read('one');
    await turn();
    expect(process.getActiveResourcesInfo()).toContain('Timeout');
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    reader.close();
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(before - 1);
  });
});
