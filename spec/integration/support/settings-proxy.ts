import { buildCommandComplete, buildErrorResponse, buildReadyForQuery } from '../../../lib/testing/backend-messages';
import { encodeStartupMessage } from '../../../lib/wire/frontend';
import { FaultProxy, type FrameFilter } from '../../support/proxy';

/** The parameters that every proxy and pooler forwards. */
const USUAL = ['user', 'database', 'application_name', 'replication', 'options'];

/** What a proxy or a pooler does to the settings of a session. */
export type ProxyMode =
  | 'passes'
  | 'drops parameters'
  | 'refuses parameters'
  | 'rewrites parameters'
  | 'adds options'
  | 'lies'
  | 'swallows SET'
  | 'refuses SET';

/** A proxy for the server at `url` that treats all connections in this way. */
export async function settingsProxy(url: string, manner: ProxyMode): Promise<FaultProxy> {
  const proxy = await FaultProxy.before(url);
  proxy.filter = FILTERS[manner](proxy);
  return proxy;
}

const FILTERS: Readonly<Record<ProxyMode, (proxy: FaultProxy) => FrameFilter>> = {
  passes: () => (frame) => frame,
  'drops parameters': () =>
    onStartup((parameters) => Object.fromEntries(Object.entries(parameters).filter(([name]) => USUAL.includes(name)))),
  // The wording of PgBouncer.
  'refuses parameters': (proxy) =>
    onStartup((parameters) => {
      const unknown = Object.keys(parameters).find((name) => !USUAL.includes(name));
      if (unknown === undefined) return parameters;
      const M = `unsupported startup parameter: ${unknown}`;
      proxy.inject(buildErrorResponse({ S: 'FATAL', V: 'FATAL', C: '08P01', M }));
      proxy.cut('fin');
      return parameters;
    }),
  'rewrites parameters': () =>
    onStartup((parameters) => {
      const usual = Object.entries(parameters).filter(([name]) => USUAL.includes(name));
      return { ...Object.fromEntries(usual), datestyle: 'SQL, DMY', bytea_output: 'escape', extra_float_digits: '0' };
    }),
  'adds options': () =>
    onStartup((parameters) => ({
      ...parameters,
      options: `${parameters['options'] ?? ''} -c datestyle=German -c extra_float_digits=-3 -c bytea_output=escape`,
    })),
  // ParameterStatus has the value that the client expects.
  lies: () => (frame, from) =>
    from === 'server' && frame[0] === 'S'.charCodeAt(0)
      ? Buffer.from(frame.toString('latin1').replace('German, DMY', '   ISO, MDY'), 'latin1')
      : frame,
  'swallows SET': (proxy) =>
    onSet(() => {
      proxy.inject(buildCommandComplete('SET'), buildReadyForQuery());
    }),
  'refuses SET': (proxy) =>
    onSet(() => {
      proxy.inject(buildErrorResponse({ C: '42501', M: 'SET is not allowed here' }), buildReadyForQuery());
    }),
};

function onStartup(change: (parameters: Record<string, string>) => Record<string, string>): FrameFilter {
  return (frame, from) => {
    // Only a StartupMessage has no type byte.
    if (from !== 'client' || frame[0] !== 0) return frame;
    const texts = frame.toString('utf8', 8, frame.length - 2).split('\0');
    const parameters = texts.flatMap((name, i) => (i % 2 === 0 ? [[name, texts[i + 1] ?? ''] as const] : []));
    return encodeStartupMessage(change(Object.fromEntries(parameters)));
  };
}

function onSet(answer: () => void): FrameFilter {
  return (frame, from) => {
    if (from !== 'client' || !/^Q.{4}(SET|SELECT (pg_catalog\.)?set_config)\b/s.test(frame.toString('latin1')))
      return frame;
    answer();
    return [];
  };
}
