import { logicalReplication } from '../../lib/index';
import { FakeWalSender } from '../../lib/testing';
import {
  buildAuthenticationOk,
  buildDataRow,
  buildFrame,
  buildNotice,
  buildParameterStatus,
  buildRowDescription,
} from '../../lib/testing/backend-messages';
import { u32 } from '../../lib/testing/bytes';
import { attack, expectRefusal } from './support/attack';
import type { Script } from './support/hostile-server';
import { admit, mechanisms } from './support/requests';

const MIB = 1024 * 1024;
const HURRY = { connectTimeout: 400, within: 2000 };

/** A message header without its body. */
function header(tag: string, length: number): Buffer {
  return Buffer.concat([Buffer.from(tag), u32(length)]);
}

/** Sends a message, and then another one repeatedly without end. */
const flooding =
  (first: Buffer, rest?: Buffer): Script =>
  async (peer) => {
    await peer.startup();
    peer.send(first);
    if (rest) await peer.flood(rest);
  };

/** The same after authentication, when the client has sent a query. */
const floodingAfter =
  (first: Buffer, rest: Buffer): Script =>
  async (peer) => {
    await admit(peer);
    peer.send(first);
    await peer.flood(rest);
  };

const many = (bytes: Buffer): Buffer => Buffer.concat(Array.from({ length: 500 }, () => bytes));
const NOTHING = Buffer.alloc(0);
const NOTICES = many(buildNotice({}));
const LONG_NOTICES = buildNotice({ M: 'x'.repeat(32_000) });
const PARAMETERS = many(buildParameterStatus('name', 'value'));

let before: number;

beforeEach(() => (before = process.memoryUsage.rss()));

afterEach(() => {
  expect(process.memoryUsage.rss() - before).toBeLessThan(100 * MIB);
});

describe('a server that sends without end before authentication', () => {
  it.each([
    ['notices', flooding(NOTHING, NOTICES)],
    ['long notices', flooding(NOTHING, LONG_NOTICES)],
    ['parameters, after AuthenticationOk', flooding(buildAuthenticationOk(), PARAMETERS)],
    ['BackendKeyData messages', flooding(buildAuthenticationOk(), many(buildFrame('K', u32(1), u32(2))))],
  ])('is disconnected: %s', async (_, script) => {
    await expectRefusal(attack(script), 'PROTOCOL_VIOLATION', /more than 1000 messages during start-up/);
  });

  it('is disconnected at the first parameter before AuthenticationOk', async () => {
    await expectRefusal(
      attack(flooding(NOTHING, PARAMETERS)),
      'PROTOCOL_VIOLATION',
      /sent parameterStatus before AuthenticationOk/,
    );
  });

  it.each([0x8001, MIB, 0x3fff_ffff, 0x7fff_ffff, 0xffff_ffff, 3, 0])(
    'is disconnected at a message length of %i',
    async (length) => {
      for (const tag of ['R', 'E', 'N', 'S', 'v']) {
        const script = flooding(header(tag, length), Buffer.alloc(65_536));
        await expectRefusal(
          attack(script),
          'PROTOCOL_VIOLATION',
          new RegExp(`'${tag}' declares a length of ${length} `),
        );
      }
    },
  );

  it('is disconnected if it sends other data in response to SSLRequest', async () => {
    const script: Script = async (peer) => {
      await peer.sslRequest();
      await peer.flood(NOTICES);
    };
    await expectRefusal(attack(script), 'PROTOCOL_VIOLATION', /bytes in response to SSLRequest|expected S or N/);
  });

  it('is disconnected if it offers too many mechanisms', async () => {
    const offering = (count: number): Script =>
      flooding(mechanisms(...Array.from({ length: count }, (_, i) => `\u001b[2JM${i}`)));
    await expectRefusal(attack(offering(3000)), 'PROTOCOL_VIOLATION', /bytes; expected at most 2000/);
    const names = /"\\u001b\[2JM0".*expected at most 32 names of SASL mechanisms/;
    await expectRefusal(attack(offering(150)), 'PROTOCOL_VIOLATION', names);
  });

  it.each<[what: string, minor: number, options: string[]]>([
    ['3.2', 2, []],
    ['3.9999', 9999, []],
    ['3.0 without an option that the client did not request', 0, ['_pq_.x']],
  ])('is disconnected if it announces protocol %s', async (_, minor, options) => {
    const names = options.map((name) => Buffer.from(`${name}\0`));
    const script = flooding(buildFrame('v', u32(minor), u32(options.length), ...names));
    await expectRefusal(attack(script), 'PROTOCOL_VIOLATION', /protocol 3\.\d+ .*expected 3\.0 and none/);
  });

  it('is disconnected if it announces more options than it lists', async () => {
    const script = flooding(buildFrame('v', u32(0), u32(0x7fff_ffff)));
    await expectRefusal(attack(script), 'PROTOCOL_VIOLATION', /A count of 2147483647 before byte 8 is impossible/);
  });
});

