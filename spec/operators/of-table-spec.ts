import { from, Subject, take, tap, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { ConfigError } from '../../lib/common/errors';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { ofTable } from '../../lib/operators/of-table';
import { stopOn } from '../../lib/operators/stop-on';
import { transactions } from '../../lib/operators/transactions/transactions';
import type { ReplicationMessage } from '../../lib/pgoutput/messages/messages';
import {
  buildBegin,
  buildCommit,
  buildDelete,
  buildInsert,
  buildLogicalMessage,
  buildRelation,
  buildTruncate,
  buildUpdate,
} from '../../lib/testing/payloads';
import { decodeAll } from '../pgoutput/support/decode';
import { captureError } from '../support/capture-error';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { createKeepalive, createMarbles } from './support/messages';

const USERS = 1;
const INVOICES = 2;
const PAYLOADS = [
  buildBegin({ commitLsn: 0x100n }),
  buildRelation({ oid: USERS, name: 'users' }),
  buildRelation({ oid: INVOICES, schema: 'billing', name: 'invoices' }),
  buildInsert(['1', 'a'], USERS),
  buildInsert(['1', 'b'], INVOICES),
  buildUpdate(['1', 'c'], undefined, USERS),
  buildLogicalMessage(),
  buildDelete({ key: ['1', null] }, INVOICES),
  buildTruncate({ oids: [USERS, INVOICES] }),
  buildTruncate({ oids: [INVOICES] }),
  buildCommit({ commitLsn: 0x100n }),
];

const kinds = (messages: readonly ReplicationMessage[]) => messages.map(({ kind }) => kind);

describe('ofTable', () => {
  it.each([
    [['users'], ['insert', 'update', 'truncate']],
    [['billing.invoices'], ['insert', 'delete', 'truncate', 'truncate']],
    [
      ['users', 'billing.invoices'],
      ['insert', 'insert', 'update', 'delete', 'truncate', 'truncate'],
    ],
    [['invoices', 'Users'], []],
    [['public.users'], ['insert', 'update', 'truncate']],
    [['"users"'], ['insert', 'update', 'truncate']],
  ])('emits the changes of %j, and the truncates that include them', (tables, expected) => {
    expect(kinds(record(from(decodeAll(PAYLOADS)).pipe(ofTable(...tables))).values)).toEqual(expected);
  });

  it('fails at a transaction, which it would acknowledge without emitting its changes', () => {
    const grouped: Observable<unknown> = from(decodeAll(PAYLOADS)).pipe(transactions());
    const { error } = record((grouped as Observable<ReplicationMessage>).pipe(ofTable('users')));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toHaveProperty('message', expect.stringContaining('choose inside the work of ackAfter'));
  });

  it('emits errors and completion', () => {
    const values = { ...createMarbles(), k: createKeepalive(0x900n) };
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(
      ({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('-b-r-i-c-k-#', values);
        expectObservable(source.pipe(ofTable('users'))).toBe('-----i-----#', values);
        expectSubscriptions(source.subscriptions).toBe('^----------!');
        expectObservable(cold('-i-i-|', values).pipe(ofTable('users'))).toBe('-i-i-|', values);
        expectObservable(cold('-i-i-|', values).pipe(ofTable('others'))).toBe('-----|', values);
      },
    );
  });

  it.each([
    ['a.b', 'b'],
    ['"a.b"', 'a.b'],
    ['"a"."b"', 'b'],
    ['public."a.b"', 'a.b'],
    ['a."b.c"', 'b.c'],
    ['"a.b".c', 'c'],
    ['"public.users"', 'public.users'],
    ['users', 'users'],
  ])('distinguishes tables with dots in their names: %s', (table, name) => {
    const tables = [
      ['a', 'b'],
      ['public', 'a.b'],
      ['a', 'b.c'],
      ['a.b', 'c'],
      ['public', 'public.users'],
      ['public', 'users'],
    ] as const;
    const payloads = tables.flatMap(([schema, of], i) => [
      buildRelation({ oid: i + 1, schema, name: of }),
      buildInsert(['1', of], i + 1),
      buildTruncate({ oids: [i + 1] }),
    ]);
    const { values } = record(from(decodeAll([buildBegin(), ...payloads])).pipe(ofTable(table)));
    expect(values).toMatchObject([{ new: { name } }, { kind: 'truncate' }]);
  });

  it('rejects an empty list', () => {
    expect(captureError(() => ofTable())).toMatchObject({ code: 'CONFIG_INVALID', option: 'ofTable' });
  });

  it.each(['a.b.c', 'so "it" is', 'users.'])('rejects an invalid table name, and explains the syntax: %s', (name) => {
    expect(captureError(() => ofTable(name))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/in double quotes, as in '"a\.b"'/),
    });
  });

  describe('in a session', () => {
    let clock: Clock;
    let server: FakeBackend;

    beforeEach(() => {
      clock = new Clock();
      server = new FakeBackend(clock);
    });

    it('acknowledges dropped messages, so that the slot advances once the emitted ones are acknowledged', () => {
      const { values, subscription } = record(streaming(server).pipe(ofTable('users')));
      clock.advance();
      server.last.push(...PAYLOADS);
      clock.advance(10);
      expect(server.slot().confirmed).toBe(0x80n);
      for (const change of values) expect(change.ack()).toBe(true);
      clock.advance(10);
      expect(server.slot().confirmed).toBe(0x130n);
      subscription.unsubscribe();
    });

    it('moves the slot past transactions of which all changes are dropped', () => {
      const { values, subscription } = record(streaming(server).pipe(ofTable('nothing_of_that')));
      clock.advance();
      server.last.push(...PAYLOADS, buildLogicalMessage({ transactional: false, lsn: 0x200n }));
      clock.advance(10);
      expect(values).toEqual([]);
      expect(server.slot().confirmed).toBe(0x200n);
      subscription.unsubscribe();
    });

    it('does not fill the window with dropped messages', () => {
      const { subscription } = record(streaming(server, { maxUnacked: 2 }).pipe(ofTable('others')));
      clock.advance();
      for (let i = 0; i < 100; i++) server.last.push(...PAYLOADS);
      expect(server.last.paused).toBe(false);
      subscription.unsubscribe();
    });

    it('works with ackAfter', () => {
      const { subscription } = record(
        streaming(server).pipe(
          ofTable('billing.invoices'),
          ackAfter(() => []),
        ),
      );
      clock.advance();
      server.last.push(...PAYLOADS);
      clock.advance(10);
      expect(server.slot().confirmed).toBe(0x130n);
      subscription.unsubscribe();
    });

    it('is an error if the consumer owns the position, because the end of a transaction could not be stored', () => {
      const heard = record(streaming(server, { startLsn: () => [null] }).pipe(ofTable('users')));
      clock.advance();
      server.last.push(...PAYLOADS);
      expect(heard.events).toEqual(['error']);
      expect(heard.error).toMatchObject({ code: 'CONFIG_INVALID', option: 'ofTable', retryable: false });
      expect(heard.error).toHaveProperty('message', expect.stringContaining('use transactions()'));
      clock.advance(10_000);
      expect([server.last.closed, clock.pending, server.slot().confirmed]).toEqual([true, 0, 0x80n]);
    });

    it('lets a later stop wait for the transaction’s end', () => {
      const stop$ = new Subject<void>();
      const heard = record(streaming(server).pipe(ofTable('users'), stopOn(stop$)));
      clock.advance();
      server.last.push(...PAYLOADS.slice(0, -1));
      stop$.next();
      expect(heard.events).not.toContain('complete');
      server.last.push(...PAYLOADS.slice(-1));
      expect(heard.completed).toBe(true);
      for (const change of heard.values) change.ack();
      clock.advance(10);
      expect(server.slot().confirmed).toBe(0x130n);
      expect(server.last.closed).toBe(true);
    });

    it('stops a source that emits while it is being subscribed to', () => {
      let read = 0;
      const source = from([...decodeAll(PAYLOADS)]).pipe(tap(() => read++));
      const heard = record(source.pipe(ofTable('users'), take(1)));
      expect(heard.values).toHaveLength(1);
      expect(read).toBeLessThan(decodeAll(PAYLOADS).length);
    });

    it('is a filter on the flat stream: transactions() after it finds no Commit', () => {
      const changes: ReplicationMessage[] = [];
      const grouped = record(from(decodeAll(PAYLOADS)).pipe(ofTable('users'), transactions()));
      record(from(decodeAll(PAYLOADS)).pipe(ofTable('users')), (change) => changes.push(change));
      expect(grouped.values).toEqual([]);
      expect(changes).toHaveLength(3);
    });
  });
});
