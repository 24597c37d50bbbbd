/**
 * Fills a queue as fast as it can until it is killed, and prints what was answered, a line each: `+ KEY` for a task that was added, and
 * `= KEY` for one that has ended.
 */
import { EmbeddedQueue } from '../../../src/service/queue/embedded/engine.js';

const [folder = '', name = ''] = process.argv.slice(2);
const queue = await EmbeddedQueue.open(folder, { maxWaiting: 1e6 });
for (const note of queue.notes) process.stdout.write(`! ${note}\n`);
process.stdout.write('ready\n');
for (let i = 0; ; i++) {
  const key = `${name}-${i}`;
  await queue.add([
    {
      kind: 'convert',
      key,
      source: `r.example/${key}`,
      target: `r.example/${key}-n`,
      rule: 'r',
      origin: 'webhook',
      priority: 5,
    },
  ]);
  process.stdout.write(`+ ${key}\n`);
  if (i % 3 === 0) {
    const task = await queue.take('patient');
    if (task !== undefined) {
      await queue.log(task.id, 'a line');
      await queue.settle(task.id, { kind: 'completed', targetSize: i });
      process.stdout.write(`= ${task.key}\n`);
    }
  }
  if (i % 20 === 0) await new Promise(setImmediate);
}
