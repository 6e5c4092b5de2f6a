import fc from 'fast-check';
import { ProtocolError } from '../../lib/common/errors';
import { BackendTag, decodeBackendMessage, type BackendMessage } from '../../lib/wire/backend';

function decode(tag: string, body: Buffer): BackendMessage {
  // Zeros on both sides, so that reading beyond the frame finds data.
  const buffer = Buffer.concat([Buffer.alloc(3), body, Buffer.alloc(64)]);
  return decodeBackendMessage({ tag: tag.charCodeAt(0), buffer, start: 3, end: 3 + body.length });
}

function bytes(...parts: (number[] | string)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
}

const EVERY_FIELD = bytes(
  'SFEHLER\0VERROR\0C22012\0Mdivision by zero\0Da detail\0Ha hint\0P8\0p3\0qselect 1/0\0WSQL function\0',
  'spublic\0torders\0cid\0dint4\0norders_pkey\0Fint.c\0L820\0Rint4div\0Zof the future\0\0',
);
const FIELDS = {
  severity: 'ERROR',
  sqlState: '22012',
  message: 'division by zero',
  detail: 'a detail',
  hint: 'a hint',
  position: '8',
  internalPosition: '3',
  internalQuery: 'select 1/0',
  where: 'SQL function',
  schema: 'public',
  table: 'orders',
  column: 'id',
  dataType: 'int4',
  constraint: 'orders_pkey',
  file: 'int.c',
  line: '820',
  routine: 'int4div',
};

const MESSAGES: [tag: string, body: Buffer, expected: BackendMessage][] = [
  ['R', bytes([0, 0, 0, 0]), { kind: 'authenticationOk' }],
  ['R', bytes([0, 0, 0, 3]), { kind: 'authenticationCleartext' }],
  ['R', bytes([0, 0, 0, 5, 1, 2, 3, 4]), { kind: 'authenticationMd5', salt: Buffer.from([1, 2, 3, 4]) }],
  [
    'R',
    bytes([0, 0, 0, 10], 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0'),
    { kind: 'authenticationSasl', mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] },
  ],
  ['S', bytes('TimeZone\0UTC\0'), { kind: 'parameterStatus', name: 'TimeZone', value: 'UTC' }],
  [
    'K',
    bytes([0, 1, 0, 0, 9, 8, 7, 6]),
    { kind: 'backendKeyData', processId: 65536, secret: Buffer.from([9, 8, 7, 6]) },
  ],
  [
    'v',
    bytes([0, 3, 0, 2, 0, 0, 0, 2], '_pq_.a\0_pq_.b\0'),
    { kind: 'negotiateProtocolVersion', minorVersion: 2, options: ['_pq_.a', '_pq_.b'] },
  ],
  ['v', bytes([0, 0, 0, 1, 0, 0, 0, 0]), { kind: 'negotiateProtocolVersion', minorVersion: 1, options: [] }],
  ['Z', bytes('T'), { kind: 'readyForQuery', status: 'T' }],
  [
    'T',
    bytes(
      [0, 2],
      'systemid\0',
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0],
      'timeline\0',
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 8, 255, 255, 255, 255, 0, 0],
    ),
    {
      kind: 'rowDescription',
      columns: [{ name: 'systemid' }, { name: 'timeline' }],
    },
  ],
  [
    'D',
    bytes([0, 3, 0, 0, 0, 3], '0/A', [255, 255, 255, 255, 0, 0, 0, 0]),
    { kind: 'dataRow', values: ['0/A', null, ''] },
  ],
  ['C', bytes('COPY 0\0'), { kind: 'commandComplete', tag: 'COPY 0' }],
  ['I', bytes(), { kind: 'emptyQuery' }],
  ['W', bytes([0, 0, 0]), { kind: 'copyBoth' }],
  ['W', bytes([0, 0, 2, 0, 0, 0, 0]), { kind: 'copyBoth' }],
  ['H', bytes([0, 0, 2, 0, 0, 0, 0]), { kind: 'copyOut' }],
  ['c', bytes(), { kind: 'copyDone' }],
  ['E', EVERY_FIELD, { kind: 'error', fields: FIELDS }],
  [
    'N',
    bytes('SWARNING\0VWARNING\0C55000\0Mskipped\0\0'),
    { kind: 'notice', fields: { severity: 'WARNING', sqlState: '55000', message: 'skipped' } },
  ],
  [
    'A',
    bytes([0, 0, 0, 7], 'channel\0payload\0'),
    { kind: 'notification', processId: 7, channel: 'channel', payload: 'payload' },
  ],
];

/** The field after the method extends to the end, so it cannot be truncated. */
const OPEN_ENDED: [body: Buffer, expected: BackendMessage][] = [
  [bytes([0, 0, 0, 11], 'r=x,s=y,i=1'), { kind: 'authenticationSaslContinue', data: 'r=x,s=y,i=1' }],
  [bytes([0, 0, 0, 12], 'v=sig'), { kind: 'authenticationSaslFinal', data: 'v=sig' }],
  [bytes([0, 0, 0, 7]), { kind: 'authenticationOther', method: 7 }],
  [bytes([0, 0, 0, 8], 'ticket'), { kind: 'authenticationOther', method: 8 }],
];

