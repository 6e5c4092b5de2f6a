import { fromEvent, Subject, type ObservableInput } from 'rxjs';
import type { AnyReplicationMessage } from '../../lib/index';
import type { Moment, StopCommand, StopSignal, StopState } from './events';

/** Follows the state of a stream, and stops it: on command, or in a requested state. */
export class Stops {
  /** The notifier for `stopOn`. */
  readonly notifier: ObservableInput<unknown> | AbortSignal;
  readonly #signal: StopSignal;
  readonly #subject = new Subject<void>();
  readonly #controller = new AbortController();
  readonly #report: (state: StopState) => void;
  #life: 'before the subscription' | 'connecting' | 'waiting for another attempt' | 'streaming' =
    'before the subscription';
  #inside: 'in a transaction' | 'in a streamed block' | undefined;
  #works = 0;
  #failing = false;
  #stopping = false;
  #awaited: StopCommand | undefined;

  /** @param say reports each stop before it takes effect */
  constructor(signal: StopSignal, say: (state: StopState) => void) {
    this.#signal = signal;
    this.#report = say;
    switch (signal) {
      case 'subject':
        this.notifier = this.#subject;
        break;
      case 'signal':
        this.notifier = this.#controller.signal;
        break;
      case 'SIGTERM':
        // Subscribed before `stopOn` subscribes.
        process.on('SIGTERM', () => {
          this.#tell();
        });
        this.notifier = fromEvent(process, 'SIGTERM');
    }
  }

  /** Stops in this state next. */
  await(command: StopCommand): void {
    this.#awaited = command;
    this.#reached('now');
  }

  connecting(): void {
    this.#life = 'connecting';
    this.#inside = undefined;
    this.#failing = false;
    if (this.#awaited?.moment === 'connecting') setTimeout(() => this.#reached('connecting'), Math.random() * 30);
  }

  open(): void {
    this.#life = 'streaming';
  }

  /** @param delay the ms until the next attempt */
  waiting(delay: number): void {
    this.#life = 'waiting for another attempt';
    this.#failing = false;
    if (this.#awaited?.moment !== 'waiting') return;
    if (Math.random() < 0.5) this.#reached('waiting');
    else setTimeout(() => this.#reached('waiting'), delay / 2);
  }

  ended(): void {
    this.#life = 'before the subscription';
    this.#stopping = false;
    this.#failing = false;
    this.#awaited = undefined;
  }

  /** Called for each message of the flat stream. */
  observeMessage(message: AnyReplicationMessage): void {
    switch (message.kind) {
      case 'begin':
      case 'beginPrepare':
        this.#inside = 'in a transaction';
        break;
      case 'streamStart':
        this.#inside = 'in a streamed block';
        break;
      case 'commit':
      case 'prepare':
      case 'streamStop':
        this.#inside = undefined;
        break;
      case 'insert':
      case 'update':
        this.#reached(message.xid === undefined ? 'transaction' : 'block');
        break;
      default:
    }
  }

  /** @returns the stop that this triggered, if any */
  workStarted(): StopCommand | undefined {
    this.#works++;
    return this.#reached('working');
  }

  workEnded(): void {
    this.#works--;
  }

  /** Whether the next work must fail. */
  get shouldFail(): boolean {
    return this.#awaited?.moment === 'failing';
  }

  workFails(): void {
    this.#failing = true;
    this.#reached('failing');
  }

  #reached(moment: Moment): StopCommand | undefined {
    const awaited = this.#awaited;
    if (awaited?.moment !== moment) return undefined;
    this.#awaited = undefined;
    if (this.#signal === 'SIGTERM') process.kill(process.pid, 'SIGTERM');
    else {
      this.#tell();
      if (this.#signal === 'subject') this.#subject.next();
      else this.#controller.abort();
    }
    return awaited;
  }

  #tell(): void {
    this.#report(this.#state());
    this.#stopping = this.#life !== 'before the subscription' || this.#stopping;
  }

  #state(): StopState {
    if (this.#stopping) return 'draining';
    if (this.#life !== 'streaming') return this.#life;
    if (this.#failing) return 'a work fails';
    if (this.#inside) return this.#inside;
    return this.#works > 0 ? 'a work runs' : 'streaming, idle';
  }
}
