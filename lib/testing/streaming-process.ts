import { formatLsn, maxLsn, type Lsn } from '../common/lsn';
import type { ClientAuditor } from './client-auditor';
import {
  buildCommandComplete,
  buildCopyBothResponse,
  buildCopyDone,
  buildKeepalive,
  buildReadyForQuery,
} from './backend-messages';
import type { ClientOptions } from './client-options';
import type { FakeCluster } from './cluster';
import type { FakeSlot } from './server-state';
import { SilenceWatch } from './silence-watch';
import { buildTransactionFrames } from './wal';

/** The server process that streams. */
export interface StreamingProcessHost {
  readonly processId: number;
  readonly log: string[];
  readonly auditor: ClientAuditor;
  readonly options: ClientOptions;
  send(...frames: readonly Buffer[]): void;
  keepalive(walEnd: Lsn, replyRequested?: boolean): void;
  close(): void;
}

/** The streaming part of a server process. It holds the slot, and processes status updates. */
export class StreamingProcess {
  streaming = false;
  readonly #cluster: FakeCluster;
  readonly #process: StreamingProcessHost;
  readonly #slot: FakeSlot;
  #watch: SilenceWatch | undefined;

  constructor(cluster: FakeCluster, process: StreamingProcessHost, slot: FakeSlot) {
    this.#cluster = cluster;
    this.#process = process;
    this.#slot = slot;
    slot.owner = process;
  }

  /** Starts streaming. A transaction is sent if and only if it commits at or after both positions. */
  start(start: Lsn): void {
    const { wal, walPosition, behaviour, time } = this.#cluster;
    const from = maxLsn(start, this.#slot.confirmedFlushLsn);
    this.#process.auditor.start(this.#slot.plugin, [start, this.#slot.confirmedFlushLsn]);
    this.streaming = true;
    // Before anything is sent, because a fault may end the connection while it is sent.
    if (behaviour.keepalives) this.#watchSilence();
    this.#process.send(
      buildCopyBothResponse(),
      ...wal
        .filter(({ commitLsn }) => commitLsn >= from)
        .flatMap((transaction) => buildTransactionFrames(transaction, time, this.#process.options)),
      // A walsender that has sent everything sends its position.
      ...(behaviour.keepalives ? [buildKeepalive(walPosition, false, time)] : []),
    );
    this.#cluster.notifyChanged();
  }

  /** Records that the client has sent a message. */
  recordReceived(): void {
    this.#watch?.recordReceived();
  }

  /** Processes the body of a standby status update. Its flush position moves the slot, but only forward. */
  handleStatus(body: Buffer): void {
    const status = {
      at: this.#cluster.scheduler.now(),
      written: body.readBigUInt64BE(1),
      flushed: body.readBigUInt64BE(9),
      applied: body.readBigUInt64BE(17),
      replyRequested: body[33] === 1,
    };
    this.#process.log.push(`status ${formatLsn(status.flushed)}`);
    this.#process.auditor.checkStatus(status, this.#slot.confirmedFlushLsn);
    this.#slot.confirmedFlushLsn = maxLsn(this.#slot.confirmedFlushLsn, status.flushed);
    if (status.replyRequested && this.#cluster.behaviour.keepalives) this.#process.keepalive(this.#cluster.walPosition);
  }

  /** Responds to CopyDone. */
  handleCopyDone(): void {
    this.streaming = false;
    this.#watch?.stop();
    const { behaviour, latency } = this.#cluster;
    if (behaviour.onCopyDone === 'ignore') return;
    const answer = [
      buildCopyDone(),
      buildCommandComplete('COPY 0'),
      buildCommandComplete('START_REPLICATION'),
      buildReadyForQuery(),
    ];
    this.#cluster.schedule(latency, () => {
      if (behaviour.onCopyDone === 'close') this.#process.close();
      else this.#process.send(...answer);
    });
  }

  /** Releases the slot, and drops it if it is temporary. */
  end(): void {
    this.streaming = false;
    this.#watch?.stop();
    if (this.#slot.owner !== this.#process) return;
    this.#slot.owner = undefined;
    const { slots } = this.#cluster;
    for (const [name, slot] of slots) if (slot === this.#slot && slot.temporary) slots.delete(name);
    this.#cluster.notifyChanged();
  }

  #watchSilence(): void {
    const { scheduler, walSenderTimeout } = this.#cluster;
    this.#watch = new SilenceWatch(scheduler, walSenderTimeout, {
      requestReply: () => {
        this.#process.keepalive(this.#cluster.walPosition, true);
      },
      expired: (ms) => {
        this.#cluster.report(this.#process.processId, { kind: 'silence', ms, walSenderTimeout });
        this.#process.close();
      },
    });
  }
}
