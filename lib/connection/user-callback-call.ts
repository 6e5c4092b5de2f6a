import type { CallbackAnswer, UserCallback } from '../commands/protocol-routine';
import type { ConnectionSettings } from '../config/resolve-connection';
import { ReplicationError } from '../common/errors';
import { formatAddress } from '../net/address';
import type { Target } from '../net/target';
import type { Transport } from '../net/transport';
import type { CredentialName } from '../wire/authentication';

/** What becomes of a call. None of it happens after `cancel`. */
export interface UserCallbackHandlers {
  succeeded(answer: CallbackAnswer): void;
  /** @param thrown what user code threw: an Error or any other value */
  failed(thrown: unknown): void;
}

/**
 * Calls user code for a routine and waits for its answer. Meanwhile the transport is paused, so that a server that goes on
 * sending does not fill the memory of this process.
 */
export class UserCallbackCall {
  readonly #callback: UserCallback;
  #state: 'pending' | 'done' | 'cancelled' = 'pending';
  #cancelCallback: () => void = () => undefined;

  constructor(callback: UserCallback) {
    this.#callback = callback;
  }

  /** Whether user code has not answered yet. */
  get isPending(): boolean {
    return this.#state === 'pending';
  }

  start(transport: Transport, handlers: UserCallbackHandlers): void {
    transport.pause();
    const cancel = this.#callback.call(
      (answer) => {
        if (this.#state === 'cancelled') return;
        this.#state = 'done';
        transport.resume();
        handlers.succeeded(answer);
      },
      (thrown) => {
        if (this.#state !== 'cancelled') handlers.failed(thrown);
      },
    );
    // User code may end the connection before `call` returns its cancel function.
    if (this.#isCancelled()) cancel();
    else this.#cancelCallback = cancel;
  }

  /** The answer is not needed any more. */
  cancel(): void {
    this.#state = 'cancelled';
    this.#cancelCallback();
  }

  createTimeoutError(ms: number): ReplicationError {
    return this.#callback.createTimeoutError(ms);
  }

  #isCancelled(): boolean {
    return this.#state === 'cancelled';
  }
}

/** Calls the function or reads the file that has a credential. */
export function createCredentialCallback(
  name: CredentialName,
  target: Target,
  { credentials }: Pick<ConnectionSettings, 'credentials'>,
): UserCallback {
  return {
    call: (onAnswer, onError) => {
      const onFound = (value: string | undefined): void => {
        onAnswer({ kind: 'credential', value });
      };
      credentials.request(name, target, onFound, onError);
      return () => undefined;
    },
    createTimeoutError: (ms) => {
      const what = `${formatAddress(target)} asked for the ${name}, and connection.${name} did not return it within ${ms} ms`;
      return new ReplicationError('CREDENTIAL_UNAVAILABLE', what, {
        remedy: `Check what the function connection.${name} waits for.`,
      });
    },
  };
}
