/**
 * Checks the package that npm would publish: packs it, lints the tarball and its types, then installs it in an empty project
 * and loads it from both module systems, with the newest tested RxJS and the oldest allowed one. Run it with `npm run
 * package:check`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');
const MODULES = join(ROOT, 'node_modules');
/** The oldest version that the peer dependency allows. */
const OLDEST_RXJS = readOwn().peerDependencies.rxjs.replace(/^\^/, '');
const folder = mkdtempSync(join(tmpdir(), 'package-check-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

function run(title: string, program: string, args: readonly string[], cwd = ROOT): void {
  console.log(`\n── ${title}`);
  const { status, error } = spawnSync(program, args, { cwd, stdio: 'inherit' });
  if (status === 0) return;
  console.error(`\n${title}: failed${error ? ` (${error.message})` : ''}`);
  process.exit(1);
}

function versionOf(name: string): string {
  return (JSON.parse(readFileSync(join(MODULES, name, 'package.json'), 'utf8')) as { version: string }).version;
}

// `npm pack` builds first.
run('npm pack', 'npm', ['pack', '--loglevel=error', '--pack-destination', folder]);
const tarball = join(folder, `rxjs-pg-replication-${readOwn().version}.tgz`);
run('publint --strict', process.execPath, [join(MODULES, 'publint/src/cli.js'), '--strict', tarball]);
// `/testing` is a subpath export, which module resolution without `exports` does not find.
run('attw', process.execPath, [join(MODULES, '@arethetypeswrong/cli/dist/index.js'), '--profile', 'node16', tarball]);

const project = mkdtempSync(join(folder, 'project-'));
const files: Record<string, string> = {
  'package.json': JSON.stringify({ private: true }),
  'required.cjs': `
    const { logicalReplication, ReplicationError } = require('rxjs-pg-replication');
    if (typeof logicalReplication !== 'function') throw new Error('require() gives no logicalReplication');
    const { FakeWalSender, toTransaction } = require('rxjs-pg-replication/testing');
    if (typeof FakeWalSender.listen !== 'function') throw new Error('require() gives no FakeWalSender');
    exports.ReplicationError = ReplicationError;
    exports.toTransaction = toTransaction;`,
  'imported.mjs': `
    import { logicalReplication, ReplicationError } from 'rxjs-pg-replication';
    import { FakeWalSender, table, transaction, toTransaction } from 'rxjs-pg-replication/testing';
    import required from './required.cjs';
    if (typeof logicalReplication !== 'function') throw new Error('import gives no logicalReplication');
    if (ReplicationError !== required.ReplicationError) throw new Error('import and require() give different classes');
    if (!(new ReplicationError('SERVER_ERROR', 'x') instanceof Error)) throw new Error('ReplicationError is no Error');
    if (toTransaction !== required.toTransaction) throw new Error('import and require() give different fakes');
    const orders = table('orders', { id: 'int4' });
    const server = await FakeWalSender.listen({ slots: ['orders'], publications: ['orders_pub'] });
    const stream = logicalReplication({ connection: server.url, slot: 'orders', publications: ['orders_pub'] });
    const subscription = stream.subscribe((message) => message.ack());
    await server.whenConfirmed(server.commit(transaction([orders.insert({ id: 1 })])));
    server.verify();
    subscription.unsubscribe();
    await server.close();`,
  'typed.mts': `
    import { logicalReplication, ReplicationError, type Transaction } from 'rxjs-pg-replication';
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
for (const [name, content] of Object.entries(files)) writeFileSync(join(project, name), content);

const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
const packages = [tarball, `rxjs@${versionOf('rxjs')}`, `@types/node@${versionOf('@types/node')}`];
run('npm install of the tarball', 'npm', ['install', ...quiet, ...packages], project);
checkDeclarationMaps(join(project, 'node_modules/rxjs-pg-replication'));
load('');
run(`npm install of RxJS ${OLDEST_RXJS}`, 'npm', ['install', ...quiet, `rxjs@${OLDEST_RXJS}`], project);
load(` with RxJS ${OLDEST_RXJS}`);
console.log('\nThe package is fit to publish.');

/** Loads the package from both module systems, and type-checks programs of both. */
function load(circumstances: string): void {
  run(`require()${circumstances}`, process.execPath, ['required.cjs'], project);
  run(`import${circumstances}`, process.execPath, ['imported.mjs'], project);
  // Without skipLibCheck, because the published types must type-check with only run-time dependencies installed.
  run(
    `types of both module systems${circumstances}`,
    process.execPath,
    [
      join(MODULES, 'typescript/bin/tsc'),
      ...['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--module', 'node16'],
      ...['--types', 'node', 'typed.mts', 'tables.mts', 'typed.cts'],
    ],
    project,
  );
}

/** Every declaration map must lead to a source file in the package, so that editors can show it. */
function checkDeclarationMaps(folder: string): void {
  console.log('\n── declaration maps');
  const dist = join(folder, 'dist');
  const maps = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.d.ts.map'));
  const missing = maps.flatMap((map) => {
    const { sources } = JSON.parse(readFileSync(join(dist, map), 'utf8')) as { sources: readonly string[] };
    return sources.filter((source) => !existsSync(resolve(dist, dirname(map), source))).map((it) => `${map}: ${it}`);
  });
  if (maps.length > 0 && missing.length === 0) return;
  console.error(`${maps.length} declaration maps; these sources are not in the package:\n${missing.join('\n')}`);
  process.exit(1);
}

function readOwn(): { readonly version: string; readonly peerDependencies: { readonly rxjs: string } } {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as ReturnType<typeof readOwn>;
}
