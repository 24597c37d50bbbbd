/**
 * Measures how long the event loop of this process is held at most. Counted is the smaller of the time on the clock and the processor's
 * time, so that a machine with other work to do does not count.
 */
const EVERY_MS = 5;

interface Moment {
  readonly clock: number;
  readonly processor: number;
}

function now(): Moment {
  const { user, system } = process.cpuUsage();
  return { clock: performance.now(), processor: (user + system) / 1000 };
}

/** Begins to measure. The function that is returned ends the last stretch, and gives the longest of all in milliseconds. */
export function measureLoop(): () => number {
  let last: Moment | undefined;
  let longest = 0;
  const look = (): number => {
    const moment = now();
    if (last !== undefined) {
      const held = Math.min(moment.clock - last.clock - EVERY_MS, moment.processor - last.processor);
      longest = Math.max(longest, held);
    }
    last = moment;
    return longest;
  };
  setInterval(look, EVERY_MS).unref();
  return look;
}
