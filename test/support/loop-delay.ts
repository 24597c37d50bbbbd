/**
 * Loaded into a process by `--import`: at its end it says how long the event loop was held at most. Counted is the smaller of the time on
 * the clock and the processor's time, so that a machine with other work to do does not count.
 */
import { writeSync } from 'node:fs';

const EVERY_MS = 5;

interface Moment {
  readonly clock: number;
  readonly processor: number;
}

function now(): Moment {
  const { user, system } = process.cpuUsage();
  return { clock: performance.now(), processor: (user + system) / 1000 };
}

let last: Moment | undefined;
let longest = 0;

function look(): void {
  const moment = now();
  if (last !== undefined) {
    const held = Math.min(moment.clock - last.clock - EVERY_MS, moment.processor - last.processor);
    longest = Math.max(longest, held);
  }
  last = moment;
}

setInterval(look, EVERY_MS).unref();
process.on('exit', () => {
  look();
  writeSync(2, `\nloop held for ${Math.round(longest)} ms\n`);
});
