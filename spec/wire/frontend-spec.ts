import { ConfigError } from '../../lib/common/errors';
import {
  cancelRequest,
  copyDone,
  passwordMessage,
  query,
  saslInitialResponse,
  saslResponse,
  sslRequest,
  startupMessage,
  terminate,
} from '../../lib/wire/frontend';
import { failure } from './failure';

const MESSAGES: [name: string, message: Buffer, bytes: string][] = [
  [
    'StartupMessage',
    startupMessage({ user: 'zoë', database: 'shop', replication: 'database' }),
    '\0\0\0\x36\0\x03\0\0user\0zo\xc3\xab\0database\0shop\0replication\0database\0\0',
  ],
  ['a StartupMessage without parameters', startupMessage({}), '\0\0\0\x09\0\x03\0\0\0'],
  ['SSLRequest', sslRequest(), '\0\0\0\x08\x04\xd2\x16\x2f'],
  [
    'CancelRequest',
    cancelRequest(258, Buffer.from([1, 2, 3, 0xff])),
    '\0\0\0\x10\x04\xd2\x16\x2e\0\0\x01\x02\x01\x02\x03\xff',
  ],
  [
    'a CancelRequest with a long secret',
    cancelRequest(1, Buffer.from('abcdefgh')),
    '\0\0\0\x14\x04\xd2\x16\x2e\0\0\0\x01abcdefgh',
  ],
  ['PasswordMessage', passwordMessage('gehëim'), 'p\0\0\0\x0cgeh\xc3\xabim\0'],
  [
    'SASLInitialResponse',
    saslInitialResponse('SCRAM-SHA-256', 'n,,n=,r=abc'),
    'p\0\0\0\x21SCRAM-SHA-256\0\0\0\0\x0bn,,n=,r=abc',
  ],
  ['SASLResponse', saslResponse('c=biws'), 'p\0\0\0\x0ac=biws'],
  ['Query', query('IDENTIFY_SYSTEM'), 'Q\0\0\0\x14IDENTIFY_SYSTEM\0'],
  ['CopyDone', copyDone(), 'c\0\0\0\x04'],
  ['Terminate', terminate(), 'X\0\0\0\x04'],
];

describe('encoders of the frontend', () => {
  it.each(MESSAGES)('write %s', (_, message, bytes) => {
    expect(message.toString('latin1')).toBe(bytes);
  });

  const refusals: [option: string, encode: () => Buffer][] = [
    ['connection.user', () => startupMessage({ user: 'a\0b' })],
    ['connection.application_name', () => startupMessage({ user: 'a', application_name: '\0' })],
    ['connection.password', () => passwordMessage('hunter\0two')],
    ['query', () => query('SELECT 1\0; DROP TABLE t')],
  ];

  it.each(refusals)('refuse a NUL byte in %s without showing the text', (option, encode) => {
    const error = failure(encode);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toHaveProperty('option', option);
    expect(error.message).not.toMatch(/hunter|two|DROP/);
  });
});
