import { DeleteMessage, InsertMessage, TruncateMessage, UpdateMessage } from '../messages/change-messages';
import { type Row } from '../messages/table';
import type { MessageFormat } from './state';
import { readKey, readRow } from './tuple';

const NEW = 0x4e; // N
const OLD = 0x4f; // O
const KEY = 0x4b; // K

const CASCADE = 1;
const RESTART_IDENTITY = 2;

export const insertFormat: MessageFormat = {
  name: 'Insert message',
  hasXid: true,
  hasValues: true,
  decode(reader, state) {
    const transaction = state.requireTransaction();
    const relation = state.readRelation(reader);
    const tag = reader.u8();
    if (tag !== NEW) throw state.createByteError(reader, tag, "the new row, 'N',");
    const row = readRow(reader, state, relation);
    return new InsertMessage(relation.message, transaction.nextPosition(), row, state.unchanged);
  },
};

export const updateFormat: MessageFormat = {
  name: 'Update message',
  hasXid: true,
  hasValues: true,
  decode(reader, state) {
    const transaction = state.requireTransaction();
    const relation = state.readRelation(reader);
    let old: Row | undefined;
    let key: Row | undefined;
    let tag = reader.u8();
    if (tag === OLD) {
      old = readRow(reader, state, relation);
      tag = reader.u8();
    } else if (tag === KEY) {
      key = readKey(reader, state, relation);
      tag = reader.u8();
    }
    if (tag !== NEW) {
      const isFirst = old === undefined && key === undefined;
      throw state.createByteError(reader, tag, isFirst ? "a row, 'K', 'O' or 'N'," : "the new row, 'N',");
    }
    const row = readRow(reader, state, relation, old ?? key);
    return new UpdateMessage(relation.message, transaction.nextPosition(), row, old, key, state.unchanged);
  },
};

export const deleteFormat: MessageFormat = {
  name: 'Delete message',
  hasXid: true,
  hasValues: true,
  decode(reader, state) {
    const transaction = state.requireTransaction();
    const relation = state.readRelation(reader);
    const tag = reader.u8();
    if (tag !== OLD && tag !== KEY) throw state.createByteError(reader, tag, "the old row, 'K' or 'O',");
    const old = tag === OLD ? readRow(reader, state, relation) : undefined;
    const key = tag === KEY ? readKey(reader, state, relation) : undefined;
    return new DeleteMessage(relation.message, transaction.nextPosition(), old, key);
  },
};

export const truncateFormat: MessageFormat = {
  name: 'Truncate message',
  hasXid: true,
  decode(reader, state) {
    const transaction = state.requireTransaction();
    const count = reader.u32();
    const flags = reader.u8();
    const relations = [];
    // Not Array.from({ length }): do not trust the count before its OIDs have been read.
    for (let i = 0; i < count; i++) relations.push(state.readRelation(reader).message);
    return new TruncateMessage(
      relations,
      transaction.nextPosition(),
      (flags & CASCADE) !== 0,
      (flags & RESTART_IDENTITY) !== 0,
    );
  },
};
