/** Conversions give way to the process that answers senders, which would wait for a core beside them. */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/** About a quarter of a core that another process wants, too; all of it where none does. */
const NICENESS = 5;

/** Lowers the priority of this process. Threads that begin later have that of the one that starts them. */
export function giveWay(): void {
  for (const thread of threads()) {
    try {
      setPriority(thread, NICENESS);
    } catch {
      // the thread has ended, or a sandbox forbids it: conversions then are as urgent as answers
    }
  }
}

/** On Linux a priority is that of one thread; elsewhere that of the process, which 0 stands for. */
function threads(): readonly number[] {
  try {
    return readdirSync('/proc/self/task').map(Number);
  } catch {
    return [0];
  }
}
