import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createRequire } from 'node:module';

/** A client that can drain a workload. */
export type BenchClient = NodeClient | ProgramClient;

interface Named {
  readonly name: string;
  /** Why it cannot run here; undefined if it can. */
  readonly missing: string | undefined;
}

/** A compiled program of clients/. */
export interface NodeClient extends Named {
  readonly kind: 'node';
  readonly file: string;
  readonly args: readonly string[];
}

/** PostgreSQL's pg_recvlogical. */
export interface ProgramClient extends Named {
  readonly kind: 'program';
  readonly path: string;
}

/** All clients, this library first. */
export function clients(): readonly BenchClient[] {
  return [
    ofNode('ours'),
    ofNode('ours-unconfirmed', '../confirmation/unconfirmed'),
    ofNode('ours-tap'),
    ofNode('ours-ack-after'),
    ofNode('yardstick'),
    { ...ofNode('pg-logical-replication'), missing: missingPeer('pg-logical-replication') },
    {
      ...ofNode('pg-logical-replication-1s', 'pg-logical-replication', '1s'),
      missing: missingPeer('pg-logical-replication'),
    },
    { ...ofNode('pgwire'), missing: missingPeer('pgwire') },
    { ...ofNode('postgres'), missing: missingPeer('postgres') },
    pgRecvlogical(),
    ofNode('bare'),
    ofNode('bare-paced', 'bare', 'paced'),
  ];
}

/** Finds a client by name. */
export function clientNamed(name: string): BenchClient {
  const client = clients().find((each) => each.name === name);
  if (!client) throw new Error(`There is no client named ${name}.`);
  return client;
}

function ofNode(name: string, file = name, ...args: string[]): NodeClient {
  return { kind: 'node', name, file, args, missing: undefined };
}

function missingPeer(name: string): string | undefined {
  try {
    createRequire(join(__dirname, 'package.json')).resolve(name);
    return undefined;
  } catch {
    return 'it is not installed: npm ci --prefix spec/bench';
  }
}

/**
 * The newest version in Debian's folders, otherwise the one on the path. Debian's command on the path is a script that starts
 * one of those.
 */
function pgRecvlogical(): ProgramClient {
  const name = 'pg_recvlogical';
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  const path = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  const missing = path === undefined ? 'it comes with PostgreSQL’s client programs, and is not installed' : undefined;
  return { kind: 'program', name, path: path ?? name, missing };
}
