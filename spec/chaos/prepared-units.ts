import type { DoneEvent, Span } from './events';

/** The state of a prepared transaction. */
interface Prepared {
  /** Of its rows; undefined until its work has stored them. */
  digest: string | undefined;
  end: 'committed' | 'rolled back' | undefined;
}

/** Follows prepared transactions over all processes of a consumer. Each must have a beginning, and one end. */
export class PreparedUnits {
  readonly #violated: (sentence: string) => void;
  /** By gid and xid, because global identifiers are reused. */
  readonly #all = new Map<string, Prepared & { readonly xid: number }>();

  constructor(violated: (sentence: string) => void) {
    this.#violated = violated;
  }

  /** The names of those without an end. */
  get open(): string[] {
    return [...this.#all].filter(([, { end }]) => end === undefined).map(([name]) => name);
  }

  get ended(): { committed: number; rolledBack: number } {
    const count = (how: Prepared['end']): number => [...this.#all.values()].filter(({ end }) => end === how).length;
    return { committed: count('committed'), rolledBack: count('rolled back') };
  }

  /** The digests of committed ones, by xid. */
  get committed(): Map<number, string> {
    const all = [...this.#all.values()].filter(({ end }) => end === 'committed');
    return new Map(all.map(({ xid, digest = '' }) => [xid, digest]));
  }

  delivered(unit: Span): void {
    const { kind, xid } = unit;
    const name = formatName(unit);
    if (kind === 'preparedTransaction') {
      if (!this.#all.has(name)) this.#all.set(name, { xid, digest: undefined, end: undefined });
    } else if (kind === 'commitPrepared' && !this.#all.has(name)) {
      this.#violated(`${name} was committed and had never come as prepared`);
    }
  }

  done(unit: DoneEvent): void {
    const name = formatName(unit);
    const prepared = this.#all.get(name);
    if (unit.kind === 'preparedTransaction' && prepared) prepared.digest = unit.digest;
    else if (unit.kind === 'commitPrepared') this.#end(name, prepared, 'committed');
    else if (unit.kind === 'rollbackPrepared') this.#end(name, prepared, 'rolled back');
  }

  /** The end may be redelivered. If the transaction was rolled back before the server decoded it, the end has no beginning. */
  #end(name: string, prepared: Prepared | undefined, end: 'committed' | 'rolled back'): void {
    if (!prepared) return;
    if (prepared.end !== undefined && prepared.end !== end) this.#violated(`${name} was ${prepared.end}, then ${end}`);
    prepared.end = end;
  }
}

function formatName({ gid = '', xid }: Span): string {
  return `${gid}/${xid}`;
}
