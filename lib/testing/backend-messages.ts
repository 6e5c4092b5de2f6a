/** Builders of the server's messages, as complete frames. They check nothing, so a spec can build invalid messages. */
import { cstring, i32, timestamp, u16, u32, u64, u8 } from './bytes';
import { SERVER_TIME } from './defaults';
import { buildPayload } from './payloads';

/** Builds a frame of any type. */
export function buildFrame(tag: string, ...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  return Buffer.concat([Buffer.from(tag, 'latin1'), u32(body.length + 4), body]);
}

export interface XLogDataFields {
  dataStart?: bigint;
  walEnd?: bigint;
  /** The server's time. */
  serverTime?: Date;
}

/** Builds an XLogData with a payload of the output plugin. */
export function buildXlogData(
  payload: Buffer,
  { dataStart = 0n, walEnd = dataStart, serverTime = SERVER_TIME }: XLogDataFields = {},
): Buffer {
  return buildFrame('d', buildPayload('w', u64(dataStart), u64(walEnd), timestamp(serverTime), payload));
}

/** @param serverTime the server's time */
export function buildKeepalive(walEnd: bigint, replyRequested = false, serverTime = SERVER_TIME): Buffer {
  return buildFrame('d', buildPayload('k', u64(walEnd), timestamp(serverTime), u8(replyRequested ? 1 : 0)));
}

/** The fields of an ErrorResponse or NoticeResponse, by their letters in the manual. */
export type FieldsByLetter = Readonly<Record<string, string>>;

export function buildErrorResponse(fields: FieldsByLetter): Buffer {
  return buildFrame('E', encodeServerFields({ S: 'ERROR', V: 'ERROR', C: 'XX000', M: 'an error', ...fields }));
}

export function buildNotice(fields: FieldsByLetter): Buffer {
  return buildFrame('N', encodeServerFields({ S: 'WARNING', V: 'WARNING', C: '01000', M: 'a warning', ...fields }));
}

export function buildAuthenticationOk(): Buffer {
  return buildFrame('R', u32(0));
}

export function buildParameterStatus(name: string, value: string): Buffer {
  return buildFrame('S', cstring(name), cstring(value));
}

export function buildNotification(channel: string, payload: string): Buffer {
  return buildFrame('A', u32(1), cstring(channel), cstring(payload));
}

export function buildRowDescription(columns: readonly string[]): Buffer {
  // Table, attribute, type text, type size, type modifier, format.
  const description = Buffer.concat([u32(0), u16(0), u32(25), u16(0xffff), u32(0xffff_ffff), u16(0)]);
  return buildFrame('T', u16(columns.length), ...columns.flatMap((name) => [cstring(name), description]));
}

export function buildDataRow(values: readonly (string | null)[]): Buffer {
  const fields = values.map((value) => {
    if (value === null) return i32(-1);
    const bytes = Buffer.from(value);
    return Buffer.concat([i32(bytes.length), bytes]);
  });
  return buildFrame('D', u16(values.length), ...fields);
}

export function buildCommandComplete(tag: string): Buffer {
  return buildFrame('C', cstring(tag));
}

export function buildReadyForQuery(): Buffer {
  return buildFrame('Z', Buffer.from('I'));
}

export function buildCopyBothResponse(): Buffer {
  return buildFrame('W', u8(0), u16(0));
}

export function buildCopyDone(): Buffer {
  return buildFrame('c');
}

function encodeServerFields(fields: FieldsByLetter): Buffer {
  return Buffer.concat([...Object.entries(fields).map(([code, text]) => buildPayload(code, cstring(text))), u8(0)]);
}
