import { inspect } from 'node:util';
import { Delivery, type DeliveryState } from '../../ledger/acknowledgement';
import { toJsonMembers } from '../../common/json';
import { formatLsn } from '../../common/lsn';

/** The base class of all messages: acknowledgement, JSON form and `console.log` output. */
export abstract class Message extends Delivery {
  abstract readonly kind: string;

  toJSON(): Record<string, unknown> {
    // First, because readers of logs look for it.
    return { kind: this.kind, ...toJsonMembers(this) };
  }

  /**
   * The `console.log` output: the class and its members, with LSNs as `X/Y`.
   *
   * @internal
   */
  [inspect.custom](): object {
    // It inherits the class name but not this method, so inspect formats it with the caller's options and depth.
    const shown = Object.create(this, { [inspect.custom]: { value: undefined } }) as object;
    const members = new Map<string, unknown>([['kind', this.kind], ...Object.entries(this)]);
    for (const [name, member] of members) {
      const value = typeof member === 'bigint' ? formatLsn(member) : member;
      Object.defineProperty(shown, name, { value, enumerable: true });
    }
    return shown;
  }
}

/** The base class of the messages that are few in a stream. */
export abstract class RareMessage extends Message {
  #state: DeliveryState | undefined;

  /** @internal */
  override get deliveryState(): DeliveryState | undefined {
    return this.#state;
  }

  /** @internal */
  override set deliveryState(state: DeliveryState | undefined) {
    this.#state = state;
  }
}
