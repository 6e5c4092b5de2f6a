import type { Random } from '../../chaos/random';
import { quote, TEXT } from './kinds';
import {
  creation,
  definition,
  identifier,
  KEY_STEP,
  REGIONS,
  type Column,
  type SchemaGenerator,
  type Table,
} from './schema';

/** The prefix of messages that contain DDL, which the copy must execute, too. */
export const DDL_PREFIX = 'ddl';

/** DDL with the resulting table; undefined if it is dropped. */
export interface SchemaChange {
  readonly sql: string;
  readonly table: Table | undefined;
}

/** Creates random SQL for tables. */
export class Statements {
  readonly #random: Random;
  readonly #inventor: SchemaGenerator;
  #nextId = 1;

  constructor(random: Random, inventor: SchemaGenerator) {
    this.#random = random;
    this.#inventor = inventor;
  }

  insert({ name, columns, shape }: Table): string {
    const random = this.#random;
    const names = ['id', ...(shape === 'parts' ? ['region'] : []), ...columns.map((column) => column.name)];
    const target = `INSERT INTO ${identifier(name)} (${names.map(identifier).join(', ')})`;
    if (random.chance(0.15)) {
      const [from, count] = [this.#nextId, random.between(50, 400)];
      this.#nextId += count;
      const region = `(ARRAY['north', 'south', 'east'])[1 + g % 3]`;
      const values = columns.map(({ kind }) => `(${kind.many})::${kind.sql}`);
      const all = ['g', ...(shape === 'parts' ? [region] : []), ...values].join(', ');
      return `${target} SELECT ${all} FROM generate_series(${from}, ${from + count - 1}) g`;
    }
    const row = (): string => {
      const id = shape === 'heap' && random.chance(0.2) ? 'NULL' : String(this.#nextId++);
      const region = shape === 'parts' ? [quote(random.pick(REGIONS))] : [];
      return `(${[id, ...region, ...columns.map((column) => this.#value(column))].join(', ')})`;
    };
    const rows = Array.from({ length: random.between(1, 4) }, row);
    // Rows that are equal in all columns.
    if (shape === 'heap' && random.chance(0.3)) rows.push(...rows.slice(0, 1));
    return `${target} VALUES ${rows.join(', ')}`;
  }

  /** @param only a condition that separates the rows of different sessions */
  update(table: Table, only: string): string {
    const random = this.#random;
    const changed = random.shuffle(table.columns).slice(0, random.between(1, 3));
    const sets = changed.map((column) => `${identifier(column.name)} = ${this.#value(column)}`);
    if (table.shape === 'parts' && random.chance(0.3)) sets.push(`region = ${quote(random.pick(REGIONS))}`);
    if (random.chance(0.2)) sets.push(`id = id + ${KEY_STEP}`);
    // An update that changes nothing is also sent.
    if (sets.length === 0) sets.push('id = id');
    return `UPDATE ${identifier(table.name)} SET ${sets.join(', ')} WHERE ${only} AND ${this.#some()}`;
  }

  delete({ name }: Table, only: string): string {
    return `DELETE FROM ${identifier(name)} WHERE ${only} AND ${this.#some()}`;
  }

  truncate(tables: readonly Table[]): string {
    const how = this.#random.pick(['', ' RESTART IDENTITY', ' CASCADE', ' RESTART IDENTITY CASCADE']);
    return `TRUNCATE ${tables.map(({ name }) => identifier(name)).join(', ')}${how}`;
  }

  /** A message without an effect. */
  message(): string {
    const content = quote('noise '.repeat(this.#random.between(0, 50)));
    return `SELECT pg_logical_emit_message(${this.#random.chance(0.5)}, 'noise', ${content})`;
  }

  /** DDL of a table that no other session uses. */
  change(table: Table): SchemaChange {
    const random = this.#random;
    const name = identifier(table.name);
    const victim = random.shuffle(table.columns)[0];
    const add = (column: Column, before = '', fallback = ''): SchemaChange => ({
      sql: `${before}ALTER TABLE ${name} ADD COLUMN ${definition(column)}${fallback}`,
      table: { ...table, columns: [...table.columns, column] },
    });
    const without = (columns: readonly Column[]): Table => ({ ...table, columns });
    const replaced = (by: Column): Table => without(table.columns.map((each) => (each === victim ? by : each)));

    switch (random.between(0, 7)) {
      case 0:
        return add(this.#inventor.column());
      case 1: {
        const column = this.#inventor.column();
        return add(column, '', ` DEFAULT ${this.#value(column)}`);
      }
      case 2:
        if (!this.#inventor.newTypes) break;
        return add(...this.#newType());
      case 3: {
        const renamed = this.#inventor.name('t');
        return { sql: `ALTER TABLE ${name} RENAME TO ${identifier(renamed)}`, table: { ...table, name: renamed } };
      }
      case 4:
        if (table.shape !== 'keyed' || table.full) break;
        // Generated columns that are not published prevent replica identity FULL (18).
        return {
          sql: `ALTER TABLE ${name} DROP COLUMN IF EXISTS twice, REPLICA IDENTITY FULL`,
          table: { ...table, full: true },
        };
      case 5: {
        if (!victim) break;
        const renamed = { ...victim, name: this.#inventor.name('c') };
        const sql = `ALTER TABLE ${name} RENAME COLUMN ${identifier(victim.name)} TO ${identifier(renamed.name)}`;
        return { sql, table: replaced(renamed) };
      }
      case 6: {
        if (!victim) break;
        const column = identifier(victim.name);
        const sql = `ALTER TABLE ${name} ALTER ${column} DROP DEFAULT, ALTER ${column} TYPE text USING ${column}::text`;
        return { sql, table: replaced({ ...victim, kind: TEXT }) };
      }
      case 7:
        if (!victim) break;
        return {
          sql: `ALTER TABLE ${name} DROP COLUMN ${identifier(victim.name)}`,
          table: without(table.columns.filter((each) => each !== victim)),
        };
    }
    return add(this.#inventor.column());
  }

  create(table: Table): SchemaChange {
    return { sql: creation(table), table };
  }

  drop({ name }: Table): SchemaChange {
    return { sql: `DROP TABLE ${identifier(name)}`, table: undefined };
  }

  /** A column of a new type. */
  #newType(): [column: Column, before: string, fallback: string] {
    const type = identifier(this.#inventor.name('e'));
    const isArray = this.#random.chance(0.5);
    const value = isArray ? `'{x,"y z"}'` : `'y z'`;
    const sql = isArray ? `${type}[]` : type;
    const kind = { sql, value: () => value, many: value };
    return [{ name: this.#inventor.name('c'), kind }, `CREATE TYPE ${type} AS ENUM ('x', 'y z'); `, ''];
  }

  #value({ kind }: Column): string {
    return this.#random.chance(0.1) ? 'NULL' : kind.value(this.#random);
  }

  /** A condition that holds for some rows: usually for a few of many. */
  #some(): string {
    const of = this.#random.pick([2, 7, 31, 101]);
    return `id % ${of} = ${this.#random.between(0, of - 1)}`;
  }
}
