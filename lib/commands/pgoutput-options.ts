import { quotePublicationNames } from './sql';
import { requireVersion } from './server-version';

/** The options that a stream requests from pgoutput. */
export interface PgoutputRequest {
  /** Default: the lowest version that supports the other options. */
  readonly protoVersion: number | undefined;
  readonly messages: boolean;
  readonly binary: boolean;
  readonly streaming: 'off' | 'on' | 'parallel';
  readonly twoPhase: boolean;
  readonly origin: 'none' | 'any' | undefined;
}

/** The protocol versions, with the first server that has each. Source: pgoutput.h, LOGICALREP_PROTO_*_VERSION_NUM. */
export const PROTO_VERSIONS: ReadonlyMap<number, number> = new Map([
  [1, 100_000],
  [2, 140_000],
  [3, 150_000],
  [4, 160_000],
]);

/** Returns the lowest protocol version that supports the options. */
export function chooseProtoVersion({ streaming, twoPhase }: Pick<PgoutputRequest, 'streaming' | 'twoPhase'>): number {
  if (streaming === 'parallel') return 4;
  if (twoPhase) return 3;
  return streaming === 'on' ? 2 : 1;
}

/**
 * The options of START_REPLICATION.
 *
 * @param version the server's version, as in server_version_num
 * @throws {ReplicationError} `UNSUPPORTED` when the server does not support an option
 */
export function buildPgoutputOptions(
  request: PgoutputRequest,
  publications: readonly string[],
  version: number,
): Record<string, string> {
  const { messages, binary, streaming, twoPhase, origin } = request;
  if (messages) requireVersion(version, 140_000, 'messages: true');
  if (binary) requireVersion(version, 140_000, 'binary: true');
  if (streaming === 'on') requireVersion(version, 140_000, "streaming: 'on'");
  if (streaming === 'parallel') requireVersion(version, 160_000, "streaming: 'parallel'");
  if (twoPhase) requireVersion(version, 150_000, 'twoPhase: true');
  // Every supported server has the other options.
  if (origin === 'none') requireVersion(version, 160_000, "origin: 'none'");
  const protoVersion = request.protoVersion ?? chooseProtoVersion(request);
  requireVersion(version, PROTO_VERSIONS.get(protoVersion) ?? Infinity, `protoVersion: ${protoVersion}`);
  return {
    proto_version: String(protoVersion),
    publication_names: quotePublicationNames(publications),
    ...(messages && { messages: 'true' }),
    ...(binary && { binary: 'true' }),
    ...(streaming !== 'off' && { streaming }),
    ...(twoPhase && { two_phase: 'true' }),
    ...(origin === 'none' && { origin }),
  };
}
