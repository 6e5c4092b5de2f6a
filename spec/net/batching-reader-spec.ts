import { BatchingReader, type BatchingReaderEvents } from '../../lib/net/batching-reader';
import { FULL_READ, ReadPacer } from '../../lib/net/read-pacer';
import { sleep } from './support/local-server';

/** Keeps what an intake does. */
class Events implements BatchingReaderEvents {
  readonly data = jest.fn<undefined, [Buffer]>();
  readonly flow = jest.fn<undefined, [boolean]>();

  get received(): string {
    return Buffer.concat(this.data.mock.calls.map(([bytes]) => bytes)).toString();
  }
}

let events: Events;
let intake: BatchingReader;

/** A read of so many bytes, as Node does it. */
function read(text: string): boolean {
  intake.nextReadBuffer().write(text);
  return intake.commitRead(text.length);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
  events = new Events();
  intake = new BatchingReader(events);
});

afterEach(() => intake.close());

describe('an intake', () => {
  it('hands on at the end of a turn what that has brought, in one piece', async () => {
    read('one ');
    intake.append(Buffer.from('two '));
    read('three');
    expect(events.data).not.toHaveBeenCalled();
    await turn();
    expect(events.data).toHaveBeenCalledTimes(1);
    expect(events.received).toBe('one two three');
  });

  it('stops after a full read until that has been handed on', async () => {
    expect(read('x'.repeat(FULL_READ - 1))).toBe(true);
    expect(read('x'.repeat(FULL_READ))).toBe(false);
    expect(events.flow).not.toHaveBeenCalled();
    await turn();
    expect(events.flow.mock.calls).toEqual([[true]]);
  });

  it('does not read on after a full read while it is held', async () => {
    read('x'.repeat(FULL_READ));
    events.data.mockImplementation(() => {
      intake.hold(true);
      return undefined;
    });
    await turn();
    expect(events.flow.mock.calls.at(-1)).toEqual([false]);
    intake.hold(false);
    expect(events.flow.mock.calls.at(-1)).toEqual([true]);
  });

  it('keeps what comes behind a hold until that is over', async () => {
    for (const letter of 'xyz') read(letter.repeat(100_000));
    events.data.mockImplementationOnce(() => {
      intake.hold(true);
      return undefined;
    });
    await turn();
    expect(events.data).toHaveBeenCalledTimes(1);
    intake.hold(false);
    await turn();
    expect(events.received).toBe('x'.repeat(100_000) + 'y'.repeat(100_000) + 'z'.repeat(100_000));
  });

  it('hands on the rest when nothing more will come, and then no more', async () => {
    read('last');
    intake.end();
    expect(events.received).toBe('last');
    read('late');
    await turn();
    expect(events.received).toBe('last');
  });

  it('hands on nothing once it is closed, and lets all that comes go by', async () => {
    read('unheard');
    intake.close();
    expect(read('x'.repeat(FULL_READ))).toBe(true);
    await turn();
    expect(events.data).not.toHaveBeenCalled();
  });

  it('hands on no second piece where the first one closes it', async () => {
    read('x'.repeat(100_000));
    read('y'.repeat(100_000));
    read('z'.repeat(100_000));
    events.data.mockImplementation(() => {
      intake.close();
      return undefined;
    });
    await turn();
    expect(events.data).toHaveBeenCalledTimes(1);
  });

  it('rests as the pace says, and flows only when neither that nor anybody else keeps it', async () => {
    const pace = new ReadPacer(0);
    jest.spyOn(pace, 'getPause').mockReturnValue(30);
    intake = new BatchingReader(events, pace);
    read('one');
    await turn();
    expect(events.flow.mock.calls).toEqual([[false]]);
    intake.hold(true);
    intake.hold(false);
    expect(events.flow.mock.calls.at(-1)).toEqual([false]);
    await sleep(60);
    expect(events.flow.mock.calls.at(-1)).toEqual([true]);
  });

  it('leaves no timer behind', async () => {
    const pace = new ReadPacer(0);
    jest.spyOn(pace, 'getPause').mockReturnValue(60_000);
    intake = new BatchingReader(events, pace);
    read('one');
    await turn();
    expect(process.getActiveResourcesInfo()).toContain('Timeout');
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    intake.close();
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(before - 1);
  });
});
