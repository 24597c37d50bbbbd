/** Tasks of every kind that the page shows: a good one, a failed one, one that runs, and others that wait. */
import assert from 'node:assert/strict';
import type { TaskQueue } from '../../../src/service/queue/queue.js';
import type { NewTask, Task } from '../../../src/service/queue/task.js';

export interface ShownTasks {
  readonly good: string;
  readonly failed: string;
  readonly active: string;
  readonly waiting: string;
}

/** Text that would be markup, and turns other text around, wherever it is not escaped. */
export const HOSTILE = '<img src=x onerror=alert(1)>"\'&\u202e</title><script>alert(2)</script>';

export function newTask(name: string, more: Partial<NewTask> = {}): NewTask {
  const source = `r.example/${name}`;
  const target = `${source}-nydus`;
  return {
    kind: 'convert',
    key: target,
    source,
    target,
    rule: 'suffix',
    origin: 'webhook',
    priority: 5,
    ...more,
  };
}

async function begun(queue: TaskQueue, task: NewTask): Promise<Task> {
  await queue.add([task]);
  const taken = await queue.take();
  assert.equal(taken?.source, task.source);
  return taken;
}

/** `odd` stands in a message and in a line of the log of the failed one. */
export async function addShownTasks(queue: TaskQueue, odd = HOSTILE): Promise<ShownTasks> {
  const platform = 'linux/amd64';
  const layers = [31_457_280, 8_912_896, 1_048_576, 220];
  const good = await begun(queue, newTask('team/shop/web:2026.11'));
  await queue.log(good.id, `${good.source} is sha256:${'a'.repeat(64)}`);
  await queue.log(good.id, `converting ${platform}: sha256:${'b'.repeat(64)}, ${layers.length} layers`);
  await queue.progress(good.id, {
    layers: 4,
    done: 4,
    bytes: 41_418_972,
    total: 41_418_972,
    each: layers.map((size, i) => ({ platform, size, bytes: size, outcome: i === 1 ? 'present' : 'pushed' })),
  });
  await queue.settle(good.id, {
    kind: 'completed',
    sourceDigest: `sha256:${'a'.repeat(64)}`,
    targetDigest: `sha256:${'c'.repeat(64)}`,
    sourceSize: 41_418_972,
    targetSize: 43_900_120,
  });
  const failed = await begun(queue, newTask('team/shop/api:1.4.2'));
  await queue.progress(failed.id, {
    layers: 3,
    done: 1,
    bytes: 3_000_000,
    total: 9_000_000,
    each: [
      { platform, size: 2_000_000, bytes: 2_000_000, outcome: 'pushed' },
      { platform, size: 4_000_000, bytes: 1_000_000, outcome: '' },
      { platform, size: 3_000_000, bytes: 0, outcome: '' },
    ],
  });
  await queue.log(failed.id, `${failed.source}: ${odd}`);
  await queue.log(failed.id, 'AUTH: the registry refused the push (403 DENIED)');
  await queue.settle(failed.id, {
    kind: 'failed',
    error: {
      code: 'AUTH',
      message: `the registry refused the push (403 DENIED) ${odd}`,
      hint: 'the robot account needs the right to push to this project',
    },
  });
  const active = await begun(queue, newTask('team/data/trainer:nightly'));
  await queue.progress(active.id, {
    layers: 2,
    done: 1,
    bytes: 500_000,
    total: 1_500_000,
    each: [
      { platform, size: 500_000, bytes: 500_000, outcome: 'pushed' },
      { platform, size: 1_000_000, bytes: 0, outcome: '' },
    ],
  });
  const long = `a-repository-whose-name-is-so-long-${'that-no-telephone-shows-it-in-one-line-'.repeat(3)}end`;
  const [waiting] = await queue.add([
    newTask('team/shop/worker:7'),
    newTask('team/shop/cron:7', { delayMs: 600_000 }),
    newTask(`${long}/app:1`, { origin: 'hand', priority: 1 }),
  ]);
  await queue.record(
    { ...newTask('team/shop/web:2026.11-nydus'), target: '' },
    'already converted: the tag ends as results do',
  );
  return { good: good.id, failed: failed.id, active: active.id, waiting: waiting?.task.id ?? '' };
}
