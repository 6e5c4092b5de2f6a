import { peer } from '../../clients/peer';
import { isChange, type MakeParser, type Row } from '../parsers';
import { views } from '../payloads';

/** The number of messages per simulated read. */
const CHUNK = 100;

/** Wraps a payload in an XLogData, which the decoder requires. */
interface Message {
  tag: string;
  lsn: null;
  endLsn: null;
  time: bigint;
  data: Buffer | null;
  readonly relation?: { readonly columns: readonly { readonly name: string }[] };
  readonly before?: Row | null;
  readonly after?: Row | null;
}

interface Chunk {
  readonly messages: Message[];
}

interface Package {
  readonly pgconnection: (options: Readonly<Record<string, string>>) => {
    logicalReplication(options: { slot: string }): object;
  };
}

/** The part of a ReplicationStream that is used. Its decoder reads the chunks of the object it is called on. */
interface Decoding {
  readonly pgoutputDecode: (this: Iterable<Chunk>) => AsyncIterable<Chunk>;
}

/** The decoder of the package pgwire. It decodes a value when it is read, so all values are read. */
export const pgwire: MakeParser = async (payloads) => {
  const { pgconnection } = await peer<Package>('pgwire');
  // It connects only when the stream is read.
  const { pgoutputDecode } = pgconnection({}).logicalReplication({ slot: 'none' }) as Decoding;
  const buffers = views(payloads);
  function* chunks(): Generator<Chunk> {
    for (let start = 0; start < buffers.length; start += CHUNK) {
      yield { messages: buffers.slice(start, start + CHUNK).map(xLogData) };
    }
  }
  return async (onChange) => {
    for await (const { messages } of pgoutputDecode.call(chunks())) {
      for (const { tag, relation, after, before } of messages) {
        if (!isChange(tag)) continue;
        for (const { name } of relation?.columns ?? []) {
          value = after?.[name];
          value = before?.[name];
        }
        onChange(tag, after ?? undefined, before ?? undefined);
      }
    }
  };
};

function xLogData(data: Buffer): Message {
  return { tag: 'XLogData', lsn: null, endLsn: null, time: 0n, data };
}

/** The last value that was read, in module scope, so that the compiler cannot remove the reads. */
export let value: unknown;
