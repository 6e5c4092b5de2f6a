import type { Subscriber } from 'rxjs';
import {
  buildCopy,
  createTableChangedError,
  fetchFingerprint,
  listSourceTables,
  lockTable,
  toTableChanged,
  type SourceTable,
} from '../commands/copy/copied-tables';
import {
  createCopySlot,
  createPermanentSlot,
  exportSnapshot,
  importSnapshot,
  touchCopySlot,
  type ExportedSnapshot,
} from '../commands/copy/snapshot';
import { askForStart, checkInactive, checkPublicationsExist, checkSlot } from '../commands/open-stream';
import { runQuery, type ProtocolRoutine } from '../commands/protocol-routine';
import {
  executeAlterSlot,
  executeDropSlot,
  fetchSlotStatus,
  fetchSystemIdentity,
  type SlotStatus,
  type SystemIdentity,
} from '../commands/slot-commands';
import type { ServerInfo } from '../commands/startup';
import { lookUpPublishedTypes } from '../commands/type-lookup';
import { ReplicationError } from '../common/errors';
import { emitWarning } from '../common/warning';
import type { Settings } from '../config/settings';
import type { EstablishedConnection } from '../connection/established-connection';
import { HostConnector } from '../connection/host-connector';
import { StartupConnection } from '../connection/startup-connection';
import { createSource } from '../ledger/checkpoint';
import type { StreamHistory } from '../ledger/stream-history';
import type { Target } from '../net/target';
import type { Connect } from '../net/transport';
import { CopiedRowDecoder } from '../pgoutput/decode/copied-rows';
import { encodeRelation } from '../pgoutput/decode/relation-encoding';
import { CopyBeginMessage, CopyEndMessage, type CopiedTable } from '../pgoutput/messages/copy-messages';
import type { StreamMessage } from '../pgoutput/messages/messages';
import { formatTableName } from '../pgoutput/messages/table';
import { TypeCatalog } from '../pgoutput/types/type-catalog';
import { StalledAckWatchdog } from '../stream/session/stalled-ack-watchdog';
import { CopyConnection } from './copy-connection';
import { CopySession } from './copy-session';

/** Interval of the checks of acknowledgements, in ms. */
const WATCH_MS = 1000;
/** The server invalidates an idle slot after a minute at the earliest. */
const TOUCH_MS = 20_000;

/** What a copy needs of the observable, and what follows it. */
export interface CopyContext {
  readonly connect: Connect;
  readonly settings: Settings;
  readonly history: StreamHistory;
  readonly subscriber: Subscriber<StreamMessage>;
  /** The stream can start: everything is copied, or nothing has to be. */
  copied(): void;
  /** The copy has failed. */
  failed(error: unknown): void;
  /** A stop, or unsubscribing, has ended the copy, and the slot is free. */
  ended(): void;
}

/** The first connection: where it stands, and the snapshot if a copy has to be made. */
interface CopyStart {
  readonly server: ServerInfo;
  readonly identity: SystemIdentity;
  readonly found: SlotStatus | undefined;
  readonly snapshot: ExportedSnapshot | undefined;
}

/**
 * The initial copy of one subscription.
 *
 * 1. The main connection, a walsender, creates a temporary slot and exports the snapshot of its start position.
 * 2. The holder imports the snapshot and exports it again, because the first export ends with the next command of the main
 *    connection, which then serves queries on the present state.
 * 3. Copying connections import the second export, lock one table after the other, compare its definition with the present
 *    one, and copy it.
 * 4. Once everything is acknowledged, the permanent slot is created at the position of the temporary one.
 */
export class CopySubscription {
  readonly #context: CopyContext;
  readonly #catalog: TypeCatalog | undefined;
  readonly #connector: HostConnector<CopyStart>;
  readonly #starting = new Set<StartupConnection<undefined>>();
  readonly #connections = new Set<CopyConnection>();
  #session: CopySession | undefined;
  #cancelTimers: (() => void)[] = [];
  #isOver = false;

