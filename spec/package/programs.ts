/** The programs that the check runs and type-checks in the project where it has installed the package, by file name. */
export const programs: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({ private: true }),
  'required.cjs': `
    const { logicalReplication, ReplicationError } = require('rxjs-pg-replication');
    if (typeof logicalReplication !== 'function') throw new Error('require() gives no logicalReplication');
    const { FakeWalSender, toTransaction } = require('rxjs-pg-replication/testing');
    if (typeof FakeWalSender.listen !== 'function') throw new Error('require() gives no FakeWalSender');
    const { sep } = require('node:path');
    const own = Object.keys(require.cache).map((file) => file.split(sep).join('/').split('/rxjs-pg-replication/')[1]).filter(Boolean);
    const expected = 'dist/index.js, dist/library.js, dist/testing/index.js';
    if (own.sort().join(', ') !== expected) throw new Error('require() loads ' + own + '; expected are ' + expected);
    exports.all = { ...require('rxjs-pg-replication') };
    exports.testing = { ...require('rxjs-pg-replication/testing') };`,
  'imported.mjs': `
    import { logicalReplication, ReplicationError } from 'rxjs-pg-replication';
    import { FakeWalSender, table, transaction, toTransaction } from 'rxjs-pg-replication/testing';
    import * as main from 'rxjs-pg-replication';
    import * as testing from 'rxjs-pg-replication/testing';
    import required from './required.cjs';
    if (typeof logicalReplication !== 'function') throw new Error('import gives no logicalReplication');
    for (const [imported, all] of [[main, required.all], [testing, required.testing]]) {
      for (const name of new Set([...Object.keys(imported), ...Object.keys(all)])) {
        if (name === 'default' || name === 'module.exports') continue;
        if (imported[name] !== all[name]) throw new Error('import and require() differ in ' + name);
      }
    }
    if (!(new ReplicationError('SERVER_ERROR', 'x') instanceof Error)) throw new Error('ReplicationError is no Error');
    const orders = table('orders', { id: 'int4' });
    const server = await FakeWalSender.listen({ slots: ['orders'], publications: ['orders_pub'] });
    const stream = logicalReplication({ connection: server.url, slot: 'orders', publications: ['orders_pub'] });
    const subscription = stream.subscribe((message) => message.ack());
    await server.whenConfirmed(server.commit(transaction([orders.insert({ id: 1 })])));
    server.verify();
    subscription.unsubscribe();
    await server.close();`,
  // The bundle of a user, in ESM format. SASLprep, for characters beyond ASCII, reads a table with Node's zlib.
  'bundled.mjs': `
    import { ackAfter, logicalReplication, transactions } from 'rxjs-pg-replication';
    import { FakeWalSender, table, transaction } from 'rxjs-pg-replication/testing';
    import { findThrow } from './thrown.mjs';
    const orders = table('orders', { id: 'int4' });
    const server = await FakeWalSender.listen({ slots: ['orders'], publications: ['orders_pub'], password: 'Paßwort' });
    const config = { connection: server.url, slot: 'orders', publications: ['orders_pub'] };
    const done = [];
    const work = async (tx) => { for (const change of tx) done.push(change.new.id); };
    const subscription = logicalReplication(config).pipe(transactions(), ackAfter(work)).subscribe();
    await server.whenConfirmed(server.commit(transaction([orders.insert({ id: 1 })])));
    server.verify();
    subscription.unsubscribe();
    await server.close();
    if (done.join() !== '1') throw new Error('The work received ' + done);
    findThrow(logicalReplication);`,
  'mapped.mjs': `
    import { logicalReplication } from 'rxjs-pg-replication';
    import { findThrow } from './thrown.mjs';
    findThrow(logicalReplication);`,
  // Runs with --enable-source-maps: the stack names the line of the source that throws.
  'thrown.mjs': `
    import { readFileSync } from 'node:fs';
    export const findThrow = (logicalReplication) => {
      let stack = 'nothing is thrown';
      try { logicalReplication({ slot: 1 }); } catch (error) { ({ stack } = error); }
      const [, file, line] = /(\\/\\S*\\/lib\\/\\S+\\.ts):(\\d+):\\d+/.exec(stack) ?? [];
      const text = file && readFileSync(file, 'utf8').split('\\n')[line - 1];
      if (!/new ConfigError\\(/.test(text)) throw new Error('The source map leads to ' + text + ' in ' + stack);
    };`,
  'typed.mts': `
    import { logicalReplication, ReplicationError, type InsertMessage, type Transaction } from 'rxjs-pg-replication';
    import { table, transaction, toTransaction, type BackendProcess, type FakeCluster, type FakeWalSender, type Step, type Violation } from 'rxjs-pg-replication/testing';
    import type { Observable } from 'rxjs';
    export const stream: Observable<unknown> = logicalReplication({ slot: 'orders', publications: ['orders_pub'] });
    export const failure: Error = new ReplicationError('SERVER_ERROR', 'x');
    export const tx: Transaction = toTransaction(transaction([table('orders', { id: 'int4' }).insert({ id: 1 })]));
    export const step: Step = { keepalive: { walEnd: '0/1000000' } };
    // @ts-expect-error a step has one name
    export const steps: Step = { stall: 50, cut: 0 };
    export const cluster = (server: FakeWalSender): FakeCluster => server;
    export const last = ({ last }: FakeWalSender): BackendProcess => last;
    export type Hidden = [
      // @ts-expect-error internal
      InsertMessage['deliveryState'],
      // @ts-expect-error internal
      Transaction['deliveryState'],
      // @ts-expect-error internal
      FakeWalSender['report'],
      // @ts-expect-error internal
      FakeWalSender['changed'],
      // @ts-expect-error internal
      FakeWalSender['connected'],
      // @ts-expect-error internal
      FakeCluster['disturb'],
      // @ts-expect-error internal
      BackendProcess['receive'],
      // @ts-expect-error internal
      BackendProcess['disconnected'],
      // @ts-expect-error internal
      BackendProcess['outbox'],
      // @ts-expect-error internal
      BackendProcess['auditor'],
    ];
    export const violations = (server: FakeWalSender): readonly Violation[] => server.violations;`,
  'tables.mts': `
    import { ackAfter, logicalReplication, ofTable, reconnect, stopOn, transactions } from 'rxjs-pg-replication';
    import type { AnyReplicationMessage, InsertMessage, TableChange, Transaction, UpdatedRow } from 'rxjs-pg-replication';
    import { table, transaction, toTransaction } from 'rxjs-pg-replication/testing';
    import { NEVER, type Observable } from 'rxjs';
    /** As Kysely declares it. */
    interface ColumnType<S, I = S, U = S> { readonly __select__: S; readonly __insert__: I; readonly __update__: U }
    interface UserTable { id: ColumnType<number, number | undefined>; email: string; since: ColumnType<Date, string, never> }
    interface Database { users: UserTable; 'billing.invoices': { total: string } }
    const config = { slot: 'users', publications: ['users_pub'] };
    const save = async (tx: Transaction<Database>): Promise<string[]> => {
      const emails: string[] = [];
      for (const change of tx) {
        if (change.table !== 'users') continue;
        // @ts-expect-error it may be absent, of an insert that a row filter has made
        if (change.kind === 'insert') emails.push(change.new.email);
        if (change.kind === 'insert') emails.push(change.new.email ?? '');
        // @ts-expect-error it may be absent
        if (change.kind === 'update') emails.push(change.new.email);
        if (change.kind === 'update') change.new.since.getTime();
      }
      // @ts-expect-error not declared
      for (const change of tx) if (change.table === 'orders') return [];
      return emails;
    };
    export const emails: Observable<string[]> = logicalReplication<Database>({ ...config, streaming: 'on' })
      .pipe(stopOn(NEVER), transactions(), ackAfter(save), reconnect());
    export const changes: Observable<TableChange<Database, 'users'>> =
      logicalReplication<Database>(config).pipe(ofTable('users'));
    // @ts-expect-error not declared
    logicalReplication<Database>(config).pipe(ofTable('orders'));
    export const any = (tx: Transaction<Database>): Transaction => tx;
    export const whole = (change: InsertMessage<Database, 'users'>): UpdatedRow<{ id: number; email: string }> => change.new;
    export const fake: Transaction = toTransaction(transaction([table('users', { id: 'int4' }).insert({ id: 1 })]));
    // @ts-expect-error of any tables these are not known to be there
    save(fake);
    export const dynamic = (twoPhase: boolean): Observable<AnyReplicationMessage<Database>> =>
      logicalReplication<Database>({ ...config, twoPhase });`,
  'typed.cts': `
    import replication = require('rxjs-pg-replication');
    import testing = require('rxjs-pg-replication/testing');
    export const failure: Error = new replication.ReplicationError('SERVER_ERROR', 'x');
    export const server: Promise<testing.FakeWalSender> = testing.FakeWalSender.listen();`,
};
