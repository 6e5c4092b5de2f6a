import type { ColumnReaders } from '../../../lib/pgoutput/values/column-readers';
import { CompiledTables, DescribedTable } from '../../../lib/pgoutput/messages/described-table';
import { RelationCache } from '../../../lib/pgoutput/decode/relations';
import { DecoderState, OpenTransaction } from '../../../lib/pgoutput/decode/state';
import type { Column } from '../../../lib/pgoutput/messages/table';
import { RelationMessage } from '../../../lib/pgoutput/messages/transaction-messages';
import { ValueGuard } from '../../../lib/pgoutput/values/value-guard';
import { defaultTypes } from '../../../lib/pgoutput/values/values';

const DECODING = { types: defaultTypes };
const STATE = new DecoderState(new RelationCache(DECODING));
STATE.current = new OpenTransaction(0x100n);
const GUARD = new ValueGuard(STATE, undefined);
const DESCRIBED = new DescribedTable(new CompiledTables(DECODING, 0), '', undefined, false);

/** The readers of a column of `public.t`, with the errors that a subscriber receives. */
export function guardedReaders(column: Column, readers: ColumnReaders): ColumnReaders {
  const message = new RelationMessage(16384, 'public', 't', 'public.t', 'default', [column]);
  const compiled = { name: column.name, key: column.key, isProto: column.name === '__proto__', ...readers };
  const relation = {
    message,
    columns: [compiled],
    newRow: () => ({}),
    onDecodeError: 'error',
    described: DESCRIBED,
  } as const;
  return GUARD.guardRelation(relation).columns[0] ?? readers;
}
