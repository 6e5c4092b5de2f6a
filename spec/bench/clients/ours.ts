/** This library on the flat stream, with its defaults. */
import { runFlat } from './flat';

runFlat();