  constructor(context: CopyContext) {
    this.#context = context;
    const { connect, settings } = context;
    this.#catalog = settings.values.lookUpTypes ? new TypeCatalog() : undefined;
    this.#connector = new HostConnector(connect, settings.connection, (server) => this.#begin(server), {
      done: (start, connection) => {
        void this.#run(start, connection).catch((error: unknown) => {
          this.#fail(error);
        });
      },
      failed: (error) => {
        this.#fail(error);
      },
    });
  }

  unsubscribe(): void {
    if (this.#isOver) return;
    if (this.#session) {
      this.#session.release();
      return;
    }
    this.#isOver = true;
    this.#endConnections();
    this.#connector.abort(() => {
      this.#context.ended();
    });
  }

  *#begin(server: ServerInfo): ProtocolRoutine<CopyStart> {
    const { plan, start } = this.#context.settings;
    const found = yield* fetchSlotStatus(plan.slot, server.version);
    const identity = { ...(yield* fetchSystemIdentity()), standby: server.standby };
    const isCopied = 'callback' in start ? (yield* askForStart(start.callback)) !== undefined : found !== undefined;
    if (isCopied) return { server, identity, found, snapshot: undefined };
    // The copy replaces the slot, so it must be one of this stream.
    if (found) {
      checkSlot(found, plan, server);
      checkInactive(found);
    }
    yield* checkPublicationsExist(plan.pgoutput?.publications ?? []);
    return { server, identity, found, snapshot: yield* createCopySlot(plan.slot, server.version) };
  }

  async #run({ server, identity, found, snapshot }: CopyStart, connection: EstablishedConnection): Promise<void> {
    const { settings, history, subscriber } = this.#context;
    const { plan, session } = settings;
    const main = this.#add(connection);
    if (!snapshot) {
      this.#handOver();
      return;
    }
    const { consistentPoint } = snapshot;
    const consumerOwnsPosition = plan.positionOwner === 'consumer';
    const holder = await this.#openConnection(main.target);
    const { tables, name } = await holder.run(this.#holdSnapshot(snapshot.name, server.version));
    await main.run(touchCopySlot(plan.slot, server.version));
    const copy = new CopySession(
      {
        source: createSource(identity, plan.slot),
        history,
        window: session.window,
        consumerOwnsPosition,
        consistentPoint,
      },
      subscriber,
      {
        windowReopened: () => {
          for (const each of this.#connections) each.resume();
        },
        deliveryEnded: () => {
          this.#endConnections();
        },
        closed: () => {
          if (this.#isOver) return;
          this.#isOver = true;
          this.#context.ended();
        },
      },
    );
    this.#session = copy;
    this.#watch(copy, main, server.version);
    await copy.deliverBoundary(new CopyBeginMessage(consistentPoint, describeTables(tables)));
    const decoder = new CopiedRowDecoder(consistentPoint, settings.values.types, {
      ...settings.values,
      catalog: this.#catalog,
    });
    const queue = [...tables];
    const copiers = tables.slice(0, settings.copy?.concurrency ?? 1).map(async () => {
      const copier = await this.#openConnection(main.target);
      for (let table = queue.shift(); table; table = queue.shift())
        await this.#copyTable(table, copier, main, name, decoder, copy);
    });
    await Promise.all(copiers);
    await copy.whenSettled();
    const end = new CopyEndMessage(consistentPoint, copy.rows);
    if (!consumerOwnsPosition) await copy.deliverBoundary(end);
    await holder.run(endTransaction());
    if (found && consumerOwnsPosition) await main.run(executeDropSlot(plan.slot, false));
    await holder.run(createPermanentSlot(plan.slot, server.version));
    if (plan.ensureSlot?.failover)
      await main.run(executeAlterSlot(plan.slot, { failover: true, twoPhase: undefined }, server.version));
    if (consumerOwnsPosition) await copy.deliverBoundary(end);
    this.#session = undefined;
    this.#handOver(copy);
  }

  *#holdSnapshot(
    snapshot: string,
    version: number,
  ): ProtocolRoutine<{ readonly tables: readonly SourceTable[]; readonly name: string }> {
    const publications = this.#context.settings.plan.pgoutput?.publications ?? [];
    yield* importSnapshot(snapshot);
    const name = yield* exportSnapshot();
    const tables = yield* listSourceTables(publications, version);
    this.#catalog?.learn([], yield* lookUpPublishedTypes(publications, version));
    return { tables, name };
  }

  async #copyTable(
    table: SourceTable,
    copier: CopyConnection,
    main: CopyConnection,
    snapshot: string,
    decoder: CopiedRowDecoder,
    session: CopySession,
  ): Promise<void> {
    const { oid, schema, name } = table.published;
    await copier.run(importSnapshot(snapshot));
    await copier.run(lockTable(table));
    // The lock keeps the definition from here on.
    const seen = await copier.run(fetchFingerprint(table));
    if (seen !== (await main.run(fetchFingerprint(table)))) throw createTableChangedError(table);
    decoder.describe(encodeRelation(table.published));
    const delivery = session.openTable(formatTableName(schema, name));
    try {
      await copier.copyOut(buildCopy(table), this.#context.settings.maxMessageSize, {
        mustWait: () => session.mustWait(),
        take: (buffer, start, end) => {
          const row = decoder.decode(oid, buffer, start, end);
          if (row) delivery.deliverRow(row, end - start);
        },
      });
    } catch (error) {
      throw toTableChanged(table, error);
    }
    delivery.endBatch();
    await copier.run(endTransaction());
  }

  #openConnection(target: Target): Promise<CopyConnection> {
    const { connect, settings } = this.#context;
    const ordinary = {
      ...settings.connection,
      startup: { ...settings.connection.startup, replication: false },
    };
    return new Promise((resolve, reject) => {
      const starting = new StartupConnection<undefined>(
        connect,
        target,
        ordinary,
        function* () {
          yield* [];
          return undefined;
        },
        {
          done: (_, connection) => {
            this.#starting.delete(starting);
            resolve(this.#add(connection));
          },
          failed: reject,
        },
      );
      this.#starting.add(starting);
    });
  }

  #add(connection: EstablishedConnection): CopyConnection {
    const { connectTimeout } = this.#context.settings.connection;
    const added = new CopyConnection(connection, connectTimeout, (error) => {
      this.#fail(error);
    });
    this.#connections.add(added);
    return added;
  }

  /** Watches for deliveries that stay unacknowledged, and keeps the temporary slot in use. */
  #watch(session: CopySession, main: CopyConnection, version: number): void {
    const { settings } = this.#context;
    const watchdog = new StalledAckWatchdog(settings.session.ackTimeout);
    this.#repeat(main, WATCH_MS, () => {
      const { stalled } = session;
      const verdict = watchdog.tick(WATCH_MS, stalled);
      if (verdict === 'ok') return;
      const what = `The copy has not advanced for ${Math.round(watchdog.stalledFor / 1000)} s: ${stalled?.reason ?? ''}`;
      if (verdict === 'warn') emitWarning('RXPG_NOT_ACKNOWLEDGED', `${what}. ${session.stallRemedy}`);
      else this.#fail(new ReplicationError('ACK_TIMEOUT', what, { remedy: session.stallRemedy }));
    });
    this.#repeat(main, TOUCH_MS, () => {
      main.run(touchCopySlot(settings.plan.slot, version)).catch((error: unknown) => {
        this.#fail(error);
      });
    });
  }

  #repeat({ transport }: CopyConnection, ms: number, action: () => void): void {
    const index = this.#cancelTimers.length;
    const schedule = (): void => {
      this.#cancelTimers[index] = transport.timeout(ms, () => {
        schedule();
        action();
      });
    };
    schedule();
  }

  #handOver(session?: CopySession): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endConnections();
    session?.close();
    this.#context.copied();
  }

  #fail(error: unknown): void {
    // Ending the connections after a stop fails what they were doing.
    if (this.#isOver || this.#session?.isStreaming() === false) return;
    this.#isOver = true;
    this.#endConnections();
    this.#session?.close(error);
    this.#context.failed(error);
  }

  #endConnections(): void {
    const { closeTimeout } = this.#context.settings.connection;
    for (const cancel of this.#cancelTimers.splice(0)) cancel();
    for (const starting of this.#starting) starting.abort(() => undefined);
    for (const connection of this.#connections) connection.end(closeTimeout);
    this.#connections.clear();
  }
}

function* endTransaction(): ProtocolRoutine<void> {
  yield* runQuery('COMMIT');
}

/** The tables under their published names: partitions that are published as their root are one table. */
function describeTables(tables: readonly SourceTable[]): CopiedTable[] {
  const described = new Map<number, CopiedTable>();
  for (const { published, estimatedRows, estimatedBytes } of tables) {
    const { oid, schema, name } = published;
    const known = described.get(oid);
    const rows = [known?.estimatedRows, estimatedRows].filter((count) => count !== undefined);
    described.set(oid, {
      schema,
      name,
      table: formatTableName(schema, name),
      estimatedRows: rows.length === 0 ? undefined : rows.reduce((sum, count) => sum + count, 0),
      estimatedBytes: (known?.estimatedBytes ?? 0) + estimatedBytes,
    });
  }
  return [...described.values()];
}
