import type { Reader } from '../wire/reader';
import { type Column, type ReplicaIdentity, tableName } from './table';
import { RelationMessage, TypeMessage } from './transaction-messages';
import type { MessageFormat } from './state';

const KEY_COLUMN = 1;

/** pg_class.relreplident. */
const REPLICA_IDENTITIES: ReadonlyMap<number, ReplicaIdentity> = new Map<number, ReplicaIdentity>([
  [0x64, 'default'], // d
  [0x6e, 'nothing'], // n
  [0x66, 'full'], // f
  [0x69, 'index'], // i
]);

export const relation: MessageFormat = {
  name: 'Relation message',
  hasXid: true,
  decode(reader, state) {
    const oid = reader.u32();
    const schema = readSchema(reader);
    const name = reader.cstring();
    const identity = reader.u8();
    const replicaIdentity = REPLICA_IDENTITIES.get(identity);
    if (replicaIdentity === undefined) {
      throw state.unexpected(reader, identity, "the replica identity, 'd', 'n', 'f' or 'i',");
    }
    const columns: Column[] = [];
    for (let count = reader.u16(); count > 0; count--) columns.push(readColumn(reader));
    const table = tableName(schema, name);
    const message = new RelationMessage(oid, schema, name, table, replicaIdentity, columns);
    state.relations.add(message, state.openXid);
    return message;
  },
};

export const namedType: MessageFormat = {
  name: 'Type message',
  hasXid: true,
  decode(reader, state) {
    const message = new TypeMessage(reader.u32(), readSchema(reader), reader.cstring());
    state.relations.addType(message);
    return message;
  },
};

function readColumn(reader: Reader): Column {
  const key = (reader.u8() & KEY_COLUMN) !== 0;
  return { name: reader.cstring(), key, typeOid: reader.u32(), typeModifier: reader.i32() };
}

/** pgoutput leaves the name of pg_catalog out (logicalrep_write_namespace). */
function readSchema(reader: Reader): string {
  return reader.cstring() || 'pg_catalog';
}
