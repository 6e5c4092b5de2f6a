import { readRelation, readSchema } from './relation-layout';
import type { MessageFormat } from './state';
import { TypeMessage } from '../messages/transaction-messages';

export const relationFormat: MessageFormat = {
  name: 'Relation message',
  hasXid: true,
  decode(reader, state) {
    const start = reader.offset;
    const message = readRelation(reader, (identity) =>
      state.createByteError(reader, identity, "the replica identity, 'd', 'n', 'f' or 'i',"),
    );
    state.relations.add(message, reader.latin1From(start), state.openXid);
    return message;
  },
};

export const typeFormat: MessageFormat = {
  name: 'Type message',
  hasXid: true,
  decode(reader, state) {
    const message = new TypeMessage(reader.u32(), readSchema(reader), reader.cstring());
    state.relations.addType(message);
    return message;
  },
};
