import type { Options } from '../common/options';
import { PROTO_VERSIONS, chooseProtoVersion, type PgoutputRequest } from '../commands/pgoutput-options';

/** What pgoutput can be asked for besides publications. */
export interface PgoutputOptions {
  /** Whether messages of pg_logical_emit_message are sent, too. Needs PostgreSQL 14. Default false. */
  readonly messages?: boolean | undefined;
  /**
   * Whether values come in binary where their type has such a form: the same values, but more work here and less there.
   * Needs PostgreSQL 14. Default false.
   */
  readonly binary?: boolean | undefined;
  /**
   * Whether large transactions are sent while they are open, in blocks, instead of being kept on the server's disk until
   * they commit. `transactions()` puts them together. `'parallel'` (PostgreSQL 16) says more of aborts than `'on'` (14).
   * Default `'off'`.
   */
  readonly streaming?: 'off' | 'on' | 'parallel' | undefined;
  /**
   * Whether prepared transactions are sent when they are prepared, and later how they ended. The slot becomes one for
   * two-phase commit, if it is not yet. Needs PostgreSQL 15. Default false.
   */
  readonly twoPhase?: boolean | undefined;
  /**
   * `'none'`: only what was made on this server, and not what was replicated to it. Needs PostgreSQL 16. Default `'any'`.
   */
  readonly origin?: 'none' | 'any' | undefined;
  /** The version of pgoutput's protocol, 1 to 4. Default: the lowest that has what is asked for. */
  readonly protoVersion?: number | undefined;
}

export const PGOUTPUT_OPTIONS: readonly (keyof PgoutputOptions)[] = [
  'messages',
  'binary',
  'streaming',
  'twoPhase',
  'origin',
  'protoVersion',
];

/** @throws {ConfigError} naming the first option that cannot be used */
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
    throw options.error('protoVersion', `expected ${known.join(', ')} or nothing`);
  }
  const least = chooseProtoVersion(asked);
  if (version >= least) return version;
  const what = asked.twoPhase && asked.streaming !== 'parallel' ? 'twoPhase' : `streaming: '${asked.streaming}'`;
  throw options.error('protoVersion', `${what} needs ${least} or more, got ${version}`);
}
