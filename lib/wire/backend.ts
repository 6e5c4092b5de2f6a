import { ProtocolError, type ServerFields } from '../common/errors';
import { formatTag } from './frames';
import { quoteForMessage } from './message-quoting';
import { Reader } from './reader';
import { readServerFields } from './server-fields';

/** Type bytes that callers examine without decoding the message. */
export const BackendTag = {
  CopyData: 0x64, // d
  ErrorResponse: 0x45, // E
  ReadyForQuery: 0x5a, // Z
} as const;

/**
 * A message that the server sends outside the copy stream.
 *
 * Source: PostgreSQL manual, "Message Formats".
 */
export type BackendMessage =
  | { readonly kind: 'authenticationOk' }
  | { readonly kind: 'authenticationCleartext' }
  | { readonly kind: 'authenticationMd5'; readonly salt: Buffer }
  | { readonly kind: 'authenticationSasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'authenticationSaslContinue'; readonly data: string }
  | { readonly kind: 'authenticationSaslFinal'; readonly data: string }
  | { readonly kind: 'authenticationOther'; readonly method: number }
  | { readonly kind: 'parameterStatus'; readonly name: string; readonly value: string }
  | { readonly kind: 'backendKeyData'; readonly processId: number; readonly secret: Buffer }
  | NegotiateProtocolVersion
  | { readonly kind: 'readyForQuery'; readonly status: string }
  | { readonly kind: 'rowDescription'; readonly columns: readonly ColumnDescription[] }
  | { readonly kind: 'dataRow'; readonly values: readonly (string | null)[] }
  | { readonly kind: 'commandComplete'; readonly tag: string }
  | { readonly kind: 'emptyQuery' }
  | { readonly kind: 'copyBoth' }
  | { readonly kind: 'copyOut' }
  | { readonly kind: 'copyDone' }
  | { readonly kind: 'error'; readonly fields: ServerFields }
  | { readonly kind: 'notice'; readonly fields: ServerFields }
  | { readonly kind: 'notification'; readonly processId: number; readonly channel: string; readonly payload: string };

export interface ColumnDescription {
  readonly name: string;
}

/** The server does not support the requested protocol version or options. */
export interface NegotiateProtocolVersion {
  readonly kind: 'negotiateProtocolVersion';
  /** The newest minor version of protocol 3 that the server supports. */
  readonly minorVersion: number;
  /** The requested protocol options that the server does not support. */
  readonly options: readonly string[];
}

/** The position of a frame in a buffer. A FrameDecoder implements it. */
export interface Frame {
  readonly tag: number;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

interface BackendFormat {
  readonly name: string;
  readonly decode: (reader: Reader) => BackendMessage;
}

const FORMATS: ReadonlyMap<string, BackendFormat> = new Map<string, BackendFormat>([
  ['R', { name: 'Authentication', decode: decodeAuthentication }],
  [
    'S',
    { name: 'ParameterStatus', decode: (r) => ({ kind: 'parameterStatus', name: r.cstring(), value: r.cstring() }) },
  ],
  ['K', { name: 'BackendKeyData', decode: decodeBackendKeyData }],
  ['v', { name: 'NegotiateProtocolVersion', decode: decodeNegotiateProtocolVersion }],
  [
    String.fromCharCode(BackendTag.ReadyForQuery),
    { name: 'ReadyForQuery', decode: (r) => ({ kind: 'readyForQuery', status: r.text(1) }) },
  ],
  ['T', { name: 'RowDescription', decode: decodeRowDescription }],
  ['D', { name: 'DataRow', decode: decodeDataRow }],
  ['C', { name: 'CommandComplete', decode: (r) => ({ kind: 'commandComplete', tag: r.cstring() }) }],
  ['I', { name: 'EmptyQueryResponse', decode: () => ({ kind: 'emptyQuery' }) }],
  ['W', { name: 'CopyBothResponse', decode: (r) => decodeCopyStart(r, 'copyBoth') }],
  ['H', { name: 'CopyOutResponse', decode: (r) => decodeCopyStart(r, 'copyOut') }],
  ['c', { name: 'CopyDone', decode: () => ({ kind: 'copyDone' }) }],
  [
    String.fromCharCode(BackendTag.ErrorResponse),
    { name: 'ErrorResponse', decode: (r) => ({ kind: 'error', fields: readServerFields(r, 'ErrorResponse') }) },
  ],
  ['N', { name: 'NoticeResponse', decode: (r) => ({ kind: 'notice', fields: readServerFields(r, 'NoticeResponse') }) }],
  ['A', { name: 'NotificationResponse', decode: decodeNotification }],
]);

/**
 * Decodes a message other than CopyData. The result does not refer to the frame's buffer.
 *
 * @throws {ProtocolError} for an unknown type, and for a message that is too short, too long or contradicts itself.
 */
export function decodeBackendMessage({ tag, buffer, start, end }: Frame): BackendMessage {
  const format = FORMATS.get(String.fromCharCode(tag));
  if (format === undefined) {
    throw new ProtocolError(
      `The server sent a message of type ${formatTag(tag)} (${end - start} bytes); expected one of ${[...FORMATS.keys()].join(' ')}`,
    );
  }
  const reader = new Reader(buffer, start, end, `${format.name} message`);
  const message = format.decode(reader);
  reader.finish();
  return message;
}

/** In bytes, as in libpq: the peer is not authenticated yet. */
const MAX_AUTHENTICATION_BYTES = 2000;
const MAX_MECHANISMS = 32;
/** RFC 4422, section 3.1. */
const MECHANISM = /^[A-Z0-9_-]{1,20}$/;

function decodeAuthentication(reader: Reader): BackendMessage {
  if (reader.remaining > MAX_AUTHENTICATION_BYTES) {
    throw new ProtocolError(
      `Authentication message: it has ${reader.remaining} bytes; expected at most ${MAX_AUTHENTICATION_BYTES}`,
    );
  }
  const method = reader.i32();
  switch (method) {
    case 0:
      return { kind: 'authenticationOk' };
    case 3:
      return { kind: 'authenticationCleartext' };
    case 5:
      return { kind: 'authenticationMd5', salt: reader.bytes(4) };
    case 10:
      return { kind: 'authenticationSasl', mechanisms: readMechanisms(reader) };
    case 11:
      return { kind: 'authenticationSaslContinue', data: reader.text(reader.remaining) };
    case 12:
      return { kind: 'authenticationSaslFinal', data: reader.text(reader.remaining) };
    default:
      // GSSContinue and unknown methods have further data.
      reader.skip(reader.remaining);
      return { kind: 'authenticationOther', method };
  }
}

/** Reads names up to an empty one. */
function readMechanisms(reader: Reader): string[] {
  const names: string[] = [];
  for (let name = reader.cstring(); name !== ''; name = reader.cstring()) {
    if (names.length === MAX_MECHANISMS || !MECHANISM.test(name)) {
      throw new ProtocolError(
        `Authentication message: ${quoteForMessage(name)} before byte ${reader.offset}; expected at most ${MAX_MECHANISMS} names of SASL mechanisms, each of 1 to 20 characters A-Z 0-9 - _`,
      );
    }
    names.push(name);
  }
  return names;
}

/** The secret has 4 bytes in protocol 3.0 and up to 256 in 3.2. */
function decodeBackendKeyData(reader: Reader): BackendMessage {
  const processId = reader.i32();
  const length = reader.remaining;
  if (length < 4 || length > 256) {
    throw new ProtocolError(`BackendKeyData message: the secret at byte 4 has ${length} bytes; expected 4 to 256`);
  }
  return { kind: 'backendKeyData', processId, secret: reader.rest() };
}

/** The response to a newer minor version or unknown options. The library requests neither, so the names are not kept. */
function decodeNegotiateProtocolVersion(reader: Reader): BackendMessage {
  // Servers send the full version number, as in a StartupMessage; the manual describes only the minor version.
  const minorVersion = reader.i32() & 0xffff;
  const options = Array.from({ length: checkCount(reader, reader.i32(), 1) }, () => reader.cstring());
  return { kind: 'negotiateProtocolVersion', minorVersion, options };
}

function decodeRowDescription(reader: Reader): BackendMessage {
  const columns = Array.from({ length: checkCount(reader, reader.i16(), 19) }, () => {
    const name = reader.cstring();
    reader.skip(18); // table OID, attribute number; type's OID, size, modifier; format code
    return { name };
  });
  return { kind: 'rowDescription', columns };
}

function decodeDataRow(reader: Reader): BackendMessage {
  const values = Array.from({ length: checkCount(reader, reader.i16(), 4) }, () => {
    const length = reader.i32();
    return length === -1 ? null : reader.text(length);
  });
  return { kind: 'dataRow', values };
}

function decodeCopyStart(reader: Reader, kind: 'copyBoth' | 'copyOut'): BackendMessage {
  reader.skip(1); // overall format
  reader.skip(2 * checkCount(reader, reader.i16(), 2)); // one format for each column
  return { kind };
}

function decodeNotification(reader: Reader): BackendMessage {
  return { kind: 'notification', processId: reader.i32(), channel: reader.cstring(), payload: reader.cstring() };
}

/** Reads a number of items, and checks that the remaining bytes can contain them, before anything is allocated. */
function checkCount(reader: Reader, declared: number, smallest: number): number {
  if (declared < 0 || declared * smallest > reader.remaining) {
    throw new ProtocolError(
      `A count of ${declared} before byte ${reader.offset} is impossible: ${reader.remaining} bytes remain, and each item has at least ${smallest}`,
    );
  }
  return declared;
}
