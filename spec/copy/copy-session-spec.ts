import { Observable, type Subscriber } from 'rxjs';
import { CopySession } from '../../lib/copy/copy-session';
import { StreamHistory } from '../../lib/ledger/stream-history';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { ofTable } from '../../lib/operators/of-table';
import { CopiedRowDecoder } from '../../lib/pgoutput/decode/copied-rows';
import { encodeRelation } from '../../lib/pgoutput/decode/relation-encoding';
import type { InsertMessage } from '../../lib/pgoutput/messages/change-messages';
import { CopyBeginMessage, CopyEndMessage } from '../../lib/pgoutput/messages/copy-messages';
import type { StreamMessage } from '../../lib/pgoutput/messages/messages';
import { defaultTypes } from '../../lib/pgoutput/values/values';

const OID = 16_400;
const history = new StreamHistory(() => () => undefined);

/** Rows of a table t with the ids 1, 2, 3 …, all with the same LSN. */
function createRows(count: number): InsertMessage[] {
  const decoder = new CopiedRowDecoder(0x100n, defaultTypes);
  const columns = [{ name: 'id', key: true, typeOid: 23, typeModifier: -1 }];
  decoder.describe(encodeRelation({ oid: OID, schema: 'public', name: 't', replicaIdentity: 'd', columns }));
  return Array.from({ length: count }, (_, i) => {
    const bytes = Buffer.from(`${i + 1}\n`);
    return decoder.decode(OID, bytes, 0, bytes.length);
  }).flatMap((row) => row ?? []);
}

function createSession(subscriber: Subscriber<StreamMessage>, messages = 512) {
  const events: string[] = [];
  const options = {
    source: { systemId: '1', timeline: 1, slot: 'orders' },
    history,
    window: { messages, bytes: Infinity },
    consumerOwnsPosition: false,
    consistentPoint: 0x100n,
  };
  const session = new CopySession(options, subscriber, {
    windowReopened: () => events.push('windowReopened'),
    deliveryEnded: () => events.push('deliveryEnded'),
    closed: () => events.push('closed'),
  });
  return { session, events };
}

/** Subscribes, and returns the session with what was received. */
function open(onNext: (message: StreamMessage) => void = () => undefined, messages?: number) {
  const received: StreamMessage[] = [];
  let created: ReturnType<typeof createSession> | undefined;
  const subscription = new Observable<StreamMessage>((subscriber) => {
    created = createSession(subscriber, messages);
    const { session } = created;
    return () => {
      session.release();
    };
  }).subscribe((message) => {
    received.push(message);
    onNext(message);
  });
  if (!created) throw new Error('not subscribed');
  return { ...created, received, subscription };
}

describe('CopySession', () => {
  it('ends a batch after 1000 rows, and when it is asked to', () => {
    const { session, received } = open();
    const table = session.openTable('t');
    for (const row of createRows(1500)) table.deliverRow(row, 3);
    table.endBatch();
    table.endBatch();
    const progress = received.filter(({ kind }) => kind === 'copyProgress');
    expect(progress).toEqual([
      expect.objectContaining({ table: 't', rows: 1000, bytes: 3000 }),
      expect.objectContaining({ table: 't', rows: 1500, bytes: 4500 }),
    ]);
    expect(session.rows).toBe(1500);
  });

  it('settles a batch once all of its rows and its end are acknowledged, in any order', async () => {
    const { session, received } = open();
    const table = session.openTable('t');
    for (const row of createRows(3)) table.deliverRow(row, 3);
    table.endBatch();
    let isSettled = false;
    const settled = session.whenSettled().then(() => (isSettled = true));
    for (const message of received.slice(1)) message.ack();
    await Promise.resolve();
    expect(isSettled).toBe(false);
    received[0]?.ack();
    await settled;
  });

  it('has rows wait while the window is full', () => {
    const { session, received, events } = open(undefined, 4);
    const table = session.openTable('t');
    for (const row of createRows(4)) table.deliverRow(row, 3);
    expect(session.mustWait()).toBe(true);
    received[0]?.ack();
    received[1]?.ack();
    expect(events).toEqual(['windowReopened']);
    expect(session.mustWait()).toBe(false);
  });

  it('delivers nothing after the subscriber has unsubscribed inside next, and acknowledges nothing', () => {
    const opened = open((message) => {
      if (message.kind === 'insert' && message.new['id'] === 2) opened.subscription.unsubscribe();
    });
    const table = opened.session.openTable('t');
    for (const row of createRows(2)) table.deliverRow(row, 3);
    expect(opened.session.mustWait()).toBe(true);
    expect(opened.events).toEqual(['deliveryEnded', 'closed']);
    expect(opened.received[0]?.ack()).toBe(false);
  });

  it('ends the open batch at a stop, and closes when everything is acknowledged', () => {
    const { session, received, events } = open();
    const table = session.openTable('t');
    for (const row of createRows(2)) table.deliverRow(row, 3);
    session.stopAtBoundary();
    expect(received.map(({ kind }) => kind)).toEqual(['insert', 'insert', 'copyProgress']);
    expect(events).toEqual(['deliveryEnded']);
    for (const message of received) expect(message.ack()).toBe(true);
    expect(events).toEqual(['deliveryEnded', 'closed']);
  });

  it('ends the open batch after the row during which the stop is requested', () => {
    const kinds: string[] = [];
    const { session } = open(({ kind }) => {
      if (kind === 'insert') session.stopAtBoundary();
      kinds.push(kind);
    });
    session.openTable('t').deliverRow(createRows(1)[0]!, 3);
    expect(kinds).toEqual(['insert', 'copyProgress']);
  });

  it('has works on the rows of a later copy run again, though they have the same LSN', () => {
    const worked: unknown[] = [];
    const sessions: CopySession[] = [];
    const rows = new Observable<StreamMessage>((subscriber) => {
      sessions.push(createSession(subscriber).session);
    }).pipe(
      ackAfter((message) => {
        if (message.kind === 'insert') worked.push(message.new['id']);
      }),
    );
    for (const n of [0, 1]) {
      const subscription = rows.subscribe();
      const table = sessions[n]?.openTable('t');
      for (const row of createRows(2)) table?.deliverRow(row, 3);
      table?.endBatch();
      subscription.unsubscribe();
    }
    expect(worked).toEqual([1, 2, 1, 2]);
  });

  it('has messages that loops over changes accept, and no changes', () => {
    expect([...new CopyBeginMessage(1n, []), ...new CopyEndMessage(1n, 0)]).toEqual([]);
  });

  it('makes ofTable fail, which would drop its begin', () => {
    const errors: unknown[] = [];
    const source = new Observable<StreamMessage>((subscriber) => {
      void createSession(subscriber).session.deliverBoundary(new CopyBeginMessage(1n, []));
    }) as Observable<never>;
    source.pipe(ofTable('t')).subscribe({ error: (error: unknown) => errors.push(error) });
    expect(errors).toEqual([expect.objectContaining({ code: 'CONFIG_INVALID' })]);
    expect(String(errors[0])).toContain('the start of the copy');
  });
});
