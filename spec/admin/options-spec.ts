import type { Observable } from 'rxjs';
import {
  alterPublication,
  alterSlot,
  ConfigError,
  createPublication,
  createSlot,
  dropPublication,
  dropSlot,
  identifySystem,
  logicalReplication,
  publicationStatus,
  slotStatus,
} from '../../lib/index';
import { captureError } from '../support/capture-error';

const connection = 'postgres://me@localhost';
const long = 'ö'.repeat(32);

/** Bypasses the types, as a caller in JavaScript can. */
function called(factory: (config: never) => Observable<unknown>, options: Readonly<Record<string, unknown>>) {
  return () => factory({ connection, ...options } as never);
}

const create = (options: object) => called(createPublication, { name: 'p', ...options });
const alter = (options: object) => called(alterPublication, { name: 'p', ...options });

it.each<[option: string, what: RegExp, call: () => unknown]>([
  ['failover', /missing; set failover or twoPhase/, called(alterSlot, { slot: 'orders' })],
  ['twoPhase', /true or false/, called(alterSlot, { slot: 'orders', twoPhase: 'on' })],
  ['slot', /invalid slot name/, called(alterSlot, { slot: 'Orders', failover: true })],
  [
    'ensureSlot.failover',
    /temporary/,
    called(logicalReplication, {
      slot: 'orders',
      publications: ['pub'],
      ensureSlot: { temporary: true, failover: true },
    }),
  ],
  [
    'ensureSlot.twoPhase',
    /twoPhase of the stream, which is false/,
    called(logicalReplication, { slot: 'orders', publications: ['pub'], ensureSlot: { twoPhase: true } }),
  ],
  ['name', /missing/, called(createPublication, { allTables: true })],
  ['name', /missing/, called(dropPublication, { name: '' })],
  ['name', /63 bytes/, called(publicationStatus, { name: long })],
  ['tables', /set tables, schemas or allTables/, create({})],
  ['allTables', /cannot be combined with/, create({ allTables: true, schemas: ['a'] })],
  ['allTables', /cannot be combined with/, create({ allTables: true, tables: ['a'] })],
  ['exceptTables', /requires allTables: true/, create({ tables: ['a'], exceptTables: ['b'] })],
  ['exceptTables', /at least one table, got an empty list/, create({ allTables: true, exceptTables: [] })],
  [
    'exceptTables',
    /must not contain columns or where/,
    create({ allTables: true, exceptTables: [{ table: 'a', where: 'true' }] }),
  ],
  ['exceptTables[0]', /expected a table's name/, create({ allTables: true, exceptTables: ['.users'] })],
  ['tables', /at least one table, got an empty list/, create({ tables: [] })],
  ['tables', /at least one table, got a string/, create({ tables: 'users' })],
  ['tables[1]', /got a number|got 7/, create({ tables: ['users', 7] })],
  ['tables[0]', /expected a table's name/, create({ tables: ['.users'] })],
  ['tables[0]', /expected a table's name/, create({ tables: ['billing.'] })],
  ['tables[0]', /in double quotes, as in '"a\.b"'.*\{ schema, name \}/, create({ tables: ['a.b.c'] })],
  ['tables[0]', /missing/, create({ tables: [''] })],
  ['tables[0]', /63 bytes/, create({ tables: [`billing.${long}`] })],
  ['tables[0].name', /missing/, create({ tables: [{ schema: 'billing' }] })],
  ['tables[0].rows', /unknown option/, create({ tables: [{ name: 'users', rows: 'x' }] })],
  ['tables[0].wher', /Did you mean `where`/, create({ tables: [{ table: 'users', wher: 'x' }] })],
  ['tables[0].where', /empty text/, create({ tables: [{ table: 'users', where: ' ' }] })],
  ['tables[0].columns', /at least one name/, create({ tables: [{ table: 'users', columns: [] }] })],
  ['tables[0].table', /'schema.table'/, create({ tables: [{ table: undefined }] })],
  ['schemas', /expected names/, create({ schemas: [''] })],
  ['operations', /unknown operation "upsert"; use insert/, create({ allTables: true, operations: ['upsert'] })],
  ['generatedColumns', /'none' or 'stored'/, create({ allTables: true, generatedColumns: 'virtual' })],
  ['viaPartitionRoot', /true or false/, create({ allTables: true, viaPartitionRoot: 1 })],
  ['addTables', /missing; set addTables, dropTables or setTables/, alter({})],
  ['dropTables', /cannot be combined with addTables/, alter({ addTables: ['a'], dropTables: ['b'] })],
  ['dropTables', /must not contain columns or where/, alter({ dropTables: [{ table: 'a', columns: ['id'] }] })],
  ['dropTables', /must not contain columns or where/, alter({ dropTables: [{ table: 'a', where: 'true' }] })],
])('%s: %s', (option, what, call) => {
  const error = captureError(call);
  expect(error).toBeInstanceOf(ConfigError);
  expect(error).toMatchObject({ option, message: expect.stringMatching(what) });
});

describe('the options of management commands', () => {
  const connection = 'postgres://app:secret@h/shop';

  it.each<[option: string, call: () => unknown]>([
    ['slot', () => createSlot({ connection, slot: 'Orders' })],
    ['slot', () => dropSlot({ connection, slot: '' })],
    ['slot', () => slotStatus({ connection } as { connection: string; slot: string })],
    ['wait', () => dropSlot({ connection, slot: 'orders', wait: 1 as unknown as boolean })],
    ['plugin', () => createSlot({ connection, slot: 'orders', plugin: 7 as unknown as string })],
    ['connectTimeout', () => identifySystem({ connection, connectTimeout: 0 })],
    ['closeTimeout', () => identifySystem({ connection, closeTimeout: -1 })],
    ['slots', () => identifySystem({ connection, slots: 'orders' } as object)],
    ['connection', () => identifySystem({ connection: 'host=h password=a secret' })],
  ])('are validated when the function is called: %s', (option, call) => {
    const error = captureError(call);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', option });
    expect(error.message).not.toContain('secret');
  });
});
