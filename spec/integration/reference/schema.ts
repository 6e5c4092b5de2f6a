import type { Random } from '../../chaos/random';
import { KINDS, type Kind } from './kinds';
import type { Circumstances } from './options';

export interface Column {
  readonly name: string;
  readonly kind: Kind;
}

/** A table as it was last committed, or as a transaction has left it. Immutable. */
export interface Table {
  /** An identifier that is independent of the name. */
  readonly id: number;
  readonly name: string;
  /** Columns other than `id`, which is an int, and those of {@link Table.shape}. */
  readonly columns: readonly Column[];
  /**
   * `keyed` has a primary key, `indexed` a unique index as replica identity, `heap` rows that may be equal, with replica
   * identity FULL; `log` is append-only, and `parts` is partitioned by `region`.
   */
  readonly shape: 'keyed' | 'indexed' | 'heap' | 'log' | 'parts';
  /** Whether a table with a key has replica identity FULL. */
  readonly full: boolean;
}

/** The number that key changes add. Fewer ids are assigned, so that keys stay unique. */
export const KEY_STEP = 1_000_000;
/** The keys of the partitions. */
export const REGIONS = ['north', 'south', 'east'] as const;

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The fixed columns of each shape, and how its rows are identified. */
const FIXED: Record<Table['shape'], readonly string[]> = {
  keyed: ['id int PRIMARY KEY', 'twice bigint GENERATED ALWAYS AS (id::bigint * 2) STORED'],
  indexed: ['id int NOT NULL'],
  heap: ['id int'],
  log: ['id int'],
  parts: ['id int', 'region text', 'PRIMARY KEY (id, region)'],
};

/** SQL that creates the table. */
export function creation({ name, columns, shape, full }: Table): string {
  const table = identifier(name);
  // Replica identity FULL is impossible if generated columns are not published (18).
  const fixed = FIXED[shape].filter((column) => !full || !column.includes('GENERATED'));
  const all = [...fixed, ...columns.map(definition)].join(', ');
  const partitioned = shape === 'parts' ? ' PARTITION BY LIST (region)' : '';
  const partitions = shape === 'parts' ? REGIONS.map((region) => partition(name, region, full)) : [];
  const external = columns.filter(({ kind }) => kind.external);
  return [
    `CREATE TABLE ${table} (${all})${partitioned}`,
    ...partitions,
    ...external.map((column) => `ALTER TABLE ${table} ALTER ${identifier(column.name)} SET STORAGE EXTERNAL`),
    ...identity(table, name, shape),
    ...(full ? [`ALTER TABLE ${table} REPLICA IDENTITY FULL`] : []),
  ].join('; ');
}

function partition(name: string, region: string, full: boolean): string {
  const own = identifier(`${name} ${region}`);
  const sql = `CREATE TABLE ${own} PARTITION OF ${identifier(name)} FOR VALUES IN ('${region}')`;
  return full ? `${sql}; ALTER TABLE ${own} REPLICA IDENTITY FULL` : sql;
}

function identity(table: string, name: string, shape: Table['shape']): string[] {
  const index = identifier(`${name} by id`);
  if (shape === 'heap') return [`ALTER TABLE ${table} REPLICA IDENTITY FULL`];
  if (shape === 'log') return [`ALTER TABLE ${table} REPLICA IDENTITY NOTHING`];
  if (shape !== 'indexed') return [];
  return [
    `CREATE UNIQUE INDEX ${index} ON ${table} (id)`,
    `ALTER TABLE ${table} REPLICA IDENTITY USING INDEX ${index}`,
  ];
}

export function definition({ name, kind }: Column): string {
  return `${identifier(name)} ${kind.sql}`;
}

/** Creates random tables and columns. */
export class SchemaGenerator {
  readonly newTypes: boolean;
  readonly #random: Random;
  readonly #kinds: readonly [Kind, ...Kind[]];
  #made = 0;

  constructor(random: Random, { exact, newTypes }: Circumstances) {
    this.#random = random;
    this.newTypes = newTypes;
    const [first, ...others] = KINDS;
    this.#kinds = [first, ...others.filter(({ needsExact }) => exact || !needsExact)];
  }

  name(prefix: string): string {
    return this.#random.pick([`${prefix}${++this.#made}`, `${prefix} "${++this.#made}"`, `__proto__${++this.#made}`]);
  }

  column(): Column {
    return { name: this.name('c'), kind: this.#random.pick(this.#kinds) };
  }

  table(): Table {
    const shape = this.#random.pick(['keyed', 'keyed', 'indexed', 'heap', 'log', 'parts'] as const);
    const columns = Array.from({ length: this.#random.between(1, 6) }, () => this.column());
    const full = (shape === 'keyed' || shape === 'parts') && this.#random.chance(0.3);
    return { id: ++this.#made, name: this.name('t'), columns, shape, full };
  }
}
