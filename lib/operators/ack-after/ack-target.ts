import { Delivery, type Acknowledgeable, type SessionControl } from '../../ledger/acknowledgement';
import { Message } from '../../pgoutput/messages/message';
import { getRawChange } from '../../pgoutput/messages/raw-change';
import { Transaction } from '../transactions/transaction';

/** What is acknowledged as one: a message, a transaction, anything that has kept its `ack`, or an array of them. */
export type AckTarget = Acknowledgeable | readonly Acknowledgeable[];

/** Checks at run time what the type promises: JavaScript callers can emit anything. */
export function isAckTarget(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isAckTarget);
  return typeof value === 'object' && value !== null && 'ack' in value && typeof value.ack === 'function';
}

export function isBatch(target: AckTarget): target is readonly Acknowledgeable[] {
  return Array.isArray(target);
}

export function toItems(target: AckTarget): readonly Acknowledgeable[] {
  return isBatch(target) ? target : [target];
}

/** @returns false when the acknowledgement of at least one item came too late */
export function acknowledge(target: AckTarget): boolean {
  if (!isBatch(target)) return acknowledgeItem(target);
  let inTime = true;
  for (const item of target) if (!acknowledgeItem(item)) inTime = false;
  return inTime;
}

/** Keeps the changes of transactions readable until {@link releaseChanges}, also after their stream has ended. */
export function holdChanges(target: AckTarget): void {
  if (!isBatch(target)) Transaction.hold(target);
  else for (const item of target) Transaction.hold(item);
}

/** Frees what transactions have in a spool file: nothing reads them any more. */
export function releaseChanges(target: AckTarget): void {
  if (!isBatch(target)) Transaction.release(target);
  else for (const item of target) Transaction.release(item);
}

/** The session that delivered the item; undefined where no session did, as for what a `map` returned. */
export function getSession(item: Acknowledgeable | undefined): SessionControl | undefined {
  return item instanceof Delivery ? Delivery.getHandle(item)?.session : undefined;
}

/** Whether the item was streamed before its transaction ended; its position in the transaction is not known. */
export function isStreamed(item: Message): boolean {
  return getRawChange(item) !== undefined;
}

function acknowledgeItem(item: Acknowledgeable): boolean {
  return item.ack() || isOfOpenTransaction(item);
}

/** A streamed change needs no acknowledgement where a stop left its transaction open: the transaction has not happened. */
function isOfOpenTransaction(item: Acknowledgeable): boolean {
  return item instanceof Message && isStreamed(item) && getSession(item)?.isStreaming() === false;
}
