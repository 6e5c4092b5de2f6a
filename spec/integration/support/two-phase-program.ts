/**
 * A program that reports its transactions to its parent and acknowledges them; prepared ones only if told to. Run by
 * two-phase-crash-spec.ts:
 *
 *   two-phase-program.ts <config as JSON> <acknowledge
 * hold>
 */
import { ackAfter, logicalReplication, transactions, type TwoPhaseConfig } from '../../../lib/index';
import { formatUnit } from './two-phase';

const [, , json = '', what] = process.argv;
const config = JSON.parse(json) as TwoPhaseConfig;

logicalReplication(config)
  .pipe(
    transactions(),
    ackAfter(async (unit) => {
      process.send?.(formatUnit(unit));
      if (unit.kind === 'preparedTransaction' && what === 'hold') await new Promise(() => undefined);
    }, 10),
  )
  .subscribe();

process.once('disconnect', () => process.exit());
