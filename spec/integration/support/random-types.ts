/** Random types composed of others, their values, and the catalog rows that describe them. */
import fc, { type Arbitrary } from 'fast-check';
import type { Client } from 'pg';

/** A type as CREATE TYPE and CREATE DOMAIN define it. */
export type Tree =
  | { kind: 'builtIn'; sql: BuiltIn }
  | { kind: 'enum'; labels: string[] }
  | { kind: 'domain'; base: Tree }
  | { kind: 'composite'; attributes: [name: string, type: Tree][] }
  | { kind: 'array'; element: Tree };

const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom(...`{}()[]",;\\' \n\tNULa🌍ß`), maxLength: 8 }),
  fc.constantFrom('', 'NULL', 'null', '()', '{}', '(,)', '[0:1]={a,b}'),
);

/** Built-in types with values. box has a different delimiter, and pg has no parser for int4range. */
const BUILT_IN = {
  int4: fc.integer().map(String),
  int8: fc.constantFrom('9223372036854775807', '-1'),
  bool: fc.constantFrom('t', 'f'),
  text: anyText,
  numeric: fc.constantFrom('1.50', 'NaN', '12345678901234567890.1'),
  bytea: fc.constantFrom('\\x', '\\x00ff5c22'),
  timestamptz: fc.constantFrom('2024-02-29 12:34:56.789+00', 'infinity', '0044-03-15 12:00:00+00 BC'),
  jsonb: fc.constantFrom('null', '{"a, b": [1, "\\"}"]}', '"text"'),
  box: fc.constantFrom('(1,1),(0,0)', '(2.5,2),(1,-1)'),
  point: fc.constantFrom('(1,2)'),
  int4range: fc.constantFrom('[1,5)', 'empty', '(,3)'),
  'int4[]': fc.constantFrom('{}', '{1,NULL}', '[0:1]={1,2}', '{{1},{2}}'),
  'text[]': fc.constantFrom('{"a \\"b\\"",NULL,"NULL"}', '{{"{}"},{"()"}}'),
} satisfies Record<string, Arbitrary<string>>;

type BuiltIn = keyof typeof BUILT_IN;

const builtIn = fc.constantFrom(...(Object.keys(BUILT_IN) as BuiltIn[])).map((sql): Tree => ({ kind: 'builtIn', sql }));
const name = fc.constantFrom('a', 'B c', '__proto__', 'constructor', 'q"u,o\\te', 'NULL', '{}', '()', 'größe', '');
const label = fc.constantFrom('so', 'la la', 'NULL', 'a,b', '"', '\\', '{x}', '(y)', ' ', "it's");

export const tree: Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    builtIn,
    fc.uniqueArray(label, { minLength: 1, maxLength: 5 }).map((labels): Tree => ({ kind: 'enum', labels })),
    tie('tree').map((base): Tree => ({ kind: 'domain', base })),
    tie('tree').map((element): Tree => ({ kind: 'array', element: isArray(element) ? { kind: 'domain', base: element } : element })), // prettier-ignore
    fc
      .uniqueArray(
        fc.tuple(
          name.filter((it) => it !== ''),
          tie('tree'),
        ),
        { maxLength: 4, selector: ([it]) => it },
      ) // prettier-ignore
      .map((attributes): Tree => ({ kind: 'composite', attributes })),
  ),
})).tree;

/** An array of arrays does not exist; an array of domains over arrays does. */
function isArray(type: Tree): boolean {
  return type.kind === 'array' || (type.kind === 'builtIn' && type.sql.endsWith('[]'));
}

/** Values of a type as text for its input function; null for NULL. */
export function createValue(type: Tree): Arbitrary<string | null> {
  return fc.option(createText(type), { freq: 6 });
}

function createText(type: Tree): Arbitrary<string> {
  switch (type.kind) {
    case 'builtIn':
      return BUILT_IN[type.sql];
    case 'enum':
      return fc.constantFrom(...type.labels);
    case 'domain':
      return createText(type.base);
    case 'composite':
      return fc.tuple(...type.attributes.map(([, each]) => createValue(each))).map(printRecord);
    case 'array': {
      const by = delimiterOf(type.element);
      return fc.oneof(
        fc.constant('{}'),
        fc
          .tuple(fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 3 }), fc.option(fc.nat(3)))
          .chain(([sizes, low]) => {
            const count = sizes.reduce((product, size) => product * size, 1);
            const bounds = low === null ? '' : `${sizes.map((size) => `[${low}:${low + size - 1}]`).join('')}=`;
            const elements = fc.array(createValue(type.element), { minLength: count, maxLength: count });
            return elements.map((each) => bounds + printArray(sizes, each, by));
          }),
      );
    }
  }
}

