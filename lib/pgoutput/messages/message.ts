import { inspect } from 'node:util';
import { Delivery } from '../../ledger/acknowledgement';
import { toJsonMembers } from '../../common/json';
import { formatLsn } from '../../common/lsn';

/** What all messages share: acknowledgement, a JSON form, and how `console.log` shows them. */
export abstract class Message extends Delivery {
  abstract readonly kind: string;

  toJSON(): Record<string, unknown> {
    // What a reader of logs looks for comes first.
    return { kind: this.kind, ...toJsonMembers(this) };
  }

  /**
   * What `console.log` shows: the class and its members, LSNs as `X/Y`.
   *
   * @internal
   */
  [inspect.custom](): object {
    // It inherits the class's name, but not this method: inspect formats it like any object, by its own options and depth.
    const shown = Object.create(this, { [inspect.custom]: { value: undefined } }) as object;
    const members = new Map<string, unknown>([['kind', this.kind], ...Object.entries(this)]);
    for (const [name, member] of members) {
      const value = typeof member === 'bigint' ? formatLsn(member) : member;
      Object.defineProperty(shown, name, { value, enumerable: true });
    }
    return shown;
  }
}
