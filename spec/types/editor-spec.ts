import { Editor } from './editor';

const editor = new Editor();

const HEAD = `
  import { ackAfter, logicalReplication, ofTable, stopOn, transactions } from 'rxjs-pg-replication';
  import type { PgoutputConfig, Transaction } from 'rxjs-pg-replication';
  interface Tables {
    users: { id: number; email: string };
    'billing.invoices': { id: number; total: string };
  }
  declare const config: PgoutputConfig;
  declare function save(tx: Transaction<Tables>): void;
  `;

// The first request includes the time in which the compiler reads everything.
const atFirst = editor.complaints(HEAD);

describe('a user who declares tables', () => {
  it('can write a program that compiles', () => {
    expect(atFirst).toEqual([]);
    expect(
      editor.complaints(`${HEAD} logicalReplication<Tables>(config).pipe(transactions(), ackAfter(save));`),
    ).toEqual([]);
  });

  it.each([
    ["logicalReplication<Tables>(config).pipe(ofTable('¦'))"],
    ["logicalReplication<Tables>(config).pipe(stopOn([]), ofTable('users', '¦'))"],
    ["logicalReplication<Tables>(config).pipe(transactions()).subscribe(([change]) => change?.table === '¦')"],
  ])('gets suggestions for table names: %s', (program) => {
    expect(editor.suggestions(HEAD + program)).toEqual(['users', 'billing.invoices']);
  });

  it('gets suggestions for columns', () => {
    const program = `${HEAD} logicalReplication<Tables>(config).pipe(transactions()).subscribe((tx) => {
      for (const change of tx) if (change.table === 'billing.invoices' && change.kind === 'insert') change.new.¦
    })`;
    expect(editor.suggestions(program)).toEqual(['id', 'total']);
  });

  it.each([
    ['transactions(), ackAfter((tx¦) => tx.size)', '(parameter) tx: Transaction<Tables>'],
    ["ofTable('users'), ackAfter((change¦) => change.kind)", '(parameter) change: TableChange<Tables, "users">'],
  ])('sees types with the names in the code: %s', (operators, hint) => {
    expect(editor.hint(`${HEAD} logicalReplication<Tables>(config).pipe(${operators})`)).toBe(hint);
  });

  it.each([
    [
      "logicalReplication<Tables>(config).pipe(ofTable('user'))",
      `Argument of type '"user"' is not assignable to parameter of type '"users" | "billing.invoices"'.`,
    ],
    [
      "logicalReplication<Tables>({ slot: 's', publication: ['p'] })",
      `but 'publication' does not exist in type 'AnyPgoutputConfig'. Did you mean to write 'publications'?`,
    ],
    [
      "logicalReplication({ slot: 's' })",
      `Property 'publications' is missing in type '{ slot: string; }' but required in type 'AnyPgoutputConfig'.`,
    ],
    [
      "logicalReplication({ slot: 's', publications: ['p'], streaming: 'yes' })",
      `Type '"yes"' is not assignable to type '"off" | "on" | "parallel" | undefined'.`,
    ],
    [
      "logicalReplication<Tables>({ slot: 's', plugin: 'test_decoding' })",
      `'plugin' does not exist in type 'AnyPgoutputConfig'.`,
    ],
    [
      'logicalReplication(config).pipe(transactions(), ackAfter(save))',
      `Type 'Transaction<AnyTables>' is not assignable to type 'Transaction<Tables>'.`,
    ],
  ])('gets one error that states the problem: %s', (program, complaint) => {
    expect(editor.complaints(`${HEAD} ${program};`)).toEqual([expect.stringContaining(complaint)]);
  });
});
