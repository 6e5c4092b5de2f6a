/** Writes a frame's length into its length field. */
export function correctLength(frame: Buffer): Buffer {
  if (frame.length < 5) return frame;
  const repaired = Buffer.from(frame);
  repaired.writeUInt32BE(frame.length - 1, 1);
  return repaired;
}
