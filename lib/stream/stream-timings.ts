import type { Settings } from '../config/settings';

/** The server is sent a status update at least in this share of wal_sender_timeout. */
const TIMEOUT_SHARE = 1 / 3;
/** A walsender that decodes a large unpublished transaction is silent for its own timeout and half as long again. */
const SILENT_TIMEOUTS = 1.5;
/** In ms: on a busy machine it is silent for longer. */
const SILENCE_MARGIN = 1000;

export interface StreamTimings {
  /** In ms; 0 for none. Never shorter than the silence of a busy walsender. */
  readonly livenessTimeout: number;
  /** The interval of status updates, in ms. It also lets every timeout be noticed in time. */
  readonly feedbackPeriod: number;
}

/** @param walSenderTimeout in ms; 0 for none */
export function computeTimings({ session, statusInterval }: Settings, walSenderTimeout: number): StreamTimings {
  const silence = walSenderTimeout && walSenderTimeout * SILENT_TIMEOUTS + SILENCE_MARGIN;
  const livenessTimeout = session.livenessTimeout && Math.max(session.livenessTimeout, silence);
  const periods = [statusInterval, walSenderTimeout * TIMEOUT_SHARE, livenessTimeout / 4, session.ackTimeout / 2];
  return { livenessTimeout, feedbackPeriod: Math.max(1, Math.min(...periods.filter((ms) => ms > 0))) };
}
