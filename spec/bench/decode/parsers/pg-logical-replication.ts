import { peer } from '../../clients/peer';
import { isChange, type MakeParser, type Row } from '../parsers';
import { views } from '../payloads';

interface Message {
  readonly tag: string;
  readonly new?: Row;
  readonly old?: Row | null;
  readonly key?: Row | null;
}

interface Package {
  readonly PgoutputPlugin: new (options: { protoVersion: 1; publicationNames: string[] }) => {
    parse(payload: Buffer): Message;
  };
}

/** The pgoutput plugin of the package pg-logical-replication. */
export const pgLogicalReplication: MakeParser = async (payloads) => {
  const { PgoutputPlugin } = await peer<Package>('pg-logical-replication');
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [] });
  const buffers = views(payloads);
  return (onChange) => {
    for (const payload of buffers) {
      const message = plugin.parse(payload);
      if (isChange(message.tag)) onChange(message.tag, message.new, message.old ?? message.key ?? undefined);
    }
  };
};