describe('a server that sends without end after authentication', () => {
  it.each([
    ['notices', floodingAfter(NOTHING, NOTICES)],
    ['parameters', floodingAfter(NOTHING, PARAMETERS)],
  ])('is disconnected after connectTimeout: %s', async (_, script) => {
    await expectRefusal(
      attack(script, {}, HURRY),
      'CONNECT_TIMEOUT',
      /accepted the connection, but did not answer within 400 ms\. .*pg_locks/,
    );
  });

  it.each([
    ['rows', floodingAfter(buildRowDescription(['a']), many(buildDataRow(['x'])))],
    ['long rows', floodingAfter(buildRowDescription(['a']), buildDataRow(['x'.repeat(500_000)]))],
  ])('is disconnected after a maximum of %s', async (_, script) => {
    await expectRefusal(attack(script), 'LIMIT_EXCEEDED', /more than 10000 rows or 4000000 characters/);
  });

  it.each([MIB + 1, 0x3fff_ffff, 0x7fff_ffff])(
    'is disconnected at a message length of %i before the stream',
    async (length) => {
      const script = floodingAfter(header('D', length), Buffer.alloc(65_536));
      await expectRefusal(attack(script), 'PROTOCOL_VIOLATION', new RegExp(`'D' declares a length of ${length} bytes`));
    },
  );
});

describe('during the stream', () => {
  let server: FakeWalSender;

  afterEach(() => server.close());

  async function failureAt(length: number, maxMessageSize?: number): Promise<unknown> {
    server = await FakeWalSender.listen({ slots: ['orders'], publications: ['orders_pub'] });
    const config = { slot: 'orders', publications: ['orders_pub'], maxMessageSize };
    const failure = new Promise((resolve) => {
      logicalReplication({ connection: server.url, ...config }).subscribe({ error: resolve });
    });
    await server.whenStreaming();
    void server.play({ send: header('d', length) }).then(() => server.play({ wait: 200 }, { cut: 0 }));
    const error = await failure;
    await server.whenIdle();
    return error;
  }

  it.each([0x7fff_ffff, 0xffff_ffff, 0x3fff_ffff + 5])('a message length of %i is rejected', async (length) => {
    expect(await failureAt(length)).toMatchObject({ code: 'PROTOCOL_VIOLATION', retryable: false });
  });

  it('a length of a gigabyte allocates no memory before the data arrives', async () => {
    expect(await failureAt(0x3fff_ffff)).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('a message longer than maxMessageSize is an error that names the option', async () => {
    const error = await failureAt(2 * MIB, MIB);
    const message = /'d' declares a length of 2097152 bytes; the limit is 1048576\. Raise maxMessageSize/;
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', retryable: false, message: expect.stringMatching(message) });
    await server.close();
    expect(await failureAt(MIB, MIB)).toMatchObject({ code: 'CONNECTION_LOST' });
  });
});
