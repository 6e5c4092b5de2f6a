import type { Spool } from './spool';

/** A member of a {@link GatheringBudget}. */
export interface Gathered {
  /** The allocated memory in bytes, which {@link spill} frees. */
  readonly allocated: number;
  /**
   * Writes the member to the spool file.
   *
   * @throws {ReplicationError} `SPOOL_FAILED`
   */
  spill(): void;
}

/**
 * The memory limit of the transactions that one operator collects. Above it, the largest are written to the spool file first,
 * as the server's ReorderBuffer does with `logical_decoding_work_mem`.
 */
export class GatheringBudget {
  readonly #members = new Set<Gathered>();
  #allocated = 0;

  constructor(
    /** The limit in bytes. */
    readonly maxBytes: number,
    readonly spool: Spool,
  ) {}

  /**
   * Spills members if an allocation would exceed the limit. It spills down to half of the limit, so that with many small
   * members not every allocation has to sort them.
   *
   * @throws {ReplicationError} `SPOOL_FAILED`
   */
  makeRoom(bytes: number): void {
    if (this.#allocated + bytes <= this.maxBytes) return;
    const members = [...this.#members].sort((one, other) => other.allocated - one.allocated);
    for (const member of members) {
      if (this.#allocated + bytes <= this.maxBytes / 2) return;
      member.spill();
    }
  }

  /** Counts bytes that the member has allocated, or, if negative, freed. */
  count(member: Gathered, bytes: number): void {
    this.#allocated += bytes;
    if (member.allocated > 0) this.#members.add(member);
    else this.#members.delete(member);
  }

  /** Removes the member from the budget, whatever memory it keeps. */
  remove(member: Gathered): void {
    if (this.#members.delete(member)) this.#allocated -= member.allocated;
  }
}
