/** Loaded into a process by `--import`: at its end it says how long the event loop was held at most. */
import { writeSync } from 'node:fs';
import { measureLoop } from './loop-meter.js';

const longest = measureLoop();
process.on('exit', () => {
  writeSync(2, `\nloop held for ${Math.round(longest())} ms\n`);
});
