/** The package pgwire with its pgoutput decoder, which decodes a value when it is read. So all values are read. */
import { runClient } from './harness';
import { peer } from './peer';

type Tuple = Readonly<Record<string, unknown>> | null | undefined;

interface Message {
  readonly tag: string;
  readonly relation?: { readonly columns: readonly { readonly name: string }[] };
  readonly before?: Tuple;
  readonly after?: Tuple;
}

interface ReplicationStream {
  pgoutputDecode(): AsyncIterable<{ readonly lastLsn: string; readonly messages: readonly Message[] }>;
  ack(lsn: string): void;
}

interface Connection {
  logicalReplication(options: { slot: string; options: Readonly<Record<string, string | number>> }): ReplicationStream;
  end(): Promise<void>;
}

interface Package {
  readonly pgconnection: (options: Readonly<Record<string, unknown>>) => Connection;
}

/** Reads each value by name, as a program would. */
function read(columns: readonly { readonly name: string }[], tuple: Tuple): number {
  if (!tuple) return 0;
  let present = 0;
  for (const { name } of columns) {
    if (tuple[name] !== undefined) present += 1;
  }
  return present;
}

async function main(): Promise<void> {
  const { pgconnection } = await peer<Package>('pgwire');
  runClient(({ endpoint: { ca, ...endpoint }, slot, publication, changes }, tally, fail) => {
    const connection = pgconnection({
      ...endpoint,
      replication: 'database',
      ...(ca !== undefined && { sslmode: 'require', sslrootcert: ca }),
    });
    let values = 0;
    let left = false;
    const drain = async (): Promise<void> => {
      const stream = connection.logicalReplication({
        slot,
        options: { proto_version: 1, publication_names: publication },
      });
      for await (const { lastLsn, messages } of stream.pgoutputDecode()) {
        for (const { tag, relation, before, after } of messages) {
          switch (tag) {
            case 'insert':
            case 'update':
            case 'delete':
              tally[tag] += 1;
              values += read(relation?.columns ?? [], before) + read(relation?.columns ?? [], after);
              break;
            case 'commit':
              tally.check();
              break;
          }
        }
        stream.ack(lastLsn);
      }
    };
    // An error after the stream is stopped is expected.
    drain().catch((error: unknown) => left || fail(error));
    return {
      async leave() {
        if (values < changes) throw new Error(`Only ${values} values were read.`);
        left = true;
        await Promise.race([connection.end(), new Promise((resolve) => setTimeout(resolve, 500))]);
      },
    };
  });
}

void main();
