/** The payloads that the server sent. */
export interface Payloads {
  readonly buffer: Buffer;
  /** The start of each payload, and the end of the last one. */
  readonly offsets: Uint32Array;
}

const LENGTH = 4;

/** Packs payloads one after the other, each preceded by its length. */
export function packed(payloads: readonly Buffer[]): Buffer {
  return Buffer.concat(
    payloads.flatMap((payload) => {
      const length = Buffer.alloc(LENGTH);
      length.writeUInt32BE(payload.length);
      return [length, payload];
    }),
  );
}

/** Unpacks the result of {@link packed}, without copying. */
export function unpacked(pack: Buffer): Payloads {
  const payloads: Buffer[] = [];
  for (let at = 0; at < pack.length;) {
    const end = at + LENGTH + pack.readUInt32BE(at);
    payloads.push(pack.subarray(at + LENGTH, end));
    at = end;
  }
  const offsets = new Uint32Array(payloads.length + 1);
  payloads.forEach((payload, index) => (offsets[index + 1] = (offsets[index] ?? 0) + payload.length));
  return { buffer: Buffer.concat(payloads), offsets };
}

/** A view of each payload. */
export function views({ buffer, offsets }: Payloads): Buffer[] {
  return Array.from(offsets.subarray(1), (end, index) => buffer.subarray(offsets[index], end));
}
