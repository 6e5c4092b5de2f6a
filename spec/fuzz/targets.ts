import type { Target } from './target';
import { authentication } from './targets/authentication';
import { backend } from './targets/backend';
import { binary } from './targets/binary';
import { opening, resuming } from './targets/opening';
import { pgoutput } from './targets/pgoutput';
import { stream } from './targets/stream';
import { values } from './targets/values';

export const TARGETS: readonly Target[] = [
  backend,
  authentication,
  opening,
  resuming,
  stream,
  pgoutput,
  values,
  binary,
];
