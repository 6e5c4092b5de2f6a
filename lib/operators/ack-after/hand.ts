import { Delivery, type Acknowledgeable, type SessionControl } from '../../ledger/acknowledgement';
import type { Lsn } from '../../common/lsn';
import { Message } from '../../pgoutput/messages/message';
import type { Change, TwoPhaseMessage } from '../../pgoutput/messages/messages';
import { recordingOf } from '../../pgoutput/messages/recording';
import type { StreamCommitMessage } from '../../pgoutput/messages/stream-messages';
import type { BeginMessage, CommitMessage } from '../../pgoutput/messages/transaction-messages';
import { Deeds, type Place } from './deeds';
import type { PreparedTransaction, Transaction } from '../transactions/transaction';
import { Work } from './work';

/** What is acknowledged as one: a message, a transaction, anything that has kept its `ack`, or an array of them. */
export type AckTarget = Acknowledgeable | readonly Acknowledgeable[];

/** The same for a delivery and for its redelivery. */
interface Identity {
  readonly session: SessionControl;
  readonly lsn: Lsn;
  readonly place: Place;
}

/**
 * What is known of works beyond the subscription that started them: those that nobody waits for run on, and what they and
 * others have done is not done again when it is delivered again, as long as that can happen.
 */
export class Hand<R> {
  /** By stream, then by commit LSN. */
  readonly #streams = new Map<string, Map<Lsn, Deeds<R>>>();
  readonly #detached = new Set<Work<R>>();
  readonly #waiting = new Set<() => void>();

  /** How many works run that nobody waits for. */
  get detached(): number {
    return this.#detached.size;
  }

  /** @returns stops listening for the end of a work that nobody waits for */
  whenFreed(listener: () => void): () => void {
    this.#waiting.add(listener);
    return () => this.#waiting.delete(listener);
  }

