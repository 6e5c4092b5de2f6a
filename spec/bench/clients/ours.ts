/** This library without operators, with its defaults. */
import { runFlat } from './flat';

runFlat();
