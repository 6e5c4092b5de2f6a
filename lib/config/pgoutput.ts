import { listOptionNames, type Options } from '../common/options';
import { PROTO_VERSIONS, chooseProtoVersion, type PgoutputRequest } from '../commands/pgoutput-options';

/** Options of pgoutput other than the publications. Source: manual, "Logical Streaming Replication Protocol". */
export interface PgoutputOptions {
  /** Whether the server sends messages of `pg_logical_emit_message`. Needs PostgreSQL 14. Default false. */
  readonly messages?: boolean | undefined;
  /**
   * Whether the server sends values in their binary form, if the type has one. Your code receives the same values; the server
   * does less work and the client more. Needs PostgreSQL 14. Default false.
   */
  readonly binary?: boolean | undefined;
  /**
   * Whether the server streams a large transaction before it commits, in blocks, once it exceeds `logical_decoding_work_mem`,
   * instead of writing it to disk. `transactions()` assembles the blocks. `'on'` needs PostgreSQL 14; `'parallel'` needs 16 and
   * adds the LSN and time of an abort. Default `'off'`.
   */
  readonly streaming?: 'off' | 'on' | 'parallel' | undefined;
  /**
   * Whether the server sends a transaction at PREPARE TRANSACTION, and later its COMMIT PREPARED or ROLLBACK PREPARED. The
   * server enables two-phase decoding for the slot, permanently. Needs PostgreSQL 15. Default false.
   */
  readonly twoPhase?: boolean | undefined;
  /**
   * `'none'`: only changes without a replication origin, that is, not those replicated to this server. Needs PostgreSQL 16.
   * Default `'any'`.
   */
  readonly origin?: 'none' | 'any' | undefined;
  /** The version of pgoutput's protocol, 1 to 4. Default: the lowest one that supports the options. */
  readonly protoVersion?: number | undefined;
}

export const PGOUTPUT_OPTIONS = listOptionNames<PgoutputOptions>({
  messages: true,
  binary: true,
  streaming: true,
  twoPhase: true,
  origin: true,
  protoVersion: true,
});

/** @throws {ConfigError} for the first invalid option */
export function readPgoutputRequest(options: Options): PgoutputRequest {
  const asked = {
    messages: options.flag('messages', false),
    binary: options.flag('binary', false),
    streaming: options.oneOf('streaming', ['off', 'on', 'parallel']) ?? 'off',
    twoPhase: options.flag('twoPhase', false),
    origin: options.oneOf('origin', ['none', 'any']),
  };
  return { ...asked, protoVersion: readProtoVersion(options, asked) };
}

function readProtoVersion(options: Options, asked: Parameters<typeof chooseProtoVersion>[0]): number | undefined {
  const version = options.get('protoVersion');
  if (version === undefined) return undefined;
  const known = [...PROTO_VERSIONS.keys()];
  if (typeof version !== 'number' || !known.includes(version)) {
    throw options.error('protoVersion', `expected one of ${known.join(', ')}`);
  }
  const least = chooseProtoVersion(asked);
  if (version >= least) return version;
  const what = asked.twoPhase && asked.streaming !== 'parallel' ? 'twoPhase' : `streaming: '${asked.streaming}'`;
  throw options.error('protoVersion', `${what} needs ${least} or more, got ${version}`);
}
