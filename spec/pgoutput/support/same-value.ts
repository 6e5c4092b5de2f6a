/** Whether two values are the same in every detail: -0 differs from 0, and invalid Dates are equal. */
export function isSameValue(a: unknown, b: unknown): boolean {
  // Without recursion, because a value may be nested more deeply than the stack allows.
  const pairs: [unknown, unknown][] = [[a, b]];
  for (let pair = pairs.pop(); pair; pair = pairs.pop()) {
    const [x, y] = pair;
    if (Object.is(x, y)) continue;
    if (!isObject(x) || !isObject(y) || Object.getPrototypeOf(x) !== Object.getPrototypeOf(y)) return false;
    if (x instanceof Date && y instanceof Date) {
      if (!Object.is(x.getTime(), y.getTime())) return false;
    } else if (Buffer.isBuffer(x) && Buffer.isBuffer(y)) {
      if (!x.equals(y)) return false;
    } else {
      const names = Object.keys(x);
      if (names.length !== Object.keys(y).length || !names.every((name) => Object.hasOwn(y, name))) return false;
      for (const name of names) pairs.push([x[name], y[name]]);
    }
  }
  return true;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
