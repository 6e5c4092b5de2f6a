import type { Column } from '../messages/table';

const TAG = 0x52; // R

/** A table as the catalog describes it. */
export interface TableDescription {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `pg_class.relreplident`. */
  readonly replicaIdentity: string;
  readonly columns: readonly Column[];
}

/** Encodes the Relation message that pgoutput would send for the table. */
export function encodeRelation({ oid, schema, name, replicaIdentity, columns }: TableDescription): Buffer {
  const text = (value: string): Buffer => Buffer.from(`${value}\0`);
  const head = Buffer.from([TAG, 0, 0, 0, 0]);
  head.writeUInt32BE(oid, 1);
  const count = Buffer.alloc(2);
  count.writeUInt16BE(columns.length);
  const parts = columns.flatMap((column) => {
    const type = Buffer.alloc(8);
    type.writeUInt32BE(column.typeOid, 0);
    type.writeInt32BE(column.typeModifier, 4);
    return [Buffer.from([column.key ? 1 : 0]), text(column.name), type];
  });
  return Buffer.concat([head, text(schema), text(name), Buffer.from(replicaIdentity), count, ...parts]);
}
