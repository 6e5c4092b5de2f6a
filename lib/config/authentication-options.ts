import type { RequireAuthMethod, AuthenticationPolicy, ChannelBinding } from '../wire/authentication-policy';
import type { Parameters } from './parameters';

const METHODS: readonly RequireAuthMethod[] = ['none', 'password', 'md5', 'scram-sha-256', 'oauth'];
/** Methods of libpq that the library does not support; a negated `require_auth` may name them. */
const UNSUPPORTED_METHODS = ['gss', 'sspi'];

/** Reads `require_auth`. Source: manual, "Parameter Key Words". */
export function readMethods(parameters: Parameters): Pick<AuthenticationPolicy, 'methods' | 'isExplicit'> {
  const text = parameters.text('require_auth');
  if (text === undefined) return { methods: undefined, isExplicit: false };
  const words = text.split(',').map((word) => word.trim());
  const isNegated = words.every((word) => word.startsWith('!'));
  const named = words.map((word) => word.replace(/^!/, ''));
  const known = [...METHODS, ...UNSUPPORTED_METHODS];
  const unknown = named.find((word) => !known.includes(word));
  if (unknown !== undefined || (!isNegated && words.some((word) => word.startsWith('!')))) {
    throw parameters.error(
      'require_auth',
      `expected a list of ${known.join(', ')}, either all or none of them with a leading !`,
    );
  }
  const methods = METHODS.filter((method) => named.includes(method) !== isNegated);
  if (methods.length === 0)
    throw parameters.error('require_auth', `excludes all supported methods: ${METHODS.join(', ')}`);
  return { methods: new Set(methods), isExplicit: !isNegated };
}

export function readChannelBinding(parameters: Parameters): ChannelBinding {
  const binding = parameters.oneOf('channel_binding', ['disable', 'prefer', 'require']);
  return binding ?? (parameters.own('enableChannelBinding') === false ? 'disable' : 'prefer');
}
