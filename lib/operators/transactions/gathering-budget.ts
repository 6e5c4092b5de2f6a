import type { Spool } from './spool';

/** What counts against a {@link GatheringBudget}. */
export interface Gathered {
  /** Bytes of memory that it has allocated, and that {@link spill} frees. */
  readonly allocated: number;
  /**
   * Writes all of it to the spool file.
   *
   * @throws {ReplicationError} `SPOOL_FAILED`
   */
  spill(): void;
}

/**
 * What the transactions that one operator gathers may keep in memory together. Beyond that the largest go to the spool file
 * first, as the server's ReorderBuffer does with logical_decoding_work_mem.
 */
export class GatheringBudget {
  readonly #members = new Set<Gathered>();
  #allocated = 0;

  constructor(
    /** In bytes. */
    readonly maxBytes: number,
    readonly spool: Spool,
  ) {}

  /**
   * Something is about to allocate so many bytes more. It spills down to half of what is allowed, so that with many small
   * ones not every allocation has to look for the largest.
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

  /** The member has allocated so many bytes more, or, below 0, freed them. */
  count(member: Gathered, bytes: number): void {
    this.#allocated += bytes;
    if (member.allocated > 0) this.#members.add(member);
    else this.#members.delete(member);
  }

  /** The member counts no more, whatever it keeps. */
  remove(member: Gathered): void {
    if (this.#members.delete(member)) this.#allocated -= member.allocated;
  }
}
