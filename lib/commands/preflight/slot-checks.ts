import type { PreflightFinding } from '../../common/findings';
import { getCount, getOnlyRow, runQuery, getText, type ProtocolRoutine } from '../protocol-routine';
import { checkSlot } from '../open-stream';
import { createSlotMissingError } from '../similar-names';
import { fetchSlotStatus, type SlotStatus } from '../slot-commands';
import { checkStandby } from '../standby';
import { failure, finding, findingOf } from './finding';
import { checkMaking } from './making-checks';
import { checkPublicationAge } from './publication-age-checks';
import { objections, type Check, type Scene } from './scene';

/** Whether the slot is there and fit to be read; or, where it is to be made, whether that will do. */
export const checkSlots: Check = function* (scene) {
  const { plan, server } = scene;
  const slot = yield* fetchSlotStatus(plan.slot, server.version);
  const unfit = objections(() => {
    checkStandby(server, plan.slot, slot, undefined);
  });
  if (unfit.length > 0) return unfit;
  const idle = plan.ensureSlot?.temporary && !slot ? [] : yield* checkIdleTimeout(scene);
  if (!slot) return [...(yield* checkMissing(scene)), ...idle];
  const objected = objections(() => {
    checkSlot(slot, plan, server);
  });
  if (objected.length > 0) return objected;
  const younger =
    slot.active || !plan.pgoutput ? [] : yield* checkPublicationAge(plan.pgoutput.publications, slot.name);
  return [...checkActive(slot), ...(yield* checkBehind(slot)), ...younger, ...idle];
};

function* checkMissing(scene: Scene): ProtocolRoutine<readonly PreflightFinding[]> {
  const { slot, ensureSlot } = scene.plan;
  if (ensureSlot) return yield* checkMaking(scene);
  return [findingOf(yield* createSlotMissingError(slot))];
}

function checkActive({ name, active, activePid }: SlotStatus): readonly PreflightFinding[] {
  return active ? [failure('SLOT_ACTIVE', `Replication slot "${name}" is active for PID ${activePid}`)] : [];
}

/** The slot is close to being given up: a quarter of what it may keep is left, or less. */
function* checkBehind({ name, walStatus, safeWalSize }: SlotStatus): ProtocolRoutine<readonly PreflightFinding[]> {
  if (walStatus === 'unreserved') {
    const what = `Replication slot "${name}" keeps more than max_slot_wal_keep_size and will be given up at the next checkpoint`;
    return [finding('SLOT_BEHIND', what)];
  }
  if (safeWalSize === undefined) return [];
  const sql = `SELECT setting::bigint * 1024 * 1024 AS bytes, current_setting(name) AS shown
    FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size'`;
  const row = getOnlyRow(yield* runQuery(sql), 'max_slot_wal_keep_size');
  if (Number(safeWalSize) * 4 > getCount(row, 'bytes')) return [];
  const what = `Replication slot "${name}" is given up after ${safeWalSize} more bytes of WAL (max_slot_wal_keep_size is ${getText(row, 'shown')})`;
  return [finding('SLOT_BEHIND', what)];
}

/** From 18 on, a slot that nobody reads may be given up for that: less than a day leaves little time to mend a consumer. */
function* checkIdleTimeout({ server }: Scene): ProtocolRoutine<readonly PreflightFinding[]> {
  if (server.version < 180_000) return [];
  const [row] = yield* runQuery(
    `SELECT current_setting(name) AS shown FROM pg_catalog.pg_settings WHERE name = 'idle_replication_slot_timeout'
      AND extract(epoch FROM current_setting(name)::interval) BETWEEN 1 AND 86399`,
  );
  if (!row) return [];
  return [finding('SLOT_IDLE_TIMEOUT', `A slot that nobody reads for ${getText(row, 'shown')} is given up`)];
}
