/**
 * The package postgres, whose `sql.subscribe` emits each change as an object, and no commits.
 *
 * It always creates a temporary slot at the server's current position. The socket passed to it (an option of the package)
 * therefore replaces two queries: `CREATE_REPLICATION_SLOT` becomes a query for the position of the existing slot, with the
 * column that the package reads, and `START_REPLICATION` names that slot. All other data is unchanged.
 */
import { connect, type Socket } from 'node:net';
import { encodeQuery } from '../../../lib/wire/frontend';
import { runClient } from './harness';
import { peer } from './peer';
import type { Task } from './task';

interface Subscription {
  unsubscribe(): void;
}

interface Sql {
  subscribe(
    pattern: '*',
    changed: (row: unknown, change: { readonly command: 'insert' | 'update' | 'delete' }) => void,
    subscribed?: () => void,
    failed?: (error: unknown) => void,
  ): Promise<Subscription>;
  end(options?: { timeout: number }): Promise<void>;
}

interface Package {
  readonly default: (options: Readonly<Record<string, unknown>>) => Sql;
}

/** Encodes a simple query: `Q`, its length, and text that ends with NUL. */
const QUERY = 0x51;

/** Opens a connection that streams from `slot`, whatever slot the package tries to create. */
function openOn({ endpoint: { host, port }, slot }: Task): Promise<Socket> {
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  const write = socket.write.bind(socket);
  socket.write = (data: string | Uint8Array, ...rest: never[]) =>
    write(data instanceof Buffer && data[0] === QUERY ? redirected(data, slot) : data, ...rest);
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket)).once('error', reject);
  });
}

function redirected(message: Buffer, slot: string): Buffer {
  const sql = message.toString('utf8', 5, message.length - 1);
  if (sql.startsWith('CREATE_REPLICATION_SLOT ')) {
    return encodeQuery(
      `SELECT confirmed_flush_lsn AS consistent_point FROM pg_replication_slots WHERE slot_name = '${slot}'`,
    );
  }
  return sql.startsWith('START_REPLICATION SLOT ')
    ? encodeQuery(sql.replace(/^(START_REPLICATION SLOT) \S+/, `$1 ${slot}`))
    : message;
}

async function main(): Promise<void> {
  const { default: postgres } = await peer<Package>('postgres');
  runClient(async (task, tally, fail) => {
    const { endpoint, publication } = task;
    if (endpoint.ca !== undefined) throw new Error('Over TLS this client is not measured.');
    const sql = postgres({
      host: endpoint.host,
      port: endpoint.port,
      user: endpoint.user,
      database: endpoint.database,
      publications: publication,
      socket: () => openOn(task),
    });
    await sql.subscribe(
      '*',
      (_row, { command }) => {
        tally[command] += 1;
        tally.check();
      },
      undefined,
      fail,
    );
    return { leave: () => Promise.race([sql.end({ timeout: 0 }), new Promise((resolve) => setTimeout(resolve, 500))]) };
  });
}

void main();
