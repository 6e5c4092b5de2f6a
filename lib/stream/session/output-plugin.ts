import { ProtocolError } from '../../common/errors';
import { PgoutputDecoder } from '../../pgoutput/decode/decoder';
import { XLogDataMessage } from '../../pgoutput/messages/walsender-messages';
import type { Decoding } from '../../pgoutput/decode/relations';
import { Reader } from '../../wire/reader';
import { readXLogDataHeader, XLOG_DATA_HEADER_LENGTH } from '../../wire/replication-messages';
import type { PayloadDecoder } from './session-ports';

/** XLogData's header without its type byte. */
const HEADER = XLOG_DATA_HEADER_LENGTH - 1;

/**
 * Chooses the decoder of an output plugin. A plugin besides pgoutput that is decoded, too, gets its branch here.
 *
 * @param decoding how pgoutput's values are read; undefined for another plugin, whose output is passed on as it is
 */
export function createPayloadDecoder(decoding: Decoding | undefined): PayloadDecoder {
  if (decoding) {
    const decoder = new PgoutputDecoder(decoding.types, decoding);
    // The header is skipped: pgoutput's messages have their own positions.
    return (buffer, start, end) => {
      if (end - start < HEADER) {
        throw new ProtocolError(
          `XLogData message: expected a header of ${HEADER} bytes, where ${end - start} are left`,
        );
      }
      return decoder.decode(buffer, start + HEADER, end);
    };
  }
  const reader = new Reader(Buffer.alloc(0), 0, 0, 'XLogData');
  return (buffer, start, end) => {
    reader.reset(buffer, start, end, 'XLogData');
    const { dataStart, walEnd, serverTime } = readXLogDataHeader(reader);
    return new XLogDataMessage(dataStart, walEnd, serverTime, reader.rest());
  };
}
