import { tmpdir } from 'node:os';
import { OptionReader } from '../../common/option-reader';

/** The options of {@link transactions}. */
export interface TransactionsOptions {
  /**
   * Whether logical messages outside any transaction are emitted, between the transactions. Otherwise they are dropped,
   * and count as acknowledged. Default false.
   */
  readonly includeNonTransactionalMessages?: boolean;
  /**
   * The most memory, in bytes, for all transactions that are streamed in blocks (`streaming`) and are open, or prepared and
   * not acknowledged. Above it the largest are written to a spool file. A committed transaction counts against the window
   * of the stream instead. Default 8 MiB.
   */
  readonly maxBytes?: number;
  /** The directory of the spool file; each subscription has its own file. Default: the system's temporary directory. */
  readonly spoolDirectory?: string;
}

const MAX_BYTES = 8 * 1024 * 1024;
const NAMES = ['includeNonTransactionalMessages', 'maxBytes', 'spoolDirectory'];

/** @throws {ConfigError} `CONFIG_INVALID` */
export function readTransactionsOptions(given: TransactionsOptions): Required<TransactionsOptions> {
  const options = new OptionReader('transactions', given, NAMES);
  return {
    includeNonTransactionalMessages: options.flag('includeNonTransactionalMessages', false),
    maxBytes: options.number('maxBytes', MAX_BYTES, 0),
    spoolDirectory: options.text('spoolDirectory') ?? tmpdir(),
  };
}
