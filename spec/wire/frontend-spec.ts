import { ConfigError } from '../../lib/common/errors';
import {
  encodeCancelRequest,
  encodeCopyDone,
  encodePasswordMessage,
  encodeQuery,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeSslRequest,
  encodeStartupMessage,
  encodeTerminate,
} from '../../lib/wire/frontend';
import { captureError } from '../support/capture-error';

const MESSAGES: [name: string, message: Buffer, bytes: string][] = [
  [
    'StartupMessage',
    encodeStartupMessage({ user: 'zoë', database: 'shop', replication: 'database' }),
    '\0\0\0\x36\0\x03\0\0user\0zo\xc3\xab\0database\0shop\0replication\0database\0\0',
  ],
  ['a StartupMessage without parameters', encodeStartupMessage({}), '\0\0\0\x09\0\x03\0\0\0'],
  ['SSLRequest', encodeSslRequest(), '\0\0\0\x08\x04\xd2\x16\x2f'],
  [
    'CancelRequest',
    encodeCancelRequest(258, Buffer.from([1, 2, 3, 0xff])),
    '\0\0\0\x10\x04\xd2\x16\x2e\0\0\x01\x02\x01\x02\x03\xff',
  ],
  [
    'a CancelRequest with a long secret',
    encodeCancelRequest(1, Buffer.from('abcdefgh')),
    '\0\0\0\x14\x04\xd2\x16\x2e\0\0\0\x01abcdefgh',
  ],
  ['PasswordMessage', encodePasswordMessage('gehëim'), 'p\0\0\0\x0cgeh\xc3\xabim\0'],
  [
    'SASLInitialResponse',
    encodeSaslInitialResponse('SCRAM-SHA-256', 'n,,n=,r=abc'),
    'p\0\0\0\x21SCRAM-SHA-256\0\0\0\0\x0bn,,n=,r=abc',
  ],
  ['SASLResponse', encodeSaslResponse('c=biws'), 'p\0\0\0\x0ac=biws'],
  ['Query', encodeQuery('IDENTIFY_SYSTEM'), 'Q\0\0\0\x14IDENTIFY_SYSTEM\0'],
  ['CopyDone', encodeCopyDone(), 'c\0\0\0\x04'],
  ['Terminate', encodeTerminate(), 'X\0\0\0\x04'],
];

describe('encoders of the frontend', () => {
  it.each(MESSAGES)('write %s', (_, message, bytes) => {
    expect(message.toString('latin1')).toBe(bytes);
  });

  const refusals: [option: string, encode: () => Buffer][] = [
    ['connection.user', () => encodeStartupMessage({ user: 'a\0b' })],
    ['connection.application_name', () => encodeStartupMessage({ user: 'a', application_name: '\0' })],
    ['connection.password', () => encodePasswordMessage('hunter\0two')],
    ['query', () => encodeQuery('SELECT 1\0; DROP TABLE t')],
  ];

  it.each(refusals)('reject a NUL byte in %s without showing the text', (option, encode) => {
    const error = captureError(encode);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toHaveProperty('option', option);
    expect(error.message).not.toMatch(/hunter|two|DROP/);
  });
});
