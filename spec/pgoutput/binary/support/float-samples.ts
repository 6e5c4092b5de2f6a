const FLOAT = new Float32Array(1);
const DOUBLE = new Float64Array(1);
const FLOAT_BITS = new Uint32Array(FLOAT.buffer);
const DOUBLE_BITS = new BigUint64Array(DOUBLE.buffer);

/** 0 … below − 1 */
function random(below: number): number {
  return Math.floor(Math.random() * below);
}

/**
 * Numbers that are floats: random bits, powers of two and their neighbors, few digits, and whole numbers with few binary
 * places.
 */
export function float4s(count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    FLOAT_BITS[0] = random(2 ** 32);
    if (i % 4 === 1) FLOAT_BITS[0] = random(512) * 2 ** 23 + random(3) - (i % 8 === 1 ? 1 : 0);
    if (i % 4 === 2) FLOAT[0] = random(1e9) * 10 ** (random(60) - 40);
    if (i % 4 === 3) FLOAT[0] = random(2 ** 24) / 2 ** random(9);
    return FLOAT[0]!;
  });
}

/** The same for doubles, and numbers with many zeros, whose neighbors may differ by as much as a decimal with few digits. */
export function float8s(count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    DOUBLE_BITS[0] = BigInt(random(2 ** 32)) * 2n ** 32n + BigInt(random(2 ** 32));
    if (i % 5 === 1) DOUBLE_BITS[0] = BigInt(random(4096)) * 2n ** 52n + BigInt(random(3));
    if (i % 5 === 2) DOUBLE[0] = random(1e9) * 10 ** (random(600) - 300);
    if (i % 5 === 3) DOUBLE[0] = (random(2 ** 50) * 8 + 1) / 2 ** random(6);
    if (i % 5 === 4) DOUBLE[0] = Number(`${random(1e8)}${random(10)}e${10 + random(14)}`);
    return DOUBLE[0]!;
  });
}
