/** This library with a status update per second and without tracking of acknowledgements, so nothing is confirmed. */
import { runFlat } from '../clients/flat';

runFlat({ confirm: false, statusInterval: 1_000 });