  /** A work that runs on, though its subscription has ended. */
  keep(value: AckTarget, work: Work<R>): void {
    this.#detached.add(work);
    for (const identity of identitiesOf(value))
      this.#deedsOf(identity.session, identity.lsn).begin(identity.place, work);
    work.leave(() => {
      this.#detached.delete(work);
      for (const listener of this.#waiting) listener();
    });
  }

  /** The work that does exactly this, or has done it, and that nobody waits for. */
  take(value: AckTarget): Work<R> | undefined {
    if (this.#streams.size === 0) return undefined;
    const items = itemsOf(value);
    if (items.length > 0 && items.every((item) => this.#isDone(item))) return new Work<R>(undefined);
    const [work, ...others] = new Set(items.map((item) => this.#find(item)));
    if (!work || others.length > 0 || !(work.free || work.state === 'done')) return undefined;
    this.#detached.delete(work);
    return work;
  }

  /** Whether it has to wait, as a work that runs may be doing it, or a part of it. */
  mustWait(value: AckTarget): boolean {
    if (this.#streams.size === 0 && this.#detached.size === 0) return false;
    return itemsOf(value).some((item) =>
      identityOf(item) ? this.#find(item)?.state === 'running' : this.#detached.size > 0,
    );
  }

  /** What is still to be done: some members of an array may have been done in another one. */
  left<T extends AckTarget>(value: T): T {
    if (this.#streams.size === 0 || !isBatch(value)) return value;
    return value.filter((item) => !this.#isDone(item) && this.#find(item)?.state !== 'done') as AckTarget as T;
  }

  /** It was done and acknowledged; as long as it is not confirmed it can come again. */
  done(value: AckTarget): void {
    if (!isBatch(value)) this.#remember(value);
    else for (const item of value) this.#remember(item);
  }

  /** Nobody will come back for what is in hand: what can be called off is. */
  giveUp(): void {
    for (const work of this.#detached) {
      if (!work.cancellable) continue;
      this.#detached.delete(work);
      work.cancel();
    }
  }

  #remember(item: Acknowledgeable): void {
    const session = sessionOf(item);
    if (!session || !isIdentifiable(item)) return;
    const { confirmed, confirms } = session;
    const lsn = lsnOf(item);
    if (lsn >= confirmed && confirms) this.#deedsOf(session, lsn).done(placeOf(item));
    this.#forget(session, confirmed);
  }

  /** What commits before a position does not come again. */
  #forget(session: SessionControl, confirmed: Lsn): void {
    const stream = this.#streams.size > 0 && this.#streams.get(nameOf(session));
    if (!stream) return;
    for (const [lsn, deeds] of stream) {
      if (lsn >= confirmed || deeds.running) return;
      stream.delete(lsn);
    }
    this.#streams.delete(nameOf(session));
  }

  #deedsOf(session: SessionControl, lsn: Lsn): Deeds<R> {
    const name = nameOf(session);
    const stream = this.#streams.get(name) ?? new Map<Lsn, Deeds<R>>();
    this.#streams.set(name, stream);
    const deeds = stream.get(lsn) ?? new Deeds<R>();
    stream.set(lsn, deeds);
    return deeds;
  }

  #known(item: Acknowledgeable): { readonly deeds: Deeds<R>; readonly place: Place } | undefined {
    const identity = identityOf(item);
    const deeds = identity && this.#streams.get(nameOf(identity.session))?.get(identity.lsn);
    return deeds && { deeds, place: identity.place };
  }

  #find(item: Acknowledgeable): Work<R> | undefined {
    const known = this.#known(item);
    return known?.deeds.workAt(known.place);
  }

  #isDone(item: Acknowledgeable): boolean {
    const known = this.#known(item);
    return known?.deeds.isDone(known.place) ?? false;
  }
}

export function isBatch(value: AckTarget): value is readonly Acknowledgeable[] {
  return Array.isArray(value);
}

export function itemsOf(value: AckTarget): readonly Acknowledgeable[] {
  return isBatch(value) ? value : [value];
}

/** The session that delivered it; undefined for what a `map` has made, say. */
export function sessionOf(item: Acknowledgeable | undefined): SessionControl | undefined {
  return item instanceof Delivery ? Delivery.entryOf(item)?.session : undefined;
}

/** Several streams may be merged, and their LSNs have nothing to do with each other. */
export function nameOf({ source }: SessionControl): string {
  return `${source.slot} ${source.systemId}`;
}

/**
 * Whether it was streamed, and its stream was stopped before its transaction ended: there is nothing to acknowledge, as it
 * has not happened yet.
 */
export function isLeftOpen(item: Acknowledgeable): boolean {
  return item instanceof Message && isStreamed(item) && sessionOf(item)?.isStreaming() === false;
}

/** What can be told again when it is delivered again. */
type Identifiable =
  Transaction | PreparedTransaction | BeginMessage | CommitMessage | StreamCommitMessage | TwoPhaseMessage | Change;

/**
 * Not so: another plugin's data, what is sent anew with each stream, what is streamed before it is known where it commits,
 * and what a `map` has made.
 */
function isIdentifiable(item: Acknowledgeable): item is Identifiable {
  return item instanceof Message && KINDS.has(item.kind) && !isStreamed(item);
}

/** Its place in its transaction is not known yet. */
function isStreamed(item: Message): boolean {
  return recordingOf(item) !== undefined;
}

const KINDS: ReadonlySet<string> = new Set<Identifiable['kind']>([
  'transaction',
  'preparedTransaction',
  'begin',
  'commit',
  'streamCommit',
  'beginPrepare',
  'prepare',
  'streamPrepare',
  'commitPrepared',
  'rollbackPrepared',
  'insert',
  'update',
  'delete',
  'truncate',
  'message',
]);

function identitiesOf(value: AckTarget): Identity[] {
  return itemsOf(value).flatMap((item) => identityOf(item) ?? []);
}

function identityOf(item: Acknowledgeable): Identity | undefined {
  const session = sessionOf(item);
  return session && isIdentifiable(item) ? { session, lsn: lsnOf(item), place: placeOf(item) } : undefined;
}

function lsnOf(item: Identifiable): Lsn {
  switch (item.kind) {
    case 'message':
      return item.commitLsn ?? item.lsn;
    case 'preparedTransaction':
    case 'beginPrepare':
    case 'prepare':
    case 'streamPrepare':
      return item.prepareLsn;
    case 'rollbackPrepared':
      // It does not say where its own record starts; whatever comes again ends behind what was confirmed.
      return item.endLsn;
    default:
      return item.commitLsn;
  }
}

function placeOf(item: Identifiable): Place {
  switch (item.kind) {
    case 'transaction':
    case 'progress':
      // Another timeline may have another transaction there.
      return `${item.xid} ${item.commitTime.getTime()}`;
    case 'begin':
    case 'commit':
    case 'streamCommit':
      return `${item.kind} ${item.commitTime.getTime()}`;
    case 'preparedTransaction':
    case 'beginPrepare':
    case 'prepare':
    case 'streamPrepare':
    case 'commitPrepared':
    case 'rollbackPrepared':
      return `${item.kind} ${item.xid} ${item.gid}`;
    default:
      return item.ordinal ?? 'message';
  }
}
