import { ConfigError } from '../../lib/common/errors';
import {
  buildAlterReplicationSlot,
  buildCreateReplicationSlot,
  buildDropReplicationSlot,
} from '../../lib/commands/slot-sql';
import { quotePublicationNames, quoteIdentifier, quoteLiteral, buildStartReplication } from '../../lib/commands/sql';
import { captureError } from '../support/capture-error';

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
  it('includes slot, position and options', () => {
    expect(
      buildStartReplication('orders', '0/0', {
        proto_version: '1',
        publication_names: quotePublicationNames(['orders_pub']),
      }),
    ).toBe(`START_REPLICATION SLOT "orders" LOGICAL 0/0 (proto_version '1', publication_names '"orders_pub"')`);
  });

  it('quotes publications of any name', () => {
    const names = quotePublicationNames(['My,Pub', "it's", 'quo"te', 'back\\slash']);
    expect(buildStartReplication('s', '1/2A', { publication_names: names })).toBe(
      `START_REPLICATION SLOT "s" LOGICAL 1/2A (publication_names '"My,Pub","it''s","quo""te","back\\slash"')`,
    );
  });

  it('omits the parentheses without options', () => {
    expect(buildStartReplication('s', '0/0', {})).toBe('START_REPLICATION SLOT "s" LOGICAL 0/0');
  });

  it("quotes other plugins' option names if required", () => {
    expect(buildStartReplication('s', '0/0', { 'include-xids': 'true', IncludeXids: '1', 'a"b': '' })).toBe(
      `START_REPLICATION SLOT "s" LOGICAL 0/0 ("include-xids" 'true', "IncludeXids" '1', "a""b" '')`,
    );
  });
});

describe('createReplicationSlot', () => {
  const request = { slot: 's', plugin: 'pgoutput', temporary: false, failover: false, twoPhase: false };

  it.each([
    [100000, false, 'CREATE_REPLICATION_SLOT "s" LOGICAL "pgoutput" NOEXPORT_SNAPSHOT'],
    [149999, true, 'CREATE_REPLICATION_SLOT "s" TEMPORARY LOGICAL "pgoutput" NOEXPORT_SNAPSHOT'],
    [150000, false, `CREATE_REPLICATION_SLOT "s" LOGICAL "pgoutput" (SNAPSHOT 'nothing')`],
    [180004, true, `CREATE_REPLICATION_SLOT "s" TEMPORARY LOGICAL "pgoutput" (SNAPSHOT 'nothing')`],
  ])('on %d, temporary %p', (serverVersion, temporary, sql) => {
    expect(buildCreateReplicationSlot({ ...request, temporary, serverVersion })).toBe(sql);
  });

  it.each([
    [150000, { twoPhase: true }, "SNAPSHOT 'nothing', TWO_PHASE true"],
    [170000, { failover: true }, "SNAPSHOT 'nothing', FAILOVER true"],
    [180004, { twoPhase: true, failover: true }, "SNAPSHOT 'nothing', TWO_PHASE true, FAILOVER true"],
  ])('on %d, with %j', (serverVersion, options, list) => {
    expect(buildCreateReplicationSlot({ ...request, ...options, serverVersion })).toBe(
      `CREATE_REPLICATION_SLOT "s" LOGICAL "pgoutput" (${list})`,
    );
  });
});

describe('alterReplicationSlot', () => {
  it.each([
    [true, undefined, 'FAILOVER true'],
    [undefined, false, 'TWO_PHASE false'],
    [false, true, 'FAILOVER false, TWO_PHASE true'],
  ])('with failover %p and twoPhase %p', (failover, twoPhase, list) => {
    expect(buildAlterReplicationSlot('s', { failover, twoPhase })).toBe(`ALTER_REPLICATION_SLOT "s" (${list})`);
  });
});

describe('dropReplicationSlot', () => {
  it.each([
    [false, 'DROP_REPLICATION_SLOT "s"'],
    [true, 'DROP_REPLICATION_SLOT "s" WAIT'],
  ])('with wait %p', (wait, sql) => {
    expect(buildDropReplicationSlot('s', wait)).toBe(sql);
  });
});

describe('a NUL byte', () => {
  const slot = {
    slot: 's',
    plugin: 'p',
    temporary: false,
    failover: false,
    twoPhase: false,
    serverVersion: 180000,
  };
  const refusals: [option: string, build: () => string][] = [
    ['identifier', () => quoteIdentifier('\0')],
    ['text', () => quoteLiteral('a\0')],
    ['publications', () => quotePublicationNames(['a', 'b\0'])],
    ['slot', () => buildStartReplication('a\0', '0/0', {})],
    ['slot', () => buildDropReplicationSlot('a\0', true)],
    ['slot', () => buildAlterReplicationSlot('a\0', { failover: true, twoPhase: undefined })],
    ['slot', () => buildCreateReplicationSlot({ ...slot, slot: '\0' })],
    ['plugin', () => buildCreateReplicationSlot({ ...slot, plugin: '\0' })],
    ['pluginOptions.include-xids', () => buildStartReplication('s', '0/0', { 'include-xids': '\0' })],
  ];

  it.each(refusals)('is rejected in %s', (option, build) => {
    const error = captureError(build);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toHaveProperty('option', option);
  });
});
