/** This library with a status update a second and nothing confirmed in them: it does not track what is done. */
import { runFlat } from '../clients/flat';

runFlat({ confirm: false, statusInterval: 1_000 });
