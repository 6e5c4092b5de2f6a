/** Messages for which reading waits for so many ms outlast the collections of young objects, which happen every few ms at full speed. */
const LONG_WAIT_MS = 10;
/** After so many bytes of payloads that waited long, a garbage collection is triggered. */
const TRIGGER_BYTES = 8 * 1024 * 1024;
/** V8 starts to mark the heap when memory outside of it has grown by 64 MiB (kExternalAllocationSoftLimit in its heap.h). */
const EXTERNAL_MEMORY_BYTES = 65 * 1024 * 1024;

/**
 * Triggers a major garbage collection of messages that waited long for their acknowledgement.
 *
 * Messages that wait for a slow subscriber move to the old generation. V8 collects it only when it is about four times as large
 * as after the last collection, so that a window of 16 MiB would take 150 MB. A buffer that is allocated and never written takes
 * no memory, but counts as external memory, and makes V8 collect sooner.
 */
export class GarbageCollectionTrigger {
  #bytes = 0;

  /** Messages of so many bytes are settled, for which reading has waited for so many ms. */
  addReleased(bytes: number, waitedMs: number): void {
    if (waitedMs < LONG_WAIT_MS) return;
    this.#bytes += bytes;
    if (this.#bytes < TRIGGER_BYTES) return;
    this.#bytes = 0;
    startMarking();
  }
}

function startMarking(): void {
  try {
    Reflect.construct(ArrayBuffer, [EXTERNAL_MEMORY_BYTES]);
  } catch {
    // Where the address space is too small, V8 collects at its own time.
  }
}
