import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';
import { preProcessFile } from 'typescript';

/**
 * Which rooms of lib/ a room may import besides itself, and which of the packages that are not for everyone. The lint
 * rules read the same file.
 */
type Rooms = Record<string, { imports: string[]; packages: string[] }>;

const LIB = resolve(__dirname, '../lib');
const rooms = JSON.parse(readFileSync(join(__dirname, 'architecture.json'), 'utf8')) as Rooms;
const BASE = [
  'acknowledgement',
  'checkpoint',
  'error-codes',
  'errors',
  'failure',
  'findings',
  'json',
  'lsn',
  'options',
  'stream-history',
];
const NOT_FOR_EVERYONE = /^(?:node:)?(rxjs|net|tls)(?:\/|$)/;

/** The room of a file, given relative to lib/ and without its ending. */
function roomOf(file: string): string {
  const [first = '', inside] = file.split('/');
  if (inside !== undefined) return first;
  if (BASE.includes(first)) return 'base';
  return first === 'index' ? 'index' : 'root';
}

/** What is wrong with the imports of a file, given relative to lib/. Imports of types count like others. */
function violations(file: string, source: string): string[] {
  const room = roomOf(file.replace(/\.ts$/, ''));
  const rules = rooms[room];
  if (!rules) return [`${file} stands in a room that spec/architecture.json does not know`];

  return preProcessFile(source, true, true).importedFiles.flatMap(({ fileName }) => {
    const what = `${file} imports ${fileName}`;
    if (fileName.startsWith('.')) {
      const target = roomOf(posix.join(dirname(file), fileName));
      return target === room || rules.imports.includes(target) ? [] : [`${what}: ${room} may not know ${target}`];
    }
    const guarded = NOT_FOR_EVERYONE.exec(fileName)?.[1];
    const allowed = guarded === undefined || rules.packages.includes(guarded);
    return allowed ? [] : [`${what}: ${room} may not use that package`];
  });
}

describe('the imports between the rooms of lib/', () => {
  const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts'));

  it('point one way', () => {
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap((file) => violations(file, readFileSync(join(LIB, file), 'utf8')))).toEqual([]);
  });

  it.each([
    ['wire/frames.ts', `import { Observable } from 'rxjs';`],
    ['pgoutput/decoder.ts', `import type { SchedulerLike } from 'rxjs';`],
    ['pgoutput/decoder.ts', `import { Ledger } from '../session/ledger';`],
    ['session/ledger.ts', `import { map } from 'rxjs/operators';`],
    ['session/ledger.ts', `import { connect } from 'node:net';`],
    ['session/ledger.ts', `export { connect } from 'tls';`],
    ['session/ledger.ts', `const net = require('net');`],
    ['session/ledger.ts', `const transport = await import('../net/transport');`],
    ['operators/ack-after.ts', `import { connect } from '../net/transport';`],
    ['operators/ack-after.ts', `import { Ledger } from '../session/ledger';`],
    ['operators/ack-after.ts', `import { logicalReplication } from '../logical-replication';`],
    ['config/connection.ts', `import type { Link } from '../connection';`],
    ['logical-replication.ts', `import { createServer } from 'net';`],
    ['logical-replication.ts', `import { ackAfter } from './operators/ack-after';`],
    ['net/transport.ts', `import { Observable } from 'rxjs';`],
    ['lsn.ts', `import { FrameDecoder } from './wire/frames';`],
    ['index.ts', `export { fakeServer } from './testing/fake-server';`],
    ['elsewhere/file.ts', ''],
  ])('would be found to be wrong: %s with %s', (file, source) => {
    expect(violations(file, source)).toHaveLength(1);
  });

  it.each([
    ['session/ledger.ts', `import type { Lsn } from '../lsn'; import { randomBytes } from 'node:crypto';`],
    ['net/transport.ts', `import { connect } from 'node:net'; import { ConnectionError } from '../errors';`],
    ['operators/ack-after.ts', `import { Observable } from 'rxjs'; import { Delivery } from '../acknowledgement';`],
    ['logical-replication.ts', `import { connect } from './net/transport'; // import x from './operators/x'`],
  ])('would be found to be right: %s with %s', (file, source) => {
    expect(violations(file, source)).toEqual([]);
  });
});
