import type { PreflightFinding } from '../../common/preflight-findings';
import { getCount, getOnlyRow, runQuery, getText, type ProtocolRoutine } from '../protocol-routine';
import { checkSlot } from '../open-stream';
import { createSlotMissingError } from '../similar-names';
import { fetchSlotStatus, type SlotStatus } from '../slot-commands';
import { checkStandby } from '../standby';
import { createFailure, createFinding, toFinding } from './finding';
import { checkSlotCreation } from './slot-creation-checks';
import { checkPublicationAge } from './publication-age-checks';
import { toFindings, type Check, type PreflightContext } from './preflight-context';

/** Checks whether the slot exists and can be read; or, with `ensureSlot`, whether it can be created. */
export const checkSlots: Check = function* (context) {
  const { plan, server } = context;
  const slot = yield* fetchSlotStatus(plan.slot, server.version);
  const unfit = toFindings(() => {
    checkStandby(server, plan.slot, slot, undefined);
  });
  if (unfit.length > 0) return unfit;
  const idle = plan.ensureSlot?.temporary && !slot ? [] : yield* checkIdleTimeout(context);
  if (!slot) return [...(yield* checkMissingSlot(context)), ...idle];
  const objected = toFindings(() => {
    checkSlot(slot, plan, server);
  });
  if (objected.length > 0) return objected;
  const younger =
    slot.active || !plan.pgoutput ? [] : yield* checkPublicationAge(plan.pgoutput.publications, slot.name);
  return [...checkActive(slot), ...(yield* checkBehind(slot)), ...younger, ...idle];
};

function* checkMissingSlot(context: PreflightContext): ProtocolRoutine<readonly PreflightFinding[]> {
  const { slot, ensureSlot } = context.plan;
  if (ensureSlot) return yield* checkSlotCreation(context);
  return [toFinding(yield* createSlotMissingError(slot))];
}

function checkActive({ name, active, activePid }: SlotStatus): readonly PreflightFinding[] {
  return active ? [createFailure('SLOT_ACTIVE', `Replication slot "${name}" is active for PID ${activePid}`)] : [];
}

/** Checks whether the slot is close to invalidation: at most a quarter of max_slot_wal_keep_size is left. */
function* checkBehind({ name, walStatus, safeWalSize }: SlotStatus): ProtocolRoutine<readonly PreflightFinding[]> {
  if (walStatus === 'unreserved') {
    const what = `Replication slot "${name}" retains more than max_slot_wal_keep_size; the server invalidates it at the next checkpoint`;
    return [createFinding('SLOT_BEHIND', what)];
  }
  if (safeWalSize === undefined) return [];
  const sql = `SELECT setting::bigint * 1024 * 1024 AS bytes, current_setting(name) AS shown
    FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size'`;
  const row = getOnlyRow(yield* runQuery(sql), 'max_slot_wal_keep_size');
  if (Number(safeWalSize) * 4 > getCount(row, 'bytes')) return [];
  const what = `Replication slot "${name}" will be invalidated after ${safeWalSize} more bytes of WAL (max_slot_wal_keep_size is ${getText(row, 'shown')})`;
  return [createFinding('SLOT_BEHIND', what)];
}

/** From 18 on, the server may invalidate an idle slot. Less than a day leaves little time to repair a consumer. */
function* checkIdleTimeout({ server }: PreflightContext): ProtocolRoutine<readonly PreflightFinding[]> {
  if (server.version < 180_000) return [];
  const [row] = yield* runQuery(
    `SELECT current_setting(name) AS shown FROM pg_catalog.pg_settings WHERE name = 'idle_replication_slot_timeout'
      AND extract(epoch FROM current_setting(name)::interval) BETWEEN 1 AND 86399`,
  );
  if (!row) return [];
  return [
    createFinding('SLOT_IDLE_TIMEOUT', `The server invalidates a slot that is idle for ${getText(row, 'shown')}`),
  ];
}
