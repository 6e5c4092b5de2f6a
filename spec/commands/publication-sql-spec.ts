import {
  buildAlterPublication,
  buildCreatePublication,
  buildDropPublication,
} from '../../lib/commands/publication-sql';
import { captureError } from '../support/capture-error';

const NOTHING = { operations: undefined, viaPartitionRoot: undefined, generatedColumns: undefined };
const whole = (schema: string, name: string) => ({ schema, name, columns: undefined, where: undefined });

describe('createPublication', () => {
  it.each([
    ['all tables', { allTables: true, tables: [], schemas: [] }, 'ALL TABLES'],
    ['all tables, and no exceptions', { allTables: true, exceptTables: [], tables: [], schemas: [] }, 'ALL TABLES'],
    [
      'all tables except some',
      { allTables: true, exceptTables: [whole('public', 'users'), whole('My"Own', 'a.b')], tables: [], schemas: [] },
      'ALL TABLES EXCEPT (TABLE "public"."users", "My""Own"."a.b")',
    ],
    [
      'tables',
      { allTables: false, tables: [whole('public', 'users'), whole('My"Own', 'a.b')], schemas: [] },
      'TABLE "public"."users", "My""Own"."a.b"',
    ],
    ['schemas', { allTables: false, tables: [], schemas: ['a', 'B'] }, 'TABLES IN SCHEMA "a", "B"'],
    [
      'both',
      { allTables: false, tables: [whole('public', 'users')], schemas: ['a'] },
      'TABLE "public"."users", TABLES IN SCHEMA "a"',
    ],
    [
      'parts of tables',
      {
        allTables: false,
        tables: [{ ...whole('s', 't'), columns: ['id', 'No'], where: 'id > 1 -- few' }],
        schemas: [],
      },
      'TABLE "s"."t" ("id", "No") WHERE (id > 1 -- few\n)',
    ],
  ])('includes %s', (_, scope, text) => {
    expect(buildCreatePublication('p', scope, NOTHING)).toBe(`CREATE PUBLICATION "p" FOR ${text}`);
  });

  it.each([
    [{ operations: ['insert', 'update'] }, "publish = 'insert, update'"],
    [{ viaPartitionRoot: false }, 'publish_via_partition_root = false'],
    [{ generatedColumns: 'stored' }, 'publish_generated_columns = stored'],
    [
      { operations: ['delete'], viaPartitionRoot: true, generatedColumns: 'none' },
      "publish = 'delete', publish_via_partition_root = true, publish_generated_columns = none",
    ],
  ])('sets %j', (parameters, text) => {
    const scope = { allTables: true, tables: [], schemas: [] };
    const sql = buildCreatePublication('it\'s "p"', scope, { ...NOTHING, ...parameters });
    expect(sql).toBe(`CREATE PUBLICATION "it's ""p""" FOR ALL TABLES WITH (${text})`);
  });
});

it('builds ALTER and DROP', () => {
  expect(buildAlterPublication('p', 'SET', [whole('a', 'b'), whole('c', 'd')])).toBe(
    'ALTER PUBLICATION "p" SET TABLE "a"."b", "c"."d"',
  );
  expect(buildDropPublication('P')).toBe('DROP PUBLICATION "P"');
});

it('rejects a NUL byte', () => {
  const where = 'true\0';
  expect(captureError(() => buildAlterPublication('p', 'ADD', [{ ...whole('a', 'b'), where }]))).toHaveProperty(
    'option',
    'where',
  );
  expect(captureError(() => buildDropPublication('p\0'))).toHaveProperty('option', 'identifier');
});
