/** The threads of the addon in this process. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** The names of the threads that the addon has started and that still run. */
export function addonThreads(): readonly string[] {
  return readdirSync('/proc/self/task').flatMap((id) => {
    try {
      const name = readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim();
      return name.startsWith('nydus-') ? [name] : [];
    } catch {
      return []; // the thread has ended
    }
  });
}

/** Waits until no more than `count` threads of the addon run; throws after three seconds. */
export async function threadsEnd(count: number): Promise<void> {
  for (let wait = 0; addonThreads().length > count; wait++) {
    if (wait === 300)
      throw new Error(`${addonThreads().length} threads, not ${count}: ${addonThreads().join(' ')}`);
    await delay(10);
  }
}

/** Waits until more than `count` threads of the addon run: a thread names itself, a moment after it was started. */
export async function threadsBegin(count: number): Promise<void> {
  for (let wait = 0; addonThreads().length <= count; wait++) {
    if (wait === 300) throw new Error(`no more than ${count} threads`);
    await delay(10);
  }
}
