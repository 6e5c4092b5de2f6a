/** After so many bytes of payloads that have waited for their subscriber, V8 is to look for garbage. */
const ENOUGH = 8 * 1024 * 1024;
/** V8 starts to mark the heap when memory outside of it has grown by 64 MiB (kExternalAllocationSoftLimit in its heap.h). */
const SIGN = 65 * 1024 * 1024;

/**
 * Has V8 look for garbage among deliveries that have waited long.
 *
 * What waits for a slow subscriber outlives the collections of young objects. V8 looks among the old ones only once they are
 * about four times as many as were alive when it looked last, so that a window of 16 MiB would take 150 MB. A buffer that is
 * allocated and never touched takes no memory, but counts as memory outside of the heap, and lets V8 look sooner.
 */
export class GarbageCollectionTrigger {
  #bytes = 0;

  /** Deliveries of so many bytes have waited, and are done. */
  addReleased(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < ENOUGH) return;
    this.#bytes = 0;
    startMarking();
  }
}

function startMarking(): void {
  try {
    Reflect.construct(ArrayBuffer, [SIGN]);
  } catch {
    // Where addresses are scarce, V8 looks when it likes.
  }
}
