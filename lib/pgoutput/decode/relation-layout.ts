import type { Reader } from '../../wire/reader';
import { type Column, type ReplicaIdentity, formatTableName } from '../messages/table';
import { RelationMessage } from '../messages/transaction-messages';

const KEY_COLUMN = 1;

/** The values of `pg_class.relreplident`. */
const REPLICA_IDENTITIES: ReadonlyMap<number, ReplicaIdentity> = new Map<number, ReplicaIdentity>([
  [0x64, 'default'], // d
  [0x6e, 'nothing'], // n
  [0x66, 'full'], // f
  [0x69, 'index'], // i
]);

/**
 * Reads a Relation message from its OID on.
 *
 * @param createError creates the error for an invalid replica identity
 */
export function readRelation(reader: Reader, createError: (identity: number) => Error): RelationMessage {
  const oid = reader.u32();
  const schema = readSchema(reader);
  const name = reader.cstring();
  const identity = reader.u8();
  const replicaIdentity = REPLICA_IDENTITIES.get(identity);
  if (replicaIdentity === undefined) throw createError(identity);
  const columns: Column[] = [];
  for (let count = reader.u16(); count > 0; count--) columns.push(readColumn(reader));
  return new RelationMessage(oid, schema, name, formatTableName(schema, name), replicaIdentity, columns);
}

/** Reads a schema name. pgoutput sends an empty name for pg_catalog (`logicalrep_write_namespace`). */
export function readSchema(reader: Reader): string {
  return reader.cstring() || 'pg_catalog';
}

function readColumn(reader: Reader): Column {
  const key = (reader.u8() & KEY_COLUMN) !== 0;
  return { name: reader.cstring(), key, typeOid: reader.u32(), typeModifier: reader.i32() };
}
