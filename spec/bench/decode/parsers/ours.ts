import { PgoutputDecoder } from '../../../../lib/pgoutput/decode/decoder';
import { defaultTypes } from '../../../../lib/pgoutput/values/values';
import type { MakeParser } from '../parsers';

/** This library's decoder with its default types. */
export const ours: MakeParser = ({ buffer, offsets }) => {
  const decoder = new PgoutputDecoder(defaultTypes);
  return Promise.resolve((onChange) => {
    let start = 0;
    for (const end of offsets.subarray(1)) {
      const message = decoder.decode(buffer, start, end);
      start = end;
      switch (message.kind) {
        case 'insert':
          onChange('insert', message.new, undefined);
          break;
        case 'update':
          onChange('update', message.new, message.old ?? message.key);
          break;
        case 'delete':
          onChange('delete', undefined, message.old ?? message.key);
          break;
      }
    }
  });
};