describe('decodeBackendMessage', () => {
  it.each(MESSAGES)('decodes %s %p', (tag, body, expected) => {
    expect(decode(tag, body)).toStrictEqual(expected);
  });

  it.each(OPEN_ENDED)('decodes R %p', (body, expected) => {
    expect(decode('R', body)).toStrictEqual(expected);
  });

  it.each(MESSAGES)('rejects %s %p if it is truncated at any byte', (tag, body) => {
    for (let length = 0; length < body.length; length++) {
      const cut = body.subarray(0, length);
      expect(() => decode(tag, cut)).toThrow(ProtocolError);
    }
  });

  it.each(MESSAGES)('rejects %s %p with a trailing byte', (tag, body) => {
    // A secret extends to the end, so a fifth byte belongs to it.
    if (tag === 'K') expect(decode(tag, bytes([...body, 1]))).toHaveProperty('secret', Buffer.from([9, 8, 7, 6, 1]));
    else expect(() => decode(tag, bytes([...body, 1]))).toThrow(ProtocolError);
  });

  it('keeps no reference to the buffer that it read', () => {
    const buffer = bytes([0, 1, 0, 0, 9, 8, 7, 6]);
    const message = decodeBackendMessage({ tag: 0x4b, buffer, start: 0, end: buffer.length });
    buffer.fill(0);
    expect(message).toHaveProperty('secret', Buffer.from([9, 8, 7, 6]));
  });

  it.each([
    [256, true],
    [257, false],
    [3, false],
  ])('with a cancel key of %d bytes: accepted is %p', (length, taken) => {
    const body = Buffer.alloc(4 + length);
    if (taken) expect(decode('K', body)).toHaveProperty('secret.length', length);
    else expect(() => decode('K', body)).toThrow(`${length} bytes; expected 4 to 256`);
  });

  it('accepts no longer message before authentication than libpq does', () => {
    const challenge = (length: number): Buffer => bytes([0, 0, 0, 11], 'x'.repeat(length));
    expect(decode('R', challenge(1996))).toHaveProperty('data.length', 1996);
    expect(() => decode('R', challenge(1997))).toThrow('it has 2001 bytes; expected at most 2000');
    expect(() => decode('R', bytes([0, 0, 0, 8], 'x'.repeat(1997)))).toThrow(ProtocolError);
  });

  it('accepts a list of mechanisms of any reasonable length', () => {
    const offer = (names: readonly string[]): BackendMessage =>
      decode('R', bytes([0, 0, 0, 10], names.map((name) => `${name}\0`).join(''), [0]));
    const names = Array.from({ length: 32 }, (_, i) => `A-MECHANISM_${i}`);
    expect(offer(names)).toHaveProperty('mechanisms', names);
    expect(offer([])).toHaveProperty('mechanisms', []);
    expect(() => offer([...names, 'B'])).toThrow('expected at most 32 names');
    expect(offer(['A'.repeat(20)])).toHaveProperty('mechanisms.length', 1);
  });

  it.each(['scram', 'A B', 'A'.repeat(21), '\x1b[2J', 'É', 'A,B'])('rejects %j as a mechanism', (name) => {
    const body = bytes([0, 0, 0, 10], `${name}\0\0`);
    expect(() => decode('R', body)).toThrow(`${JSON.stringify(name)} before byte`);
  });

  it('accepts the localized severity if a pooler sends no other', () => {
    expect(decode('E', bytes('SFATAL\0C08P01\0Mno such user\0\0'))).toHaveProperty('fields.severity', 'FATAL');
  });

  it.each([
    ['C (SQLSTATE) before the end; its text is: oops', 'SERROR\0Moops\0\0'],
    ['M (message) before the end', 'SERROR\0C42601\0\0'],
    ['S (severity) before the end; its text is: oops', 'C42601\0Moops\0\0'],
  ])('reports the missing field %s', (said, text) => {
    expect(() => decode('E', bytes(text))).toThrow(`ErrorResponse message: expected a field ${said}`);
  });

  it.each([
    ['v', bytes([0, 3, 0, 0, 0x7f, 0xff, 0xff, 0xff])],
    ['v', bytes([0, 3, 0, 0, 0xff, 0xff, 0xff, 0xff])],
    ['T', bytes([0x7f, 0xff])],
    ['D', bytes([0xff, 0xff])],
    ['W', bytes([0, 0xff, 0xff])],
  ])('rejects an impossible count in %s before it allocates: %p', (tag, body) => {
    expect(() => decode(tag, body)).toThrow('is impossible');
  });

  it('rejects a negative length other than null', () => {
    expect(() => decode('D', bytes([0, 1, 255, 255, 255, 254]))).toThrow(ProtocolError);
  });

  it.each([
    ['G', "'G'"],
    ['d', "'d'"],
    ['\0', '0x00'],
    ['\xff', '0xff'],
  ])('reports an unknown type: %j', (tag, shown) => {
    expect(() => decode(tag, bytes('abc'))).toThrow(
      `The server sent a message of type ${shown} (3 bytes); expected one of R S K`,
    );
  });

  it('decodes any bytes to a message or throws a ProtocolError', () => {
    const tags = fc.oneof(
      fc.constantFrom(...'RSKvZTDCIWcENA'.split('')),
      fc.nat(255).map((code) => String.fromCharCode(code)),
    );
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .tuple(fc.nat(12), fc.uint8Array({ maxLength: 30 }))
        .map(([method, rest]) => Uint8Array.of(0, 0, 0, method, ...rest)),
    );
    fc.assert(
      fc.property(tags, bodies, (tag, body) => {
        try {
          expect(decode(tag, Buffer.from(body))).toHaveProperty('kind');
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('has the type bytes of the manual', () => {
    const letters = Object.entries(BackendTag).map(([name, tag]) => [name, String.fromCharCode(tag)]);
    expect(Object.fromEntries(letters)).toEqual({ CopyData: 'd', ErrorResponse: 'E', ReadyForQuery: 'Z' });
  });
});
