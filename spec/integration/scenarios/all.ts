import { DDL } from './ddl';
import { FILTERS } from './filters';
import { GENERATED } from './generated';
import { IDENTITIES } from './identities';
import { LOGICAL_MESSAGES } from './logical-messages';
import { ORIGINS } from './origins';
import { PARTITIONS } from './partitions';
import { SAVEPOINTS } from './savepoints';
import type { Scenario } from './scenario';
import { SHAPES } from './shapes';
import { TRUNCATE } from './truncate';
import { VALUES } from './values';

export const SCENARIOS: readonly Scenario[] = [
  ...PARTITIONS,
  ...FILTERS,
  ...GENERATED,
  ...IDENTITIES,
  ...DDL,
  ...TRUNCATE,
  ...SAVEPOINTS,
  ...ORIGINS,
  ...LOGICAL_MESSAGES,
  ...SHAPES,
  ...VALUES,
];
