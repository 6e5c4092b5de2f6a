import { of } from 'rxjs';
import type { PgoutputConfig } from '../../../lib/config/stream-config';
import { buildErrorResponse, buildNotice, buildParameterStatus } from '../../../lib/testing/backend-messages';
import type { Parts } from '../case';
import { createChunkings } from '../chunking';
import { correctLength } from '../frames';
import { expectSame, replicationError, describeOutcome } from '../outcome';
import { greetingOf, PGOUTPUT, play } from '../playback';
import { BrokenRule, type Target } from '../target';

const ENSURING: PgoutputConfig = { ...PGOUTPUT, ensureSlot: true };
const FOUND = greetingOf(ENSURING);
const MADE = greetingOf(ENSURING, (server) => server.slots.clear());
const OLD = greetingOf(ENSURING, (server) => {
  server.serverVersion = 140000;
  server.walSenderTimeout = 0;
});

/** Messages that a server may send at any time. */
const INTERLUDES: Parts = [buildNotice({}), buildParameterStatus('TimeZone', 'UTC')];

export const opening: Target = {
  name: 'opening',
  seeds: [
    FOUND,
    MADE,
    OLD,
    FOUND.flatMap((frame, at) => (at > 4 ? [...INTERLUDES, frame] : [frame])),
    FOUND.flatMap((frame, at) => (at === 9 ? [buildErrorResponse({ C: '42501' }), frame] : [frame])),
  ],
  repair: correctLength,
  run: (parts) => open(ENSURING, parts),
};

/** With startLsn as a function, the server is asked for its timeline history. */
const RESUMING: PgoutputConfig = {
  ...PGOUTPUT,
  startLsn: () => of({ systemId: '7300000000000000001', timeline: 1, slot: 'orders', endLsn: '0/1000' }),
};

export const resuming: Target = {
  name: 'resuming',
  seeds: [
    greetingOf(RESUMING, (server) => {
      server.timeline = 3;
      server.history.push({ timeline: 1, switchLsn: 0x2000n }, { timeline: 2, switchLsn: 0x3000n });
    }),
    greetingOf(RESUMING),
  ],
  repair: correctLength,
  run: (parts) => open(RESUMING, parts),
};

function open(config: PgoutputConfig, parts: Parts): string {
  const [whole = [], ...others] = createChunkings(Buffer.concat(parts)).map((chunks) => converse(config, chunks));
  for (const outcome of others) expectSame('In other chunks', outcome, whole);
  return describeOutcome(whole);
}

/** The values that the subscriber receives from connecting on. */
function converse(config: PgoutputConfig, chunks: readonly Buffer[]): string[] {
  const opened: object[] = [];
  const openObserver = { next: (info: object) => void opened.push(info) };
  const { messages, error } = play({ ...config, openObserver }, chunks, ({ ack }) => void ack());
  opened.forEach(checkNumbers);
  const told = opened.map((info) => JSON.stringify(info));
  return [...told, ...messages, ...(error === undefined ? [] : [replicationError(error)])];
}

function checkNumbers(info: object): void {
  for (const [name, value] of Object.entries(info)) {
    if (typeof value === 'number' && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new BrokenRule(`The openObserver hears that ${name} is ${value}`);
    }
    if (typeof value === 'object' && value !== null) checkNumbers(value);
  }
}
