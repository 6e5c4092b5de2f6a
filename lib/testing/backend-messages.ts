/** Builders of the server's messages, as complete frames. They check nothing, so a spec can build invalid messages. */
import { cstring, i32, timestamp, u16, u32, u64, u8 } from './bytes';
import { SERVER_TIME } from './defaults';
import { message } from './payloads';

/** Builds a frame of any type. */
export function frame(tag: string, ...fields: readonly Buffer[]): Buffer {
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
export function xlogData(
  payload: Buffer,
  { dataStart = 0n, walEnd = dataStart, serverTime = SERVER_TIME }: XLogDataFields = {},
): Buffer {
  return frame('d', message('w', u64(dataStart), u64(walEnd), timestamp(serverTime), payload));
}

/** @param serverTime the server's time */
export function keepalive(walEnd: bigint, replyRequested = false, serverTime = SERVER_TIME): Buffer {
  return frame('d', message('k', u64(walEnd), timestamp(serverTime), u8(replyRequested ? 1 : 0)));
}

/** The fields of an ErrorResponse or NoticeResponse, by their letters in the manual. */
export type FieldsByLetter = Readonly<Record<string, string>>;

export function errorResponse(fields: FieldsByLetter): Buffer {
  return frame('E', encodeServerFields({ S: 'ERROR', V: 'ERROR', C: 'XX000', M: 'an error', ...fields }));
}

export function notice(fields: FieldsByLetter): Buffer {
  return frame('N', encodeServerFields({ S: 'WARNING', V: 'WARNING', C: '01000', M: 'a warning', ...fields }));
}

export function authenticationOk(): Buffer {
  return frame('R', u32(0));
}

export function parameterStatus(name: string, value: string): Buffer {
  return frame('S', cstring(name), cstring(value));
}

export function notification(channel: string, payload: string): Buffer {
  return frame('A', u32(1), cstring(channel), cstring(payload));
}

export function rowDescription(columns: readonly string[]): Buffer {
  // Table, attribute, type text, type size, type modifier, format.
  const description = Buffer.concat([u32(0), u16(0), u32(25), u16(0xffff), u32(0xffff_ffff), u16(0)]);
  return frame('T', u16(columns.length), ...columns.flatMap((name) => [cstring(name), description]));
}

export function dataRow(values: readonly (string | null)[]): Buffer {
  const fields = values.map((value) => {
    if (value === null) return i32(-1);
    const bytes = Buffer.from(value);
    return Buffer.concat([i32(bytes.length), bytes]);
  });
  return frame('D', u16(values.length), ...fields);
}

export function commandComplete(tag: string): Buffer {
  return frame('C', cstring(tag));
}

export function readyForQuery(): Buffer {
  return frame('Z', Buffer.from('I'));
}

export function copyBothResponse(): Buffer {
  return frame('W', u8(0), u16(0));
}

export function copyDone(): Buffer {
  return frame('c');
}

function encodeServerFields(fields: FieldsByLetter): Buffer {
  return Buffer.concat([...Object.entries(fields).map(([code, text]) => message(code, cstring(text))), u8(0)]);
}
