import type { Settings } from '../config/settings';

/** A status update is sent at least once in this fraction of wal_sender_timeout. */
const TIMEOUT_SHARE = 1 / 3;
/** A walsender that decodes a large unpublished transaction is silent for its own timeout and half as long again. */
const SILENT_TIMEOUTS = 1.5;
/** In ms. On a busy machine the walsender is silent for longer than that. */
const SILENCE_MARGIN = 1000;

export interface StreamTimings {
  /** In ms; 0 for none. Never shorter than the time for which a walsender is silent while it decodes. */
  readonly livenessTimeout: number;
  /** The interval of status updates, in ms. It is short enough to detect each timeout soon after it has passed. */
  readonly feedbackPeriod: number;
}

/** @param walSenderTimeout in ms; 0 for none */
export function computeTimings({ session, statusInterval }: Settings, walSenderTimeout: number): StreamTimings {
  const silence = walSenderTimeout && walSenderTimeout * SILENT_TIMEOUTS + SILENCE_MARGIN;
  const livenessTimeout = session.livenessTimeout && Math.max(session.livenessTimeout, silence);
  const periods = [statusInterval, walSenderTimeout * TIMEOUT_SHARE, livenessTimeout / 4, session.ackTimeout / 2];
  return { livenessTimeout, feedbackPeriod: Math.max(1, Math.min(...periods.filter((ms) => ms > 0))) };
}
