/**
 * The package pg-logical-replication with its pgoutput plugin. It acknowledges each message, which is its default, or, with the
 * argument `1s`, one message per second.
 */
import { runClient } from './harness';
import { peer } from './peer';

interface Service {
  on(event: 'data', listener: (lsn: string, message: { readonly tag: string }) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  subscribe(plugin: unknown, slot: string): Promise<unknown>;
  acknowledge(lsn: string): Promise<boolean>;
  stop(): Promise<unknown>;
}

interface Package {
  readonly LogicalReplicationService: new (
    connection: object,
    options?: { readonly acknowledge: { readonly auto: boolean; readonly timeoutSeconds: number } },
  ) => Service;
  readonly PgoutputPlugin: new (options: { protoVersion: number; publicationNames: string[] }) => unknown;
}

const eachSecond = process.argv.includes('1s');

async function main(): Promise<void> {
  const { LogicalReplicationService, PgoutputPlugin } = await peer<Package>('pg-logical-replication');
  runClient(({ endpoint: { ca, ...connection }, slot, publication }, tally, fail) => {
    const service = new LogicalReplicationService(
      { ...connection, ...(ca !== undefined && { ssl: { ca } }) },
      eachSecond ? { acknowledge: { auto: false, timeoutSeconds: 0 } } : undefined,
    );
    let last = '0/0';
    service.on('data', (lsn, { tag }) => {
      last = lsn;
      switch (tag) {
        case 'insert':
        case 'update':
        case 'delete':
          tally[tag] += 1;
          break;
        case 'commit':
          tally.check();
          break;
      }
    });
    service.on('error', fail);
    const timer = eachSecond ? setInterval(() => void service.acknowledge(last).catch(fail), 1000) : undefined;
    service.subscribe(new PgoutputPlugin({ protoVersion: 1, publicationNames: [publication] }), slot).catch(fail);
    return {
      leave() {
        clearInterval(timer);
        return service.stop();
      },
    };
  });
}

void main();
