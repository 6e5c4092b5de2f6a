import { Delivery } from '../../../lib/ledger/acknowledgement';
import { InsertMessage, LogicalMessage } from '../../../lib/pgoutput/messages/change-messages';
import type { AnyPgoutputMessage } from '../../../lib/pgoutput/messages/messages';
import {
  BeginMessage,
  CommitMessage,
  OriginMessage,
  RelationMessage,
  TypeMessage,
} from '../../../lib/pgoutput/messages/transaction-messages';
import { XLogDataMessage } from '../../../lib/pgoutput/messages/walsender-messages';
import { attachHandle } from '../../../lib/stream/session/ledger-handles';
import type { Ledger } from '../../../lib/ledger/ledger';
import { createLedger } from '../../ledger/support/create-ledger';

const WIDE = { messages: 1000, bytes: 1_000_000 };

describe('the handle of a message', () => {
  const relation = new RelationMessage(1, 'public', 't', 't', 'default', []);
  const at = new Date(0);
  const placeAt = (ordinal: number) => ({ commitLsn: 90n, ordinal, xid: undefined });

  /** The bytes that a handle for the last of the messages, of 50 bytes, adds to the window. */
  function charged(...messages: AnyPgoutputMessage[]): [messages: number, bytes: number] {
    const { ledger } = createLedger(WIDE).ledger;
    const last = messages.pop();
    for (const message of messages) attachHandle(ledger, message, 50);
    const before = [ledger.unackedMessages, ledger.unackedBytes] as const;
    if (last) attachHandle(ledger, last, 50);
    return [ledger.unackedMessages - before[0], ledger.unackedBytes - before[1]];
  }

  function acknowledge(ledger: Ledger, message: AnyPgoutputMessage | XLogDataMessage): void {
    attachHandle(ledger, message, 1);
    message.ack();
  }

  const begin = new BeginMessage(90n, at, 1);
  const insert = new InsertMessage(relation, placeAt(0), {}, []);

  it('counts the memory of the message: its bytes and an overhead', () => {
    for (const message of [insert, new LogicalMessage(true, 80n, '', Buffer.alloc(0), placeAt(1))]) {
      const [count, bytes] = charged(begin, message);
      expect(count).toBe(1);
      expect(bytes).toBeGreaterThan(50);
    }
    expect(charged(begin, insert, new CommitMessage(90n, 100n, at))[0]).toBe(1);
  });

  it('counts nothing if no acknowledgement is required', () => {
    const type = new TypeMessage(1, 'public', 'mood');
    for (const message of [begin, relation, type, new OriginMessage('o', 1n)]) expect(charged(message)).toEqual([0, 0]);
    expect(charged(begin, new CommitMessage(90n, 100n, at))).toEqual([0, 0]);
  });

  it("confirms a Commit's end LSN, not its commit LSN", () => {
    const { ledger } = createLedger(WIDE).ledger;
    for (const message of [begin, insert, new CommitMessage(90n, 100n, at)]) acknowledge(ledger, message);
    expect(ledger.confirmed).toBe(100n);
  });

  it('belongs to the transaction for a transactional message, and to none for another one', () => {
    const { ledger } = createLedger(WIDE).ledger;
    acknowledge(ledger, new LogicalMessage(false, 70n, '', Buffer.alloc(0), undefined));
    expect(ledger.confirmed).toBe(70n);
    attachHandle(ledger, begin, 1);
    acknowledge(ledger, new LogicalMessage(true, 80n, '', Buffer.alloc(0), placeAt(0)));
    expect(ledger.confirmed).toBe(70n);
  });

  it("confirms another plugin's message at its dataStart", () => {
    const { ledger } = createLedger(WIDE).ledger;
    acknowledge(ledger, new XLogDataMessage(60n, 65n, at, Buffer.alloc(0)));
    expect(ledger.confirmed).toBe(60n);
  });

  it('is found through the message itself, also when ack is called without its object', () => {
    const { ledger } = createLedger(WIDE).ledger;
    const message = new LogicalMessage(false, 70n, '', Buffer.alloc(0), undefined);
    attachHandle(ledger, message, 1);
    const { ack } = message;
    expect([ack(), ack(), ledger.confirmed]).toEqual([true, true, 70n]);
  });

  it('is not required without a session', () => {
    const message = new InsertMessage(relation, placeAt(0), {}, []);
    expect([message.ack(), Delivery.getHandle(message)]).toEqual([true, undefined]);
  });
});
