import { ConfigError } from '../common/errors';

const PROTOCOL_3_0 = 0x0003_0000;
/** Request codes instead of a protocol version: major version 1234, which is reserved for them. */
const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;

/**
 * Encodes a StartupMessage of protocol 3.0.
 *
 * @throws {ConfigError} for `connection.<parameter>` if a value contains a NUL byte, which would truncate it.
 */
export function encodeStartupMessage(parameters: Record<string, string>): Buffer {
  const parts = [encodeInt32(PROTOCOL_3_0)];
  for (const [name, value] of Object.entries(parameters)) {
    parts.push(encodeCstring(name, 'connection'), encodeCstring(value, `connection.${name}`));
  }
  parts.push(Buffer.alloc(1));
  return withLength(parts);
}

/** SSLRequest. The response is one byte, `S` or `N`. */
export function encodeSslRequest(): Buffer {
  return withLength([encodeInt32(SSL_REQUEST)]);
}

/** CancelRequest, the only message of a separate connection. */
export function encodeCancelRequest(processId: number, secret: Buffer): Buffer {
  return withLength([encodeInt32(CANCEL_REQUEST), encodeInt32(processId), secret]);
}

/** PasswordMessage: the password, or its MD5 hash. */
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

/** Query: a replication command, or SQL with the simple query protocol. */
export function encodeQuery(sql: string): Buffer {
  return encodeMessage('Q', encodeCstring(sql, 'query'));
}

/** CopyDone: ends the stream from the client to the server. */
export function encodeCopyDone(): Buffer {
  return encodeMessage('c');
}

/** Terminate: the client closes the connection. */
export function encodeTerminate(): Buffer {
  return encodeMessage('X');
}

/**
 * Returns the text, unless it contains a NUL byte.
 *
 * @throws {ConfigError} for the option, without the text, which may be a password.
 */
export function requireNoNul(text: string, option: string): string {
  if (text.includes('\0')) throw new ConfigError(option, 'must not contain a NUL byte');
  return text;
}

function encodeMessage(tag: string, ...parts: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(tag), withLength(parts)]);
}

/** Prepends the length of the parts, including the four bytes of the length field. */
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
