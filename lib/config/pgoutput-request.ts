import { listOptionNames, type OptionReader } from '../common/option-reader';
import { PROTO_VERSIONS, chooseProtoVersion, type PgoutputRequest } from '../commands/pgoutput-options';
import type { PgoutputOptions } from './stream-config';

export const PGOUTPUT_OPTIONS = listOptionNames<PgoutputOptions>({
  messages: true,
  binary: true,
  streaming: true,
  twoPhase: true,
  origin: true,
  protoVersion: true,
});

/** @throws {ConfigError} for the first invalid option */
export function readPgoutputRequest(options: OptionReader): PgoutputRequest {
  const asked = {
    messages: options.flag('messages', false),
    binary: options.flag('binary', false),
    streaming: options.oneOf('streaming', ['off', 'on', 'parallel']) ?? 'off',
    twoPhase: options.flag('twoPhase', false),
    origin: options.oneOf('origin', ['none', 'any']),
  };
  return { ...asked, protoVersion: readProtoVersion(options, asked) };
}

function readProtoVersion(options: OptionReader, asked: Parameters<typeof chooseProtoVersion>[0]): number | undefined {
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
