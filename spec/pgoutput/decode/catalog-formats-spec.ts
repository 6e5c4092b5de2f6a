import { decodeError, decodeLast } from '../support/decode';
import { TABLE } from '../../../lib/testing/defaults';
import { buildRelation, buildType } from '../../../lib/testing/payloads';

describe('Relation', () => {
  it('is decoded with its columns', () => {
    const columns = [
      { name: 'id', key: true, typeOid: 20 },
      { name: 'amount', typeOid: 1700, typeModifier: 655366 },
      { name: 'größe', typeOid: 0xffff_ffff },
    ];
    const message = decodeLast('relation', [
      buildRelation({ oid: 0xffff_fffe, schema: 'billing', name: 'invoices', columns }),
    ]);
    expect(message).toEqual({
      kind: 'relation',
      oid: 0xffff_fffe,
      schema: 'billing',
      name: 'invoices',
      table: 'billing.invoices',
      replicaIdentity: 'default',
      columns: [
        { name: 'id', key: true, typeOid: 20, typeModifier: -1 },
        { name: 'amount', key: false, typeOid: 1700, typeModifier: 655366 },
        { name: 'größe', key: false, typeOid: 0xffff_ffff, typeModifier: -1 },
      ],
    });
  });

  it.each([
    ['public', 'public', 'users'],
    ['Public', 'Public', 'Public.users'],
    ['', 'pg_catalog', 'pg_catalog.users'],
  ])('of schema %j has schema %j and table %j', (sent, schema, table) => {
    expect(decodeLast('relation', [buildRelation({ schema: sent })])).toMatchObject({ schema, name: 'users', table });
  });

  it.each([
    ['d', 'default'],
    ['n', 'nothing'],
    ['f', 'full'],
    ['i', 'index'],
  ])('with replica identity %s means %s', (identity, replicaIdentity) => {
    expect(decodeLast('relation', [buildRelation({ identity })])).toMatchObject({ replicaIdentity });
  });

  it('is rejected with any other replica identity', () => {
    const error = decodeError([buildRelation({ name: 't', identity: 'x' })]);
    expect(error.message).toContain("the replica identity, 'd', 'n', 'f' or 'i', at byte 14, found 'x'");
  });

  it('may have no columns', () => {
    expect(decodeLast('relation', [buildRelation({ columns: [] })])).toMatchObject({ oid: TABLE, columns: [] });
  });
});

describe('Type', () => {
  it('is decoded, with pg_catalog for an empty schema', () => {
    expect(decodeLast('type', [buildType(16400, 'mood')])).toEqual({
      kind: 'type',
      oid: 16400,
      schema: 'public',
      name: 'mood',
    });
    expect(decodeLast('type', [buildType(16401, 'int4', '')]).schema).toBe('pg_catalog');
  });
});
