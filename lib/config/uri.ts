import { ConfigError } from '../common/errors';

/** Never quotes the URI: it may hold a password, and what looks like its host may be a piece of that. */
export const UNREADABLE =
  'this URI cannot be read; percent-encode what is special in user, password, host and database';

/**
 * Scheme; user and password, which end at the first @ that no / precedes, as in libpq, or at one more of the same kind, as
 * in `pg`; hosts; database; parameters.
 */
const URI = /^postgres(?:ql)?:\/\/([^@/]*@(?:[^@/?#]*@)*)?([^@/?#]*)(?:\/([^@?#]*))?(?:\?([^#]*))?$/i;
/** As `pg` has it. */
const SOCKET = /^socket:(?:\/\/([^@/]*@)?)?(\/[^@?#]*)(?:\?([^#]*))?$/i;

/**
 * What a URI says, by the names of its parts and parameters.
 *
 * Source: manual, "Connection URIs" of libpq.
 *
 * @throws {ConfigError}
 */
export function parseUri(option: string, uri: string): Map<string, string> {
  const reader = new UriReader(option);
  const socket = SOCKET.exec(uri);
  if (socket) {
    const [, credentials, path = '', query] = socket;
    return reader.read(credentials, [['host', reader.decoded(path)]], query);
  }
  const [whole, credentials, hosts = '', database, query] = URI.exec(uri) ?? [];
  if (whole === undefined) throw reader.error();
  const named = reader.hosts(hosts);
  return reader.read(credentials, database ? [...named, ['database', reader.decoded(database)]] : named, query);
}

type Named = readonly [name: string, value: string];

class UriReader {
  readonly #option: string;

  constructor(option: string) {
    this.#option = option;
  }

  /** What comes later wins. */
  read(credentials: string | undefined, parts: readonly Named[], query: string | undefined): Map<string, string> {
    return new Map([...this.#credentials(credentials), ...parts, ...this.#parameters(query)]);
  }

  /** `host:port` any number of times; an address of IPv6 stands in brackets. */
  hosts(text: string): Named[] {
    const hosts: string[] = [];
    const ports: string[] = [];
    for (const one of text.split(',')) {
      const [whole, address, name = '', port = ''] = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d*))?$/.exec(one) ?? [];
      if (whole === undefined) throw this.error();
      hosts.push(this.decoded(address ?? name));
      ports.push(port);
    }
    // As in libpq, PGPORT is not for several hosts of a URI: each without a port has the usual one.
    return [
      ['host', hosts.join(',')],
      ['port', ports.join(',')],
    ];
  }

  decoded(text: string): string {
    try {
      const plain = decodeURIComponent(text);
      if (!plain.includes('\0')) return plain;
    } catch {
      // What it says would quote the text.
    }
    throw this.error();
  }

  error(): ConfigError {
    return new ConfigError(this.#option, UNREADABLE);
  }

  #credentials(text = ''): Named[] {
    const [, user = '', password = ''] = /^([^:]*)(?::(.*))?@$/s.exec(text) ?? [];
    return [
      ['user', this.decoded(user)],
      ['password', this.decoded(password)],
    ];
  }

  /** A plus is a plus, as in libpq: it stands for a space in HTML forms only. */
  #parameters(text = ''): Named[] {
    const pairs = text.split('&').filter((pair) => pair !== '');
    return pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1 && text.includes('@')) throw this.error();
      if (at < 1) throw new ConfigError(this.#option, 'this URI has a parameter without a name or a value: name=value');
      return [this.decoded(pair.slice(0, at)), this.decoded(pair.slice(at + 1))];
    });
  }
}
