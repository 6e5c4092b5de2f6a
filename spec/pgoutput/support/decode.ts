import { ReplicationError } from '../../../lib/common/errors';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import type { AnyPgoutputMessage, PgoutputMessage } from '../../../lib/pgoutput/messages/messages';
import { isOfWholeTransaction } from '../../../lib/testing/deliveries';
import { defaultTypes, type TypeParsers } from '../../../lib/pgoutput/values/values';

/** Decodes the payloads of whole transactions. */
export function decodeAll(payloads: readonly Buffer[], types?: TypeParsers): PgoutputMessage[] {
  return decodeAny(payloads, types).map((message) => {
    if (!isOfWholeTransaction(message)) throw new Error(`Expected no ${message.kind}`);
    return message;
  });
}

/** Decodes payloads in order with one decoder. */
export function decodeAny(payloads: readonly Buffer[], types: TypeParsers = defaultTypes): AnyPgoutputMessage[] {
  const decoder = new PgoutputDecoder(types);
  return payloads.map((payload) => decoder.decode(payload, 0, payload.length));
}

/** Decodes payloads in order with one decoder, and returns the last message, which must be of this kind. */
export function decodeLast<K extends PgoutputMessage['kind']>(
  kind: K,
  payloads: readonly Buffer[],
  types?: TypeParsers,
): Extract<PgoutputMessage, { kind: K }> {
  const message = decodeAll(payloads, types).at(-1);
  if (message === undefined || !isKind(message, kind)) throw new Error(`Expected ${kind}, got ${message?.kind}`);
  return message;
}

/** The ProtocolError of decoding the last payload. The ones before it must be valid. */
export function decodeError(payloads: readonly Buffer[], types: TypeParsers = defaultTypes): ReplicationError {
  const decoder = new PgoutputDecoder(types);
  for (const payload of payloads.slice(0, -1)) decoder.decode(payload, 0, payload.length);
  const last = payloads.at(-1) ?? Buffer.alloc(0);
  try {
    decoder.decode(last, 0, last.length);
  } catch (error) {
    if (error instanceof ReplicationError) return error;
    throw error;
  }
  throw new Error('Expected an error, but the payload was decoded');
}

function isKind<K extends PgoutputMessage['kind']>(
  message: PgoutputMessage,
  kind: K,
): message is Extract<PgoutputMessage, { kind: K }> {
  return message.kind === kind;
}
