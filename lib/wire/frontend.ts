import { ConfigError } from '../common/errors';

const PROTOCOL_3_0 = 0x0003_0000;
/** Requests outside the protocol's versions: major 1234, which no version will ever have. */
const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;

/**
 * StartupMessage of protocol 3.0.
 *
 * @throws {ConfigError} naming `connection.<parameter>` when a value holds a NUL byte, which would end it early.
 */
export function encodeStartupMessage(parameters: Record<string, string>): Buffer {
  const parts = [encodeInt32(PROTOCOL_3_0)];
  for (const [name, value] of Object.entries(parameters)) {
    parts.push(encodeCstring(name, 'connection'), encodeCstring(value, `connection.${name}`));
  }
  parts.push(Buffer.alloc(1));
  return withLength(parts);
}

/** SSLRequest; the answer is a single byte, `S` or `N`. */
export function encodeSslRequest(): Buffer {
  return withLength([encodeInt32(SSL_REQUEST)]);
}

/** CancelRequest, the only message of a connection of its own. */
export function encodeCancelRequest(processId: number, secret: Buffer): Buffer {
  return withLength([encodeInt32(CANCEL_REQUEST), encodeInt32(processId), secret]);
}

/** PasswordMessage: the password itself, or its md5 answer. */
export function encodePasswordMessage(password: string): Buffer {
  return encodeMessage('p', encodeCstring(password, 'connection.password'));
}

/** SASLInitialResponse. */
export function encodeSaslInitialResponse(mechanism: string, data: string): Buffer {
  const bytes = Buffer.from(data);
  return encodeMessage('p', encodeCstring(mechanism, 'mechanism'), encodeInt32(bytes.length), bytes);
}

/** SASLResponse. */
export function encodeSaslResponse(data: string): Buffer {
  return encodeMessage('p', Buffer.from(data));
}

/** Query: a replication command, or SQL, under the simple protocol. */
export function encodeQuery(sql: string): Buffer {
  return encodeMessage('Q', encodeCstring(sql, 'query'));
}

/** CopyDone: ends the client's half of the stream. */
export function encodeCopyDone(): Buffer {
  return encodeMessage('c');
}

/** Terminate: the client hangs up. */
export function encodeTerminate(): Buffer {
  return encodeMessage('X');
}

/**
 * Lets text pass that can stand in a message.
 *
 * @throws {ConfigError} naming the option when it holds a NUL byte; the text itself, perhaps a password, is not shown.
 */
export function requireNoNul(text: string, option: string): string {
  if (text.includes('\0')) throw new ConfigError(option, 'it holds a NUL character, which PostgreSQL cannot take');
  return text;
}

function encodeMessage(tag: string, ...parts: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(tag), withLength(parts)]);
}

/** Puts the length before the parts, its own four bytes counted in. */
function withLength(parts: Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4);
  return Buffer.concat([encodeInt32(length), ...parts], length);
}

function encodeInt32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function encodeCstring(text: string, option: string): Buffer {
  return Buffer.from(`${requireNoNul(text, option)}\0`);
}
