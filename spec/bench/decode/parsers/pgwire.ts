import { peer } from '../../clients/peer';
import { isChange, type MakeParser, type Row } from '../parsers';
import { views } from '../payloads';

/** How many messages come at once, as if they had come by one read. */
const CHUNK = 100;

/** An XLogData, which the decoder turns into a message. */
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

/** What a ReplicationStream has. Its decoder takes the chunks of whatever it is called on. */
interface Decoding {
  readonly pgoutputDecode: (this: Iterable<Chunk>) => AsyncIterable<Chunk>;
}

/** The decoder of the package pgwire. It makes a value when that is read, so all are read. */
export const pgwire: MakeParser = async (payloads) => {
  const { pgconnection } = await peer<Package>('pgwire');
  // Nothing connects before somebody reads from the stream.
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

/** The last one that was read, out here where no compiler can find the reading useless. */
export let value: unknown;
