import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createHttpServer } from 'node:http';
import { logicalReplication, ProtocolError, type ErrorCode, type ReplicationError } from '../../lib/index';
import { READ_BACK } from '../support/session-settings';
import { waitForFailure, expectNoSocketLeft } from './support/life';
import { LoopClock } from '../support/loop-clock';

/** A backend message: a type and a body. */
function message(tag: string, ...parts: (number | string | Buffer)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (Buffer.isBuffer(part)) return part;
      if (typeof part === 'string') return Buffer.from(`${part}\0`);
      const word = Buffer.alloc(4);
      word.writeInt32BE(part);
      return word;
    }),
  );
  return frame(tag, body.length + 4, body);
}

/** A header, possibly with a wrong length. */
function frame(tag: string, length: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(5, tag);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, body]);
}

const short = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);

const AUTHENTICATED = message('R', 0);
const READY = message('Z', Buffer.from('I'));
const DONE = Buffer.concat([message('C', 'SELECT 1'), READY]);

/** The response to a query: one row. */
function row(columns: Readonly<Record<string, string | null>>): Buffer {
  const names = Object.keys(columns).flatMap((name) => [name, Buffer.alloc(18)]);
  const values = Object.values(columns).map((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === null ? -1 : Buffer.byteLength(value));
    return Buffer.concat([length, Buffer.from(value ?? '')]);
  });
  const count = short(Object.keys(columns).length);
  return Buffer.concat([message('T', count, ...names), message('D', count, ...values), DONE]);
}

const SETTINGS = row({ ...READ_BACK, database: 'db' });
const IDENTITY = row({ systemid: '1', timeline: '1', xlogpos: '0/100', dbname: 'db' });
const SLOT = row({
  ...{ slot_name: 's', plugin: 'pgoutput', slot_type: 'logical', database: 'db', temporary: 'f', active: 'f' },
  ...{ active_pid: null, restart_lsn: '0/100', confirmed_flush_lsn: '0/100', wal_status: 'reserved', lag: '0' },
});
const COPY_BOTH = message('W', Buffer.of(0, 0, 0));

/** The responses until the stream runs, one for each client message. */
const UNTIL_STREAM = [
  Buffer.concat([AUTHENTICATED, message('K', 1, 2), READY]),
  DONE,
  SETTINGS,
  SLOT,
  IDENTITY,
  row({ pubname: 'pub' }),
  SLOT,
  COPY_BOTH,
];
/** The next query reads the settings back. */
const UNTIL_READY = UNTIL_STREAM.slice(0, 2);

type Answer = Buffer | ((socket: Socket) => void);

let server: Server;

