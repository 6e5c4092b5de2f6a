import { PAD, PADDING, type Scenario } from './scenario';

/** Replication origins are shared by the whole cluster. */
const createScenario = (origin: string): Pick<Scenario, 'setup' | 'work' | 'leave'> => ({
  setup: `CREATE TABLE t (id int PRIMARY KEY); SELECT pg_replication_origin_create('${origin}')`,
  work: [
    `INSERT INTO t VALUES (1)`,
    `SELECT pg_replication_origin_session_setup('${origin}');
     SELECT pg_replication_origin_xact_setup('0/1234', '2024-01-02 03:04:05.678+00');
     INSERT INTO t VALUES (2); ${PAD}`,
    `SELECT pg_replication_origin_session_reset(); INSERT INTO t VALUES (3); ${PAD}`,
  ],
  leave: `SELECT pg_replication_origin_drop('${origin}')`,
});

const LOCAL = [[{ insert: 't', row: { id: 1 } }], [{ insert: 't', row: { id: 3 } }, PADDING]] as const;

const all = (origin: string): Scenario['seen'] => [
  LOCAL[0],
  { origin, commitTime: '2024-01-02T03:04:05.678Z', changes: [{ insert: 't', row: { id: 2 } }, PADDING] },
  LOCAL[1],
];

export const ORIGINS: readonly Scenario[] = [
  { name: 'origins', ...createScenario('scenario_plain'), seen: all('scenario_plain') },
  {
    name: 'any origin',
    since: 16,
    ...createScenario('scenario_any'),
    config: { origin: 'any' },
    seen: all('scenario_any'),
  },
  { name: 'no origin', since: 16, ...createScenario('scenario_none'), config: { origin: 'none' }, seen: LOCAL },
];
