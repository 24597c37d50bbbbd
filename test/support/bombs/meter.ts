/** Loaded into a process by `--import`: at its end it writes what the process has used to the file that BOMB_METER names. */
import { readFileSync, writeFileSync } from 'node:fs';
import { measureLoop } from '../loop-meter.js';

const longest = measureLoop();
process.on('exit', () => {
  const held = longest();
  const { user, system } = process.cpuUsage();
  // The peak that the system counts for a process begins with that of the process which started it.
  const peak = Number(/VmHWM:\s*([0-9]+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  const used = { memory: peak * 1024, cpu: (user + system) / 1e6, held };
  writeFileSync(process.env['BOMB_METER'] ?? '', JSON.stringify(used));
});
