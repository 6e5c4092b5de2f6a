import { Fields } from './fields';
import { uint8At } from './integers';

/** pg_snapshot and txid_snapshot: xmin, xmax and the transactions between them that were in progress. */
export function snapshot(bytes: Buffer, start: number, end: number): string {
  const fields = new Fields(bytes, start, end);
  const count = fields.i32();
  const xmin = fields.take(8);
  const xmax = fields.take(8);
  const running = fields.take(count * 8);
  fields.finish();
  let text = `${uint8At(bytes, xmin)}:${uint8At(bytes, xmax)}:`;
  for (let i = 0; i < count; i++) text += (i === 0 ? '' : ',') + uint8At(bytes, running + 8 * i);
  return text;
}