/** Responds to each chunk of the client with the next of these. */
async function serve(...answers: Answer[]): Promise<void> {
  server = createServer((socket) => {
    const left = [...answers];
    socket.on('error', () => undefined);
    socket.on('data', () => {
      const answer = left.shift();
      if (typeof answer === 'function') answer(socket);
      else if (answer) socket.write(answer);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
}

/** The error of a stream from the server. Verifies that it ends soon, and that no socket is left on either side. */
async function failure(listener: Server = server): Promise<ReplicationError> {
  const { port } = listener.address() as AddressInfo;
  const clock = new LoopClock();
  const error = await expectNoSocketLeft(async () => {
    const stream = logicalReplication({
      connection: { host: '127.0.0.1', port, user: 'u', database: 'db', password: 'p', sslmode: 'disable' },
      slot: 's',
      publications: ['pub'],
      lookUpTypes: false,
    });
    const outcome = await waitForFailure(stream);
    listener.close();
    await once(listener, 'close');
    return outcome;
  });
  expect(clock.stop()).toBeLessThan(3000);
  return error;
}

describe('before authentication', () => {
  it.each<[string, Answer, string, RegExp]>([
    ['it closes at once', (socket) => socket.end(), 'CONNECTION_LOST', /before the server was ready/],
    [
      'it resets the connection',
      (socket) => socket.resetAndDestroy(),
      'CONNECTION_LOST',
      /before the server was ready/,
    ],
    [
      'it closes in the middle of a message',
      (socket) => socket.end(AUTHENTICATED.subarray(0, 7)),
      'CONNECTION_LOST',
      /before the server was ready/,
    ],
    ['it uses another protocol', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), 'PROTOCOL_VIOLATION', /length/],
    ['it sends an unknown message', message('?', 1), 'PROTOCOL_VIOLATION', /type '\?'/],
    ['a message has a length of 4 GB', frame('R', 0xffff_ffff), 'PROTOCOL_VIOLATION', /4294967295/],
    ['a message has a length of 1 GB', frame('S', 0x3fff_ffff), 'PROTOCOL_VIOLATION', /1073741823/],
    ['a message has a length below 4', frame('R', 3), 'PROTOCOL_VIOLATION', /length of 3/],
    ['a message is too short for its fields', message('R', Buffer.of(0, 0)), 'PROTOCOL_VIOLATION', /Authentication/],
    ['a message is too long for its fields', message('R', 0, 0), 'PROTOCOL_VIOLATION', /Authentication/],
    [
      'it sends another message during authentication',
      message('G', Buffer.of(0, 0, 0)),
      'PROTOCOL_VIOLATION',
      /type 'G'/,
    ],
    ['it starts the stream unrequested', COPY_BOTH, 'PROTOCOL_VIOLATION', /copyBoth/],
    ['it requests Kerberos', message('R', 2), 'AUTHENTICATION_UNSUPPORTED', /Kerberos/],
    [
      'it accepts the connection without proof that it knows the password',
      Buffer.concat([message('R', 10, 'SCRAM-SHA-256', ''), AUTHENTICATED]),
      'SERVER_VERIFICATION_FAILED',
      /SCRAM/,
    ],
  ])('%s', async (_, answer, code, text) => {
    await serve(answer);
    const error = await failure();
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(text);
    expect(error instanceof ProtocolError).toBe(code === 'PROTOCOL_VIOLATION');
    expect(error.retryable).toBe(code === 'CONNECTION_LOST');
  });

  it('a web server', async () => {
    const web = createHttpServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(web, 'listening');
    const error = await failure(web);
    expect(error).toMatchObject({ code: 'PROTOCOL_VIOLATION', retryable: false });
    expect(error.message).toMatch(/PostgreSQL server/);
  });
});

describe('before the stream', () => {
  it.each<[string, Answer, string, RegExp]>([
    ['it closes', (socket) => socket.end(), 'CONNECTION_LOST', /before the server was ready/],
    [
      'a row has more columns than its bytes can hold',
      message('D', short(30000)),
      'PROTOCOL_VIOLATION',
      /count of 30000/,
    ],
    ['a value is longer than its message', message('D', short(1), 1000), 'PROTOCOL_VIOLATION', /DataRow/],
    ['it sends no row', DONE, 'PROTOCOL_VIOLATION', /no row/],
    ['it sends the wrong columns', row({ nonsense: '1' }), 'PROTOCOL_VIOLATION', /no version/],
    ['it sends another message', message('c'), 'PROTOCOL_VIOLATION', /copyDone/],
  ])('%s', async (_, answer, code, text) => {
    await serve(...UNTIL_READY, answer);
    const error = await failure();
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(text);
  });
});

describe('in the stream', () => {
  const xlogData = (payload: Buffer): Buffer => message('d', Buffer.from('w'), Buffer.alloc(24), payload);
  const inStream = (...bytes: Buffer[]): Answer[] => {
    const answers: Answer[] = [...UNTIL_STREAM];
    answers[answers.length - 1] = Buffer.concat([COPY_BOTH, ...bytes]);
    return answers;
  };
  const ending = (bytes: Buffer): Answer[] => [
    ...UNTIL_STREAM.slice(0, -1),
    (socket) => socket.end(Buffer.concat([COPY_BOTH, bytes])),
  ];

  it.each<[string, Answer[], string, RegExp]>([
    ['it closes', ending(Buffer.alloc(0)), 'CONNECTION_LOST', /lost/],
    ['it closes in the middle of a message', ending(frame('d', 100, Buffer.from('w'))), 'CONNECTION_LOST', /lost/],
    ['it sends an unknown message', inStream(message('?', 1)), 'PROTOCOL_VIOLATION', /type '\?'/],
    ['a message has a length of 4 GB', inStream(frame('d', 0xffff_ffff)), 'PROTOCOL_VIOLATION', /4294967295/],
    ['a message has a length below 4', inStream(frame('d', 2)), 'PROTOCOL_VIOLATION', /length of 2/],
    ['CopyData is empty', inStream(message('d')), 'PROTOCOL_VIOLATION', /empty CopyData/],
    ['CopyData is of an unknown type', inStream(message('d', Buffer.from('x'))), 'PROTOCOL_VIOLATION', /0x78/],
    ['a keepalive is too short', inStream(message('d', Buffer.from('k123'))), 'PROTOCOL_VIOLATION', /Keepalive/],
    ['XLogData is too short', inStream(message('d', Buffer.from('w123'))), 'PROTOCOL_VIOLATION', /XLogData/],
    ['pgoutput sends an unknown message', inStream(xlogData(Buffer.from('?'))), 'PROTOCOL_VIOLATION', /\?|0x3f/],
    ['a Begin is too short', inStream(xlogData(Buffer.from('B123'))), 'PROTOCOL_VIOLATION', /Begin/],
    [
      'a change has no relation',
      inStream(
        xlogData(Buffer.concat([Buffer.from('B'), Buffer.alloc(20)])),
        xlogData(Buffer.from('I\0\0\0\x07N\0\0')),
      ),
      'PROTOCOL_VIOLATION',
      /relation/i,
    ],
  ])('%s', async (_, answers, code, text) => {
    await serve(...answers);
    const error = await failure();
    expect(error).toMatchObject({ code, retryable: code === 'CONNECTION_LOST' });
    expect(error.message).toMatch(text);
  });
});

describe('memory', () => {
  /** Writes the same bytes as long as the client reads them. */
  const flood =
    (bytes: Buffer, first: Buffer = Buffer.alloc(0)) =>
    (socket: Socket): void => {
      const more = (): void => {
        while (!socket.destroyed && socket.write(bytes)) continue;
      };
      socket.write(first);
      socket.on('drain', more);
      more();
    };

  it.each<[string, ErrorCode, Answer[]]>([
    [
      'a row without end before the stream',
      'PROTOCOL_VIOLATION',
      [...UNTIL_STREAM.slice(0, 4), flood(Buffer.alloc(65536), frame('D', 0x3fff_ffff))],
    ],
    [
      'rows without end',
      'LIMIT_EXCEEDED',
      [...UNTIL_READY, flood(Buffer.concat(Array.from({ length: 1000 }, () => message('D', short(0)))))],
    ],
  ])('stays bounded with %s', async (_, code, answers) => {
    await serve(...answers);
    const before = process.memoryUsage.rss();
    const error = await failure();
    expect(error).toMatchObject({ code });
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
  });
});
