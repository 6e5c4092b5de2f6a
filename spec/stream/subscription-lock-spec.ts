import { SubscriptionLock } from '../../lib/stream/subscription-lock';
import { captureError } from '../support/capture-error';

describe('SubscriptionLock', () => {
  let exclusive: SubscriptionLock;
  const started: string[] = [];

  beforeEach(() => {
    exclusive = new SubscriptionLock();
    started.length = 0;
  });

  const enter = (name: string) => exclusive.acquire(() => started.push(name));

  it('grants the lock to the first subscription immediately', () => {
    enter('a');
    expect(started).toEqual(['a']);
  });

  it('rejects a second one while the first is active', () => {
    enter('a');
    expect(captureError(() => enter('b'))).toMatchObject({ code: 'ALREADY_SUBSCRIBED', retryable: false });
    expect(captureError(() => enter('b')).message).toContain('share()');
    expect(started).toEqual(['a']);
  });

  it('lets one wait while the first is closing, and rejects another', () => {
    enter('a');
    exclusive.beginRelease();
    enter('b');
    expect(captureError(() => enter('c')).code).toBe('ALREADY_SUBSCRIBED');
    expect(started).toEqual(['a']);
    exclusive.release();
    expect(started).toEqual(['a', 'b']);
    expect(captureError(() => enter('d')).code).toBe('ALREADY_SUBSCRIBED');
  });

  it('forgets one that stops waiting', () => {
    enter('a');
    exclusive.beginRelease();
    const giveUp = enter('b');
    giveUp();
    const stay = enter('c');
    giveUp();
    exclusive.release();
    expect(started).toEqual(['a', 'c']);
    stay();
    expect(captureError(() => enter('d')).code).toBe('ALREADY_SUBSCRIBED');
  });

  it('is free again when the last one has closed', () => {
    for (const name of ['a', 'b', 'c']) {
      enter(name);
      exclusive.beginRelease();
      exclusive.release();
    }
    expect(started).toEqual(['a', 'b', 'c']);
  });

  it('grants the lock to one that subscribes directly after the last has closed', () => {
    exclusive.acquire(() => started.push('a'));
    exclusive.beginRelease();
    exclusive.acquire(() => {
      started.push('b');
      exclusive.release();
      enter('c');
    });
    exclusive.release();
    expect(started).toEqual(['a', 'b', 'c']);
  });
});
