/** The process that the service starts to convert images. It has no command line: its jobs come from its parent. */
import { giveWay } from '../service/jobs/priority.js';
import { runWorker } from '../service/jobs/worker.js';
import { openOptions } from './flags/environment.js';

/** Milliseconds that a job has to tidy up once the service is gone. */
const GRACE_MS = 10_000;

export async function convertForService(): Promise<void> {
  giveWay();
  // A signal to the group, such as ^C in a terminal, is for the service, which lets running jobs go on for a while.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  const base = await openOptions(process.env, { insecure: false, plainHttp: false });
  await runWorker(
    {
      // The parent may end at any time.
      send: (message) => {
        if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
      },
      listen: (receive) => {
        process.on('message', (message) => {
          receive(message as Parameters<typeof receive>[0]); // the service sends nothing else
        });
        process.once('disconnect', () => {
          receive(undefined);
        });
      },
    },
    base,
  );
  setTimeout(() => process.exit(), GRACE_MS).unref();
}
