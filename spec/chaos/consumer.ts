/**
 * A consumer of the bank in a separate process, so that it can be killed. It reports its events as JSON lines:
 *
 *   consumer.ts <options as JSON>
 */
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { defer, firstValueFrom, Subject, tap, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  reconnect,
  ReplicationError,
  stopOn,
  transactions,
  type AnyReplicationMessage,
  type PgoutputConfig,
} from '../../lib/index';
import { openSpools } from '../support/open-spools';
import { Stops } from './consumer-stops';
import { readContent, type Content } from './content';
import type { ConsumerCommand, ConsumerEvent, ConsumerOptions, Span } from './events';
import { Store, type Unit } from './store';

const options = JSON.parse(process.argv[2] ?? '') as ConsumerOptions;

/** Writes synchronously, so that a process that is killed has reported everything that it has done. */
function report(event: ConsumerEvent): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`);
  for (let at = 0; at < line.length;) {
    try {
      at += writeSync(1, line, at);
    } catch (error) {
      // The pipe is full at the moment.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  }
}

const stops = new Stops(options.signal, (state) => report({ event: 'stopping', state }));
const commands: ConsumerCommand[] = [];
/** Emits when a session is open, or when no further session follows. */
const released = new Subject<void>();
const leave = () => process.exit(0);
// Exit when the driver has ended.
process.on('disconnect', leave);

const getCode = (error: unknown): string => (error instanceof ReplicationError ? error.code : String(error));
const span = (unit: Unit): Span => ({
  kind: unit.kind,
  xid: unit.xid,
  end: String(unit.endLsn),
  ...('gid' in unit && { gid: unit.gid }),
});

async function work(unit: Unit, store: Store | undefined): Promise<Unit> {
  report({ event: 'work', ...span(unit) });
  if (unit.kind === 'progress') return perform(unit, store);
  try {
    return await disturbedWork(unit, store);
  } finally {
    stops.workEnded();
  }
}

async function disturbedWork(unit: Unit, store: Store | undefined): Promise<Unit> {
  const stop = stops.workStarted();
  const command = stop ? undefined : commands.shift();
  if (stop) await delay(50);
  if (command?.command === 'hang') await delay(command.ms);
  if (command?.command === 'hold') {
    report({ event: 'held', ...span(unit) });
    await firstValueFrom(released);
  }
  if (stop?.fails || stops.shouldFail || (command?.command === 'fail' && !command.stored)) return fail(unit);
  await perform(unit, store);
  return command?.command === 'fail' ? fail(unit) : unit;
}

async function perform(unit: Unit, store: Store | undefined): Promise<Unit> {
  const content: Content | undefined = 'size' in unit && unit.kind !== 'progress' ? readContent(unit) : undefined;
  for (const what of content?.wrong ?? []) report({ event: 'wrong', what });
  if (store) await store.apply(unit, content?.sql ?? '');
  else await delay(Math.random() * 10);
  report({ event: 'done', ...span(unit), ...(content && { digest: content.digest }) });
  return unit;
}

function fail(unit: Unit): never {
  report({ event: 'failed', ...span(unit) });
  stops.workFails();
  throw new Error('WORK_FAILED');
}

function source(store: Store | undefined): Observable<AnyReplicationMessage> {
  const { connection, slot, streaming, twoPhase } = options;
  const config: PgoutputConfig = {
    connection,
    slot,
    publications: ['bank'],
    ...(store ? { startLsn: () => store.checkpoint() } : {}),
    statusInterval: 200,
    livenessTimeout: 1000,
    connectTimeout: 5000,
    closeTimeout: 500,
    openObserver: {
      next: ({ startLsn, slot: { confirmedFlushLsn = 0n } }) => {
        stops.open();
        const start = startLsn === undefined ? {} : { start: String(startLsn) };
        report({ event: 'open', ...start, slot: String(confirmedFlushLsn) });
        released.next();
      },
    },
    statusObserver: { next: ({ confirmedLsn }) => report({ event: 'status', confirmed: String(confirmedLsn) }) },
  };
  if (streaming === 'off') {
    return twoPhase ? logicalReplication({ ...config, twoPhase }) : logicalReplication(config);
  }
  return twoPhase
    ? logicalReplication({ ...config, streaming, twoPhase })
    : logicalReplication({ ...config, streaming });
}

function handleCommands(message: AnyReplicationMessage): void {
  stops.observeMessage(message);
  const { kind } = message;
  if (kind === 'streamCommit' || kind === 'streamPrepare') report({ event: 'streamed', end: kind });
  if (kind === 'streamAbort') {
    report({ event: 'streamed', end: message.xid === message.subxid ? kind : 'savepointAbort' });
  }
}

function consume(store: Store | undefined): Observable<Unit> {
  const { maxBytes, spoolDirectory, concurrent } = options;
  const messages = source(store);
  return defer(() => {
    report({ event: 'subscribing' });
    stops.connecting();
    return messages;
  }).pipe(
    stopOn(stops.notifier),
    tap(handleCommands),
    transactions<AnyReplicationMessage>({ maxBytes, spoolDirectory }),
    tap((unit) => {
      const size = 'size' in unit ? unit.size : 0;
      // The JSON form of a transaction does not contain the changes of a spool file.
      const spooled = size > 0 && !('changes' in unit.toJSON());
      report({ event: 'deliver', ...span(unit), size, spooled });
    }),
    ackAfter((unit) => work(unit, store), concurrent),
    tap((unit) => report({ event: 'acknowledged', ...span(unit) })),
    reconnect({
      initialDelay: 50,
      maxDelay: 400,
      // Work fails here only once.
      retryable: (error) => !(error instanceof ReplicationError) || error.retryable,
      attemptObserver: {
        next: ({ attempt, delay: ms, error }) => {
          report({ event: 'attempt', attempt, delay: ms, code: getCode(error) });
          stops.waiting(ms);
        },
      },
    }),
  );
}

async function main(): Promise<void> {
  const store = options.store === undefined ? undefined : await Store.open(options.store);
  const stream = consume(store);
  const subscribe = (): void => {
    stream.subscribe({
      error: (error: unknown) => {
        stops.ended();
        released.next();
        report({ event: 'ended', code: getCode(error), message: String(error), spools: openSpools() });
      },
      complete: () => {
        stops.ended();
        report({ event: 'completed', code: '', message: '', spools: openSpools() });
      },
    });
  };
  process.on('message', (command: ConsumerCommand) => {
    switch (command.command) {
      case 'stop':
        stops.await(command);
        break;
      case 'start':
        subscribe();
        break;
      case 'leave':
        // Nothing else may keep the process running.
        process.off('disconnect', leave);
        process.disconnect();
        void store?.close();
        break;
      case 'spools':
        report({ event: 'spools', open: openSpools() });
        break;
      case 'echo':
        report({ event: 'echo' });
        break;
      default:
        commands.push(command);
    }
  });
  if (options.stopped) stops.await({ command: 'stop', moment: 'now' });
  subscribe();
}

void main();
