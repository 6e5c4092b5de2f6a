import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';
import { preProcessFile } from 'typescript';

/**
 * Which modules of lib/ a module may import besides itself, and which of the restricted packages. A module is a file, or a
 * folder with all subfolders that are not modules themselves. The lint rule reads the same list.
 */
type Modules = Record<string, { imports: string[]; packages: string[] }>;

const LIB = resolve(__dirname, '../lib');
const modules = JSON.parse(readFileSync(join(__dirname, 'architecture.json'), 'utf8')) as Modules;
const NAMES = Object.keys(modules).sort((a, b) => b.length - a.length);
const RESTRICTED = /^(?:node:)?(rxjs|net|tls)(?:\/|$)/;

const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'));

/** The module of a file, given relative to lib/ without its extension: the longest one that is a prefix of the path. */
function findModule(file: string): string | undefined {
  return NAMES.find((name) => file === name || file.startsWith(`${name}/`));
}

/** The imports of a file: paths relative to lib/ without an extension, or packages. Type imports are included. */
function findImports(file: string, source: string): string[] {
  return preProcessFile(source, true, true).importedFiles.map(({ fileName }) =>
    fileName.startsWith('.') ? posix.join(dirname(file), fileName) : `node_modules/${fileName}`,
  );
}

/** The invalid imports of a file, given relative to lib/. */
function findViolations(file: string, source: string): string[] {
  const module = findModule(file.replace(/\.ts$/, ''));
  if (module === undefined) return [`${file} is in a module that spec/architecture.json does not list`];
  const { imports = [], packages = [] } = modules[module] ?? {};
  return findImports(file, source).flatMap((imported) => {
    const dependency = /^node_modules\/(.*)/.exec(imported)?.[1];
    if (dependency !== undefined) {
      const name = RESTRICTED.exec(dependency)?.[1];
      return name === undefined || packages.includes(name) ? [] : [`${file}: ${module} may not import ${dependency}`];
    }
    const target = findModule(imported) ?? imported;
    return target === module || imports.includes(target) ? [] : [`${file}: ${module} may not import ${target}`];
  });
}

/** The nodes of a graph that can be reached from themselves. */
function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  return [...graph.keys()].filter((start) => {
    const seen = new Set<string>();
    const open = [...(graph.get(start) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next === start) return true;
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(graph.get(next) ?? []));
    }
    return false;
  });
}

describe('imports between the modules of lib/', () => {
  it('point one way', () => {
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap((file) => findViolations(file, readFileSync(join(LIB, file), 'utf8')))).toEqual([]);
  });

  it('are allowed in one direction only', () => {
    expect(findCycles(new Map(Object.entries(modules).map(([module, { imports }]) => [module, imports])))).toEqual([]);
  });

  it('have no cycle of files', () => {
    const graph = files.map((file): [string, string[]] => [
      file.replace(/\.ts$/, ''),
      findImports(file, readFileSync(join(LIB, file), 'utf8')),
    ]);
    expect(findCycles(new Map(graph))).toEqual([]);
  });

  it('name only modules that exist', () => {
    const used = new Set(files.map((file) => findModule(file.replace(/\.ts$/, ''))));
    expect(Object.keys(modules).filter((module) => !used.has(module))).toEqual([]);
    expect(Object.values(modules).flatMap(({ imports }) => imports.filter((module) => !(module in modules)))).toEqual(
      [],
    );
  });

  it('a cycle is found', () => {
    const graph = { a: ['b'], b: ['c', 'd'], c: ['a'], d: [] };
    expect(findCycles(new Map(Object.entries(graph)))).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['wire/frames.ts', `import { Observable } from 'rxjs';`],
    ['pgoutput/decode/decoder.ts', `import type { SchedulerLike } from 'rxjs';`],
    ['pgoutput/decode/decoder.ts', `import { openStream } from '../../commands/open-stream';`],
    ['ledger/ledger.ts', `import { map } from 'rxjs/operators';`],
    ['ledger/ledger.ts', `import { connect } from 'node:net';`],
    ['ledger/ledger.ts', `export { connect } from 'tls';`],
    ['ledger/ledger.ts', `const net = require('net');`],
    ['ledger/ledger.ts', `const transport = await import('../net/transport');`],
    ['ledger/ledger.ts', `import type { Message } from '../pgoutput/messages/message';`],
    ['stream/session/watchdogs.ts', `import { StreamSubscription } from '../stream-subscription';`],
    ['stream/session/watchdogs.ts', `import { timer } from 'rxjs';`],
    ['operators/ack-after/ack-after.ts', `import { connect } from '../../net/transport';`],
    [
      'operators/ack-after/ack-after.ts',
      `import { ReplicationSession } from '../../stream/session/replication-session';`,
    ],
    ['operators/reconnect.ts', `import { logicalReplication } from '../logical-replication';`],
    ['config/connection.ts', `import type { EstablishedConnection } from '../connection/established-connection';`],
    ['logical-replication.ts', `import { createServer } from 'net';`],
    ['logical-replication.ts', `import { ackAfter } from './operators/ack-after/ack-after';`],
    ['net/transport.ts', `import { Observable } from 'rxjs';`],
    ['common/lsn.ts', `import { FrameDecoder } from '../wire/frames';`],
    ['index.ts', `export { FakeWalSender } from './testing/index';`],
    ['elsewhere/file.ts', ''],
  ])('an invalid import is found: %s with %s', (file, source) => {
    expect(findViolations(file, source)).toHaveLength(1);
  });

  it.each([
    ['ledger/ledger.ts', `import type { Lsn } from '../common/lsn'; import { randomBytes } from 'node:crypto';`],
    ['net/transport.ts', `import { connect } from 'node:net'; import { ConnectionError } from '../common/errors';`],
    [
      'operators/stop-on.ts',
      `import { Observable } from 'rxjs'; import { Delivery } from '../ledger/acknowledgement';`,
    ],
    ['logical-replication.ts', `import { connect } from './net/transport'; // import x from './operators/x'`],
    [
      'stream/stream-subscription.ts',
      `import { Watchdogs } from './session/watchdogs'; import type { Subscriber } from 'rxjs';`,
    ],
  ])('a valid import is accepted: %s with %s', (file, source) => {
    expect(findViolations(file, source)).toEqual([]);
  });
});
