import { Fields } from './fields';
import { formatUint8 } from './integers';
import { TextList } from './text-list';

/** pg_snapshot and txid_snapshot: xmin, xmax, and the transactions between them that were in progress. */
export function writeSnapshot(bytes: Buffer, start: number, end: number): string {
  const fields = new Fields(bytes, start, end);
  const count = fields.i32();
  const xmin = fields.take(8);
  const xmax = fields.take(8);
  const running = fields.take(count * 8);
  fields.finish();
  const texts = new TextList(',', end - start);
  for (let i = 0; i < count; i++) texts.add(formatUint8(bytes, running + 8 * i));
  return `${formatUint8(bytes, xmin)}:${formatUint8(bytes, xmax)}:${texts.toString()}`;
}
