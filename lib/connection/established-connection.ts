import type { Target } from '../net/target';
import type { Transport } from '../net/transport';
import type { FrameDecoder } from '../wire/frames';

/** Receives the events of an established connection. */
export interface ConnectionListener {
  receive(chunk: Buffer): void;
  disconnected(cause?: Error): void;
}

/** A connection whose startup routine has returned. Bytes received after the routine's last message are in `frames`. */
export interface EstablishedConnection {
  /** The server, with the address that its name resolved to. */
  readonly target: Target;
  readonly transport: Transport;
  readonly frames: FrameDecoder;
  listen(listener: ConnectionListener): void;
}