/** pg_type.typdelim: a domain has its base type's, an array its element's. */
function delimiterOf(type: Tree): string {
  if (type.kind === 'domain') return delimiterOf(type.base);
  if (type.kind === 'array') return delimiterOf(type.element);
  return type.kind === 'builtIn' && type.sql === 'box' ? ';' : ',';
}

function printRecord(fields: readonly (string | null)[]): string {
  return `(${fields.map((field) => (field === null ? '' : quote(field))).join()})`;
}

function printArray([size = 0, ...inner]: readonly number[], elements: readonly (string | null)[], by: string): string {
  const each = elements.length / size;
  const parts = Array.from({ length: size }, (_, i) => {
    const [first = null, ...more] = elements.slice(i * each, (i + 1) * each);
    if (inner.length > 0) return printArray(inner, [first, ...more], by);
    return first === null ? 'NULL' : quote(first);
  });
  return `{${parts.join(by)}}`;
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function identifier(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** A type that exists on the server. */
export type Made =
  | { kind: 'builtIn' | 'enum'; sql: string }
  | { kind: 'domain'; sql: string; base: Made }
  | { kind: 'composite'; sql: string; attributes: readonly (readonly [name: string, type: Made])[] }
  | { kind: 'array'; sql: string; element: Made };

let made = 0;

/** Creates a type and all types that it contains. */
export async function make(client: Client, type: Tree): Promise<Made> {
  const sql = `"type, ${++made}"`;
  switch (type.kind) {
    case 'builtIn':
      return type;
    case 'enum': {
      const labels = type.labels.map((each) => `'${each.replaceAll("'", "''")}'`);
      await client.query(`CREATE TYPE ${sql} AS ENUM (${labels.join()})`);
      return { kind: 'enum', sql };
    }
    case 'domain': {
      const base = await make(client, type.base);
      await client.query(`CREATE DOMAIN ${sql} AS ${base.sql}`);
      return { kind: 'domain', sql, base };
    }
    case 'array': {
      const element = await make(client, type.element);
      return { kind: 'array', sql: `${element.sql}[]`, element };
    }
    case 'composite': {
      const attributes: [string, Made][] = [];
      for (const [attribute, each] of type.attributes) attributes.push([attribute, await make(client, each)]);
      const list = attributes.map(([attribute, each]) => `${identifier(attribute)} ${each.sql}`);
      await client.query(`CREATE TYPE ${sql} AS (${list.join()})`);
      return { kind: 'composite', sql, attributes };
    }
  }
}

/** Splits a value into its parts by SQL. pg decodes built-in parts; the text of others is not parsed. */
export async function parts(client: Client, type: Made, value: string | null, expression?: string): Promise<unknown> {
  const it = expression ?? `($1::${type.sql})`;
  const ask = async (what: string): Promise<unknown> => {
    const { rows } = await client.query<{ found: unknown }>(`SELECT ${what} AS found`, [value]);
    return rows[0]?.found;
  };
  // IS NULL is also true for a record of nulls.
  if ((await ask(`num_nulls(${it})`)) === 1) return null;
  switch (type.kind) {
    case 'builtIn':
    case 'enum':
      return ask(it);
    case 'domain':
      return parts(client, type.base, value, `(${it}::${type.base.sql})`);
    case 'composite': {
      const entries: [string, unknown][] = [];
      for (const [attribute, each] of type.attributes) {
        entries.push([attribute, await parts(client, each, value, `(${it}).${identifier(attribute)}`)]);
      }
      return Object.fromEntries(entries);
    }
    case 'array': {
      // Its OID is built in, too, so pg decodes it, and converts the elements of numeric[] to doubles.
      if (type.element.kind === 'builtIn') return ask(it);
      const dimensions = Number((await ask(`array_ndims(${it})`)) ?? 0);
      const within = async (subscripts: readonly number[]): Promise<unknown> => {
        const dimension = subscripts.length + 1;
        if (dimension > dimensions) {
          return parts(client, type.element, value, `(${it}${subscripts.map((at) => `[${at}]`).join('')})`);
        }
        const elements: unknown[] = [];
        const [low, high] = [
          await ask(`array_lower(${it}, ${dimension})`),
          await ask(`array_upper(${it}, ${dimension})`),
        ];
        for (let at = Number(low); at <= Number(high); at++) elements.push(await within([...subscripts, at]));
        return elements;
      };
      return dimensions === 0 ? [] : within([]);
    }
  }
}
