import { ConfigError } from '../../lib/errors';
import {
  createReplicationSlot,
  dropReplicationSlot,
  publicationNames,
  quoteIdentifier,
  quoteLiteral,
  startReplication,
} from '../../lib/wire/sql';
import { failure } from './failure';

describe('quoteIdentifier', () => {
  it.each([
    ['orders', '"orders"'],
    ['quo"te', '"quo""te"'],
    ["it's", '"it\'s"'],
    ['back\\slash', '"back\\slash"'],
  ])('quotes %s', (name, quoted) => {
    expect(quoteIdentifier(name)).toBe(quoted);
  });
});

describe('quoteLiteral', () => {
  it.each([
    ['plain', "'plain'"],
    ['', "''"],
    ["it's", "'it''s'"],
    ['C:\\temp', "E'C:\\\\temp'"],
    ["\\'; DROP TABLE t; --", "E'\\\\''; DROP TABLE t; --'"],
  ])('quotes %s', (text, quoted) => {
    expect(quoteLiteral(text)).toBe(quoted);
  });
});

describe('startReplication', () => {
  it('names slot, position and options', () => {
    expect(
      startReplication('orders', '0/0', { proto_version: '1', publication_names: publicationNames(['orders_pub']) }),
    ).toBe(`START_REPLICATION SLOT "orders" LOGICAL 0/0 (proto_version '1', publication_names '"orders_pub"')`);
  });

  it('quotes publications of any name', () => {
    const names = publicationNames(['My,Pub', "it's", 'quo"te', 'back\\slash']);
    expect(startReplication('s', '1/2A', { publication_names: names })).toBe(
      `START_REPLICATION SLOT "s" LOGICAL 1/2A (publication_names '"My,Pub","it''s","quo""te","back\\slash"')`,
    );
  });

  it('leaves the parentheses out without options', () => {
    expect(startReplication('s', '0/0', {})).toBe('START_REPLICATION SLOT "s" LOGICAL 0/0');
  });

  it("quotes other plugins' option names where they need it", () => {
    expect(startReplication('s', '0/0', { 'include-xids': 'true', IncludeXids: '1', 'a"b': '' })).toBe(
      `START_REPLICATION SLOT "s" LOGICAL 0/0 ("include-xids" 'true', "IncludeXids" '1', "a""b" '')`,
    );
  });
});

describe('createReplicationSlot', () => {
  it.each([
    [100000, false, 'CREATE_REPLICATION_SLOT "s" LOGICAL "pgoutput" NOEXPORT_SNAPSHOT'],
    [149999, true, 'CREATE_REPLICATION_SLOT "s" TEMPORARY LOGICAL "pgoutput" NOEXPORT_SNAPSHOT'],
    [150000, false, `CREATE_REPLICATION_SLOT "s" LOGICAL "pgoutput" (SNAPSHOT 'nothing')`],
    [180004, true, `CREATE_REPLICATION_SLOT "s" TEMPORARY LOGICAL "pgoutput" (SNAPSHOT 'nothing')`],
  ])('on %d, temporary %p', (serverVersion, temporary, sql) => {
    expect(createReplicationSlot({ slot: 's', plugin: 'pgoutput', temporary, serverVersion })).toBe(sql);
  });
});

describe('dropReplicationSlot', () => {
  it.each([
    [false, 'DROP_REPLICATION_SLOT "s"'],
    [true, 'DROP_REPLICATION_SLOT "s" WAIT'],
  ])('with wait %p', (wait, sql) => {
    expect(dropReplicationSlot('s', wait)).toBe(sql);
  });
});

describe('a NUL byte', () => {
  const refusals: [option: string, build: () => string][] = [
    ['identifier', () => quoteIdentifier('\0')],
    ['text', () => quoteLiteral('a\0')],
    ['publications', () => publicationNames(['a', 'b\0'])],
    ['slot', () => startReplication('a\0', '0/0', {})],
    ['slot', () => dropReplicationSlot('a\0', true)],
    ['slot', () => createReplicationSlot({ slot: '\0', plugin: 'p', temporary: false, serverVersion: 180000 })],
    ['plugin', () => createReplicationSlot({ slot: 's', plugin: '\0', temporary: false, serverVersion: 180000 })],
    ['pluginOptions.include-xids', () => startReplication('s', '0/0', { 'include-xids': '\0' })],
  ];

  it.each(refusals)('is refused in %s', (option, build) => {
    const error = failure(build);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toHaveProperty('option', option);
  });
});
