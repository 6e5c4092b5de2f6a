import { SubscriptionLock } from '../../lib/stream/subscription-lock';
import { failure } from '../wire/failure';

describe('Exclusive', () => {
  let exclusive: SubscriptionLock;
  const started: string[] = [];

  beforeEach(() => {
    exclusive = new SubscriptionLock();
    started.length = 0;
  });

  const enter = (name: string) => exclusive.acquire(() => started.push(name));

  it('lets the first in at once', () => {
    enter('a');
    expect(started).toEqual(['a']);
  });

  it('refuses a second one while the first is active', () => {
    enter('a');
    expect(failure(() => enter('b'))).toMatchObject({ code: 'ALREADY_SUBSCRIBED', retryable: false });
    expect(failure(() => enter('b')).message).toContain('share()');
    expect(started).toEqual(['a']);
  });

  it('lets one wait while the first takes its leave, and refuses another', () => {
    enter('a');
    exclusive.beginRelease();
    enter('b');
    expect(failure(() => enter('c')).code).toBe('ALREADY_SUBSCRIBED');
    expect(started).toEqual(['a']);
    exclusive.release();
    expect(started).toEqual(['a', 'b']);
    expect(failure(() => enter('d')).code).toBe('ALREADY_SUBSCRIBED');
  });

  it('forgets one that gives up waiting', () => {
    enter('a');
    exclusive.beginRelease();
    const giveUp = enter('b');
    giveUp();
    const stay = enter('c');
    giveUp();
    exclusive.release();
    expect(started).toEqual(['a', 'c']);
    stay();
    expect(failure(() => enter('d')).code).toBe('ALREADY_SUBSCRIBED');
  });

  it('is free again when the last has left', () => {
    for (const name of ['a', 'b', 'c']) {
      enter(name);
      exclusive.beginRelease();
      exclusive.release();
    }
    expect(started).toEqual(['a', 'b', 'c']);
  });

  it('lets one in that comes the moment the last has left', () => {
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
