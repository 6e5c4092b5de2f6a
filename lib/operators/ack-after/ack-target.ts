import { Delivery, type Acknowledgeable, type SessionControl } from '../../ledger/acknowledgement';
import { Message } from '../../pgoutput/messages/message';
import { getRawChange } from '../../pgoutput/messages/raw-change';
import { Transaction } from '../transactions/transaction';

/** A unit of acknowledgement: a message, a transaction, any object with their `ack`, or an array of these. */
export type AckTarget = Acknowledgeable | readonly Acknowledgeable[];

/** Checks the type at run time, for callers in JavaScript. */
export function isAckTarget(value: unknown): boolean {
  if (value instanceof Delivery) return true;
  if (Array.isArray(value)) return value.every(isAckTarget);
  return typeof value === 'object' && value !== null && 'ack' in value && typeof value.ack === 'function';
}

export function isBatch(target: AckTarget): target is readonly Acknowledgeable[] {
  return Array.isArray(target);
}

export function toItems(target: AckTarget): readonly Acknowledgeable[] {
  return isBatch(target) ? target : [target];
}

/** @returns false if the acknowledgement of at least one item was too late */
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

/** Releases the spooled changes of transactions, which are not read any more. */
export function releaseChanges(target: AckTarget): void {
  if (!isBatch(target)) Transaction.release(target);
  else for (const item of target) Transaction.release(item);
}

/** The session that delivered the item; undefined for other items, such as a value that a `map` returned. */
export function getSession(item: Acknowledgeable | undefined): SessionControl | undefined {
  return item instanceof Delivery ? Delivery.getHandle(item)?.session : undefined;
}

/** Whether the item was streamed before its transaction ended; its position in the transaction is not known. */
export function isStreamed(item: Message): boolean {
  return getRawChange(item) !== undefined;
}

function acknowledgeItem(item: Acknowledgeable): boolean {
  const done = item instanceof Delivery ? item.acknowledge() : item.ack();
  return done || isOfOpenTransaction(item);
}

/** Whether a stop ended the session before the transaction of a streamed change did: the change then needs no acknowledgement. */
function isOfOpenTransaction(item: Acknowledgeable): boolean {
  return item instanceof Message && isStreamed(item) && getSession(item)?.isStreaming() === false;
}
