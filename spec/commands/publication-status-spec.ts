import { fetchPublications } from '../../lib/commands/publication-status';
import { runRoutine, rows, type ClientCommands } from './support/converse';

const PUBLICATION = {
  pubname: 'pub',
  owner: 'app',
  puballtables: 't',
  pubinsert: 't',
  pubupdate: 't',
  pubdelete: 't',
  pubtruncate: 't',
  pubviaroot: 'f',
  pubgencols: 'n',
  schemas: '[]',
};

/** The OIDs of tables, from 20000 on, in lists of this length. */
function portions(count: number, size: number): number[][] {
  const relations = Array.from({ length: count }, (_, i) => 20_000 + i);
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => relations.slice(i * size, (i + 1) * size));
}

/** The tables that a query describes. */
function describedIn(sql: string): number[] {
  const [, list = ''] = /unnest\('\{([\d,]*)\}'::oid\[\]\)/.exec(sql) ?? [];
  return list === '' ? [] : list.split(',').map(Number);
}

/** A server with a publication whose tables it returns in these portions. */
const serverWith = (lists: readonly number[][]) => (said: ClientCommands) => {
  const sql = said.kind === 'query' ? said.sql : '';
  if (sql.includes('unnest')) {
    const tables = describedIn(sql).map((oid) => ({ schemaname: 'public', tablename: `t${oid}` }));
    return rows(...tables.map((table) => ({ ...table, rowfilter: null, columns: '{id,"a \\"b, c"}' })));
  }
  if (!sql.includes('array_agg')) return rows(PUBLICATION);
  return rows(...lists.map((list) => ({ pubname: 'pub', publication: '17000', relations: `{${list.join(',')}}` })));
};

describe('the status of publications', () => {
  it('includes all tables with their columns', () => {
    const { value } = runRoutine(fetchPublications(['pub'], 180_004), serverWith([[20_000], [20_001]]));
    const table = (name: string) => ({
      table: name,
      schema: 'public',
      name,
      columns: ['id', 'a "b, c'],
      where: undefined,
    });
    expect(value).toMatchObject([{ name: 'pub', tables: [table('t20000'), table('t20001')] }]);
  });

  it.each([1_000, 4_000, 16_000])(
    'of %i tables determines the published tables once, and describes each table once',
    (count) => {
      const lists = portions(count, 2_000);
      const { value, sql } = runRoutine(fetchPublications(['pub'], 180_004), serverWith(lists));
      expect(value?.[0]?.tables).toHaveLength(count);
      expect(sql.filter((text) => text.includes('WITH RECURSIVE'))).toHaveLength(1);
      expect(sql.map((text) => describedIn(text).length).filter((size) => size > 0)).toEqual(
        lists.map((list) => list.length),
      );
    },
  );

  it('restarts connectTimeout for each portion of tables', () => {
    const { restarting } = runRoutine(fetchPublications(['pub'], 180_004), serverWith(portions(5_000, 2_000)));
    expect(restarting.map((text) => describedIn(text).length)).toEqual([2_000, 2_000, 1_000]);
  });

  it('sends no further query if the publication does not exist', () => {
    const { value, sql } = runRoutine(fetchPublications(['none'], 180_004), () => rows());
    expect([value, sql.length]).toEqual([[], 1]);
  });
});
