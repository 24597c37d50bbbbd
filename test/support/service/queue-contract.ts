/** What holds for every engine of the queue, as cases that an engine's test runs. */
import assert from 'node:assert/strict';
import { QueueFullError, type Outcome, type TaskQueue } from '../../../src/service/queue/queue.js';
import type { NewTask, Task, TaskState } from '../../../src/service/queue/task.js';

/** A queue under test, whose clock stands still until it is moved. */
export interface Bench {
  readonly queue: TaskQueue;
  /** Moves the clock by so many milliseconds. */
  readonly pass: (ms: number) => void;
  /** The queue of the bench, or one that was opened of it, opened anew after its process has ended without a word. */
  readonly killed: (queue?: TaskQueue) => Promise<TaskQueue>;
  /** The same, after a clean end. */
  readonly reopened: () => Promise<TaskQueue>;
}

export const MAX_WAITING = 50;

const DONE: Outcome = { kind: 'completed' };
const ERROR = { code: 'REGISTRY', message: 'no answer', hint: 'wait' };

function job(key: string, more: Partial<NewTask> = {}): NewTask {
  const source = `r.example/${key}`;
  return {
    kind: 'convert',
    key,
    source,
    target: `${source}-n`,
    rule: 'r',
    origin: 'webhook',
    priority: 5,
    ...more,
  };
}

async function add(queue: TaskQueue, key: string, more: Partial<NewTask> = {}): Promise<Task> {
  const [added] = await queue.add([job(key, more)]);
  assert.ok(added);
  return added.task;
}

async function take(queue: TaskQueue): Promise<Task> {
  const task = await queue.take();
  assert.ok(task, 'a task may begin');
  return task;
}

async function state(queue: TaskQueue, { id }: Task): Promise<TaskState | undefined> {
  return (await queue.get(id))?.state;
}

async function keys(queue: TaskQueue): Promise<readonly string[]> {
  const found: string[] = [];
  for (let task = await queue.take(); task !== undefined; task = await queue.take()) found.push(task.key);
  return found;
}

type Case = (bench: Bench) => Promise<void>;

const ADDING: Readonly<Record<string, Case>> = {
  'a new task waits, with all that was said of it': async ({ queue }) => {
    const task = await add(queue, 'a', { force: true, trace: '00-1-2-01', priority: 3 });
    const { id, created, ...rest } = task;
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-/);
    assert.ok(created > 0);
    assert.deepEqual(
      [rest.state, rest.source, rest.target, rest.rule, rest.origin, rest.priority, rest.force, rest.trace],
      ['waiting', 'r.example/a', 'r.example/a-n', 'r', 'webhook', 3, true, '00-1-2-01'],
    );
    assert.deepEqual([rest.attempts, rest.deaths, rest.reason, rest.finished], [0, 0, '', undefined]);
    assert.deepEqual(await queue.get(id), task);
  },
  'ids differ': async ({ queue }) => {
    assert.notEqual((await add(queue, 'a')).id, (await add(queue, 'b')).id);
  },
  'a task whose key waits joins it': async ({ queue }) => {
    const first = await add(queue, 'a');
    const [second] = await queue.add([job('a')]);
    assert.deepEqual([second?.joined, second?.task.id], [true, first.id]);
    assert.deepEqual(await keys(queue), ['a']);
  },
  'the first of a key has not joined': async ({ queue }) => {
    const [added] = await queue.add([job('a')]);
    assert.equal(added?.joined, false);
  },
  'two of one key in one call are one task': async ({ queue }) => {
    const [one, two] = await queue.add([job('a'), job('a')]);
    assert.equal(one?.task.id, two?.task.id);
  },
  'joining takes the more urgent priority': async ({ queue }) => {
    await add(queue, 'a', { priority: 5 });
    assert.equal((await add(queue, 'a', { priority: 1 })).priority, 1);
    assert.equal((await add(queue, 'a', { priority: 9 })).priority, 1);
  },
  'joining keeps that one of them was forced': async ({ queue }) => {
    await add(queue, 'a', { force: true });
    assert.equal((await add(queue, 'a')).force, true);
  },
  'several tasks are added in order': async ({ queue }) => {
    await queue.add([job('a'), job('b'), job('c')]);
    assert.deepEqual(await keys(queue), ['a', 'b', 'c']);
  },
  'nothing is added of an empty list': async ({ queue }) => {
    assert.deepEqual(await queue.add([]), []);
  },
  'a full queue refuses all of a call': async ({ queue }) => {
    await queue.add(Array.from({ length: MAX_WAITING - 1 }, (_, i) => job(`k${i}`)));
    await assert.rejects(queue.add([job('x'), job('y')]), QueueFullError);
    assert.equal((await queue.count()).states.waiting, MAX_WAITING - 1);
  },
  'calls at the same time are each whole, or refused alone': async ({ queue }) => {
    await queue.add(Array.from({ length: MAX_WAITING - 2 }, (_, i) => job(`k${i}`)));
    const heard: string[] = [];
    const end = queue.subscribe(({ key }) => heard.push(key));
    const calls = await Promise.allSettled([
      queue.add([job('a')]),
      queue.add([job('x'), job('y')]),
      queue.add([job('b')]),
      queue.record(job('c'), 'r'),
    ]);
    end();
    assert.deepEqual(
      calls.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    );
    assert.deepEqual(heard, ['a', 'b', 'c']);
    assert.equal((await queue.count()).states.waiting, MAX_WAITING);
  },
  'a full queue lets tasks join': async ({ queue }) => {
    await queue.add(Array.from({ length: MAX_WAITING }, (_, i) => job(`k${i}`)));
    const [added] = await queue.add([job('k3')]);
    assert.equal(added?.joined, true);
  },
  'tasks that come back to the queue count among those that wait': async ({ queue }) => {
    await queue.add(Array.from({ length: MAX_WAITING }, (_, i) => job(`k${i}`)));
    const { id } = await take(queue);
    await queue.settle(id, { kind: 'retry', delayMs: 0, counts: true });
    await assert.rejects(queue.add([job('x')]), QueueFullError);
    assert.equal(await queue.cancel(id), true);
    assert.equal((await add(queue, 'x')).state, 'waiting');
  },
  'a queue that was full before a kill is full after it': async ({ queue, killed }) => {
    await queue.add(Array.from({ length: MAX_WAITING }, (_, i) => job(`k${i}`)));
    const again = await killed();
    await assert.rejects(again.add([job('x')]), QueueFullError);
  },
  'a clock that is set back keeps no task from beginning for longer than the longest delay': async ({
    queue,
    pass,
  }) => {
    await queue.add([job('now'), job('late', { delayMs: 5000 })]);
    pass(-86_400_000);
    assert.equal((await take(queue)).key, 'now');
    assert.equal((await take(queue)).key, 'late');
  },
  'no delay is longer than an hour': async ({ queue, pass }) => {
    const { id } = await add(queue, 'a', { delayMs: 1e12 });
    pass(3_600_000);
    assert.equal((await take(queue)).id, id);
  },
  'among many that are due and many that are not the order is that of their priorities': async ({
    queue,
  }) => {
    const bulk = (name: string, priority: number, delayMs: number): Promise<unknown> =>
      queue.add(Array.from({ length: 12 }, (_, i) => job(`${name}${i}`, { priority, delayMs })));
    await bulk('late', 1, 1000);
    await bulk('low', 9, 0);
    await bulk('high', 2, 0);
    assert.equal((await take(queue)).key, 'high0');
    assert.equal((await queue.take('patient'))?.key, 'low0');
  },
  'a full queue has room again once a task runs': async ({ queue }) => {
    await queue.add(Array.from({ length: MAX_WAITING }, (_, i) => job(`k${i}`)));
    await take(queue);
    assert.equal((await add(queue, 'x')).state, 'waiting');
  },
  'a recorded task is skipped from the start, with its reason': async ({ queue }) => {
    const task = await queue.record(job('a'), 'no rule');
    assert.deepEqual([task.state, task.reason], ['skipped', 'no rule']);
    assert.ok(task.finished !== undefined);
    assert.deepEqual(await keys(queue), []);
  },
  'text of any kind survives': async ({ queue }) => {
    const odd = `'"\\;--${String.fromCodePoint(0x1f600)}\n`;
    const { id } = await add(queue, odd, { rule: odd });
    const task = await queue.get(id);
    assert.deepEqual([task?.key, task?.rule], [odd, odd]);
  },
};

const TAKING: Readonly<Record<string, Case>> = {
  'an empty queue gives nothing': async ({ queue }) => {
    assert.equal(await queue.take(), undefined);
  },
  'a task is taken once, and is active': async ({ queue }) => {
    const added = await add(queue, 'a');
    const taken = await take(queue);
    assert.deepEqual([taken.id, taken.state, taken.attempts], [added.id, 'active', 1]);
    assert.ok(taken.started !== undefined);
    assert.equal(await queue.take(), undefined);
  },
  'the more urgent comes first, then the older': async ({ queue }) => {
    await queue.add([job('low', { priority: 10 }), job('a'), job('b'), job('hand', { priority: 1 })]);
    assert.deepEqual(await keys(queue), ['hand', 'a', 'b', 'low']);
  },
  'a worker may take the least urgent first': async ({ queue }) => {
    await queue.add([
      job('high', { priority: 1 }),
      job('low', { priority: 10 }),
      job('low2', { priority: 10 }),
    ]);
    assert.equal((await queue.take('patient'))?.key, 'low');
    assert.equal((await queue.take('urgent'))?.key, 'high');
  },
  'a key that waits beside an active one is not taken before that ends': async ({ queue }) => {
    await add(queue, 'a');
    const first = await take(queue);
    await add(queue, 'a');
    await add(queue, 'b');
    assert.deepEqual(await keys(queue), ['b']);
    await queue.settle(first.id, DONE);
    assert.deepEqual(await keys(queue), ['a']);
  },
  'requests during a run cause exactly one more': async ({ queue }) => {
    await add(queue, 'a');
    const first = await take(queue);
    const later = await add(queue, 'a');
    assert.notEqual(later.id, first.id);
    for (let i = 0; i < 5; i++) assert.equal((await add(queue, 'a')).id, later.id);
    await queue.settle(first.id, DONE);
    const second = await take(queue);
    await queue.settle(second.id, DONE);
    assert.equal(await queue.take(), undefined);
  },
  'a task with a delay does not begin before that': async ({ queue, pass }) => {
    const task = await add(queue, 'a', { delayMs: 1000 });
    assert.deepEqual([task.state, task.nextAttempt === undefined], ['delayed', false]);
    assert.equal(await queue.take(), undefined);
    pass(999);
    assert.equal(await queue.take(), undefined);
    pass(1);
    assert.equal((await take(queue)).id, task.id);
  },
  'a delayed task is joined, too': async ({ queue }) => {
    const first = await add(queue, 'a', { delayMs: 1000 });
    assert.equal((await add(queue, 'a')).id, first.id);
  },
  'a paused queue gives nothing, and takes everything': async ({ queue }) => {
    await queue.setPaused(true);
    await add(queue, 'a');
    assert.equal(await queue.take(), undefined);
    await queue.setPaused(false);
    await take(queue);
  },
  'an active task goes on in a paused queue': async ({ queue }) => {
    await add(queue, 'a');
    const task = await take(queue);
    await queue.setPaused(true);
    await queue.settle(task.id, DONE);
    assert.equal(await state(queue, task), 'completed');
  },
  'the time until the next task: none, now, later': async ({ queue, pass }) => {
    assert.equal(await queue.untilNext(), undefined);
    await add(queue, 'a', { delayMs: 500 });
    assert.equal(await queue.untilNext(), 500);
    pass(600);
    assert.equal(await queue.untilNext(), 0);
    await take(queue);
    assert.equal(await queue.untilNext(), undefined);
  },
  'a task that waits for one of its key has no time': async ({ queue }) => {
    await add(queue, 'a');
    await take(queue);
    await add(queue, 'a');
    assert.equal(await queue.untilNext(), undefined);
  },
  'a paused queue has no next task': async ({ queue }) => {
    await add(queue, 'a');
    await queue.setPaused(true);
    assert.equal(await queue.untilNext(), undefined);
  },
};

const ENDING: Readonly<Record<string, Case>> = {
  'a completed task keeps its result': async ({ queue, pass }) => {
    await add(queue, 'a');
    const { id } = await take(queue);
    pass(5);
    await queue.settle(id, {
      kind: 'completed',
      sourceDigest: 'sha256:1',
      targetDigest: 'sha256:2',
      sourceSize: 3,
      targetSize: 4,
    });
    const task = await queue.get(id);
    assert.deepEqual(
      [task?.state, task?.sourceDigest, task?.targetDigest, task?.sourceSize, task?.targetSize, task?.reason],
      ['completed', 'sha256:1', 'sha256:2', 3, 4, ''],
    );
    assert.equal((task?.finished ?? 0) - (task?.started ?? 0), 5);
  },
  'a skipped task keeps its reason and digests': async ({ queue }) => {
    await add(queue, 'a');
    const { id } = await take(queue);
    await queue.settle(id, { kind: 'skipped', reason: 'up to date', sourceDigest: 'sha256:1' });
    const task = await queue.get(id);
    assert.deepEqual([task?.state, task?.reason, task?.sourceDigest], ['skipped', 'up to date', 'sha256:1']);
  },
  'a failed task keeps its error': async ({ queue }) => {
    await add(queue, 'a');
    const { id } = await take(queue);
    await queue.settle(id, { kind: 'failed', error: ERROR });
    const task = await queue.get(id);
    assert.deepEqual([task?.state, task?.reason, task?.error], ['failed', 'no answer', ERROR]);
  },
  'a cancelled run is cancelled': async ({ queue }) => {
    await add(queue, 'a');
    const { id } = await take(queue);
    await queue.settle(id, { kind: 'cancelled', reason: 'by hand' });
    assert.deepEqual([(await queue.get(id))?.state, (await queue.get(id))?.reason], ['cancelled', 'by hand']);
  },
  'a task that ended does not end again': async ({ queue }) => {
    await add(queue, 'a');
    const task = await take(queue);
    await queue.settle(task.id, DONE);
    await queue.settle(task.id, { kind: 'failed', error: ERROR });
    assert.equal(await state(queue, task), 'completed');
  },
  'a task that waits cannot be settled': async ({ queue }) => {
    const task = await add(queue, 'a');
    await queue.settle(task.id, DONE);
    assert.equal(await state(queue, task), 'waiting');
  },
  'settling a task that is unknown has no effect': async ({ queue }) => {
    await queue.settle('none', DONE);
  },
  'a key is free again after its task ended': async ({ queue }) => {
    await add(queue, 'a');
    const first = await take(queue);
    await queue.settle(first.id, DONE);
    assert.notEqual((await add(queue, 'a')).id, first.id);
  },
  'a failed attempt waits, with its error and its count': async ({ queue, pass }) => {
    await add(queue, 'a');
    const task = await take(queue);
    await queue.settle(task.id, { kind: 'retry', delayMs: 100, counts: true, error: ERROR });
    const waiting = await queue.get(task.id);
    assert.deepEqual([waiting?.state, waiting?.attempts, waiting?.error], ['delayed', 1, ERROR]);
    assert.equal(await queue.take(), undefined);
    pass(100);
    assert.equal((await take(queue)).attempts, 2);
  },
  'an attempt that does not count leaves the number': async ({ queue }) => {
    await add(queue, 'a');
    const task = await take(queue);
    await queue.settle(task.id, { kind: 'retry', delayMs: 0, counts: false });
    assert.deepEqual([await state(queue, task), (await queue.get(task.id))?.attempts], ['waiting', 0]);
  },
  'deaths of processes are counted apart': async ({ queue }) => {
    await add(queue, 'a');
    for (let i = 1; i <= 2; i++) {
      const task = await take(queue);
      await queue.settle(task.id, { kind: 'retry', delayMs: 0, counts: true, died: true });
      assert.equal((await queue.get(task.id))?.deaths, i);
    }
  },
  'a task that two processes died of runs alone': async ({ queue }) => {
    await add(queue, 'killer');
    for (let i = 0; i < 2; i++)
      await queue.settle((await take(queue)).id, { kind: 'retry', delayMs: 0, counts: true, died: true });
    await queue.add([job('urgent', { priority: 1 }), job('late')]);
    const urgent = await take(queue);
    assert.equal(urgent.key, 'urgent');
    assert.equal(await queue.take(), undefined, 'it waits for the others, and they for it');
    await queue.settle(urgent.id, DONE);
    const killer = await take(queue);
    assert.equal(killer.key, 'killer');
    assert.equal(await queue.take(), undefined);
    await queue.settle(killer.id, DONE);
    assert.deepEqual(await keys(queue), ['late']);
  },
  'a failed attempt beside a later request leaves that to run': async ({ queue }) => {
    await add(queue, 'a');
    const first = await take(queue);
    const later = await add(queue, 'a');
    await queue.settle(first.id, { kind: 'retry', delayMs: 100, counts: true, error: ERROR });
    assert.equal(await state(queue, first), 'failed');
    assert.equal((await take(queue)).id, later.id);
  },
  'an attempt given back beside a later request leaves that to run': async ({ queue }) => {
    await add(queue, 'a');
    const first = await take(queue);
    const later = await add(queue, 'a');
    await queue.settle(first.id, { kind: 'retry', delayMs: 0, counts: false });
    assert.equal(await state(queue, first), 'cancelled');
    assert.equal((await take(queue)).id, later.id);
  },
  'progress is kept while a task is active': async ({ queue }) => {
    await add(queue, 'a');
    const { id } = await take(queue);
    const progress = { layers: 3, done: 1, bytes: 10, total: 30 };
    await queue.progress(id, progress);
    assert.deepEqual((await queue.get(id))?.progress, progress);
  },
  'progress of a task that waits again is forgotten': async ({ queue }) => {
    await add(queue, 'a');
    const { id } = await take(queue);
    await queue.progress(id, { layers: 1, done: 1, bytes: 1, total: 1 });
    await queue.settle(id, { kind: 'retry', delayMs: 0, counts: true });
    assert.equal((await queue.get(id))?.progress, undefined);
  },
  'progress of a task that is not active has no effect': async ({ queue }) => {
    const { id } = await add(queue, 'a');
    await queue.progress(id, { layers: 1, done: 1, bytes: 1, total: 1 });
    assert.equal((await queue.get(id))?.progress, undefined);
  },
};

const STOPPING: Readonly<Record<string, Case>> = {
  'a task that waits is cancelled at once': async ({ queue }) => {
    const task = await add(queue, 'a');
    assert.equal(await queue.cancel(task.id), true);
    assert.equal(await state(queue, task), 'cancelled');
    assert.equal(await queue.take(), undefined);
  },
  'a delayed task is cancelled, too': async ({ queue }) => {
    const task = await add(queue, 'a', { delayMs: 10 });
    assert.equal(await queue.cancel(task.id), true);
  },
  'an active task is not cancelled by the queue': async ({ queue }) => {
    await add(queue, 'a');
    const task = await take(queue);
    assert.equal(await queue.cancel(task.id), false);
    assert.equal(await state(queue, task), 'active');
  },
  'cancelling what ended or is unknown has no effect': async ({ queue }) => {
    const task = await queue.record(job('a'), 'x');
    assert.equal(await queue.cancel(task.id), false);
    assert.equal(await queue.cancel('none'), false);
  },
  'a failed task runs again as a new one': async ({ queue }) => {
    await add(queue, 'a', { priority: 2 });
    const task = await take(queue);
    await queue.settle(task.id, { kind: 'failed', error: ERROR });
    const again = await queue.retry(task.id);
    assert.deepEqual(
      [again?.joined, again?.task.key, again?.task.priority, again?.task.attempts],
      [false, 'a', 2, 0],
    );
    assert.notEqual(again?.task.id, task.id);
  },
  'a retry joins a task of its key that waits': async ({ queue }) => {
    const first = await add(queue, 'a');
    await queue.cancel(first.id);
    const second = await add(queue, 'a');
    assert.equal((await queue.retry(first.id))?.task.id, second.id);
  },
  'what waits, runs or is completed cannot be retried': async ({ queue }) => {
    const task = await add(queue, 'a');
    assert.equal(await queue.retry(task.id), undefined);
    await take(queue);
    assert.equal(await queue.retry(task.id), undefined);
    await queue.settle(task.id, DONE);
    assert.equal(await queue.retry(task.id), undefined);
    assert.equal(await queue.retry('none'), undefined);
  },
};

const LISTING: Readonly<Record<string, Case>> = {
  'tasks are listed newest first': async ({ queue }) => {
    await queue.add([job('a'), job('b')]);
    const { tasks, next } = await queue.list({ limit: 10 });
    assert.deepEqual([tasks.map(({ key }) => key), next], [['b', 'a'], undefined]);
  },
  'pages follow one another, and new tasks do not move them': async ({ queue }) => {
    await queue.add(['a', 'b', 'c', 'd', 'e'].map((key) => job(key)));
    const first = await queue.list({ limit: 2 });
    await add(queue, 'f');
    const second = await queue.list({ limit: 2, cursor: first.next });
    const third = await queue.list({ limit: 2, cursor: second.next });
    const all = [first, second, third].flatMap(({ tasks }) => tasks.map(({ key }) => key));
    assert.deepEqual([all, third.next], [['e', 'd', 'c', 'b', 'a'], undefined]);
  },
  'a page that is just full is the last': async ({ queue }) => {
    await queue.add([job('a'), job('b')]);
    assert.equal((await queue.list({ limit: 2 })).next, undefined);
  },
  'a search finds parts of sources and targets, letter by letter': async ({ queue }) => {
    await queue.add([job('one'), job('two', { target: 'other.example/o%e:1' })]);
    const found = async (search: string): Promise<readonly string[]> =>
      (await queue.list({ limit: 10, search })).tasks.map(({ key }) => key);
    assert.deepEqual(await found('example'), ['two', 'one']);
    assert.deepEqual(await found('/one'), ['one']);
    assert.deepEqual(await found('other.'), ['two']);
    assert.deepEqual(await found('o%e'), ['two']);
    assert.deepEqual(await found('ONE'), []);
  },
  'a list by state tells waiting from delayed': async ({ queue }) => {
    await queue.add([job('a'), job('b', { delayMs: 10 })]);
    await queue.record(job('c'), 'x');
    const of = async (...states: TaskState[]): Promise<readonly string[]> =>
      (await queue.list({ limit: 10, states })).tasks.map(({ key }) => key);
    assert.deepEqual(await of('waiting'), ['a']);
    assert.deepEqual(await of('delayed'), ['b']);
    assert.deepEqual(await of('delayed', 'waiting', 'skipped'), ['c', 'b', 'a']);
    assert.deepEqual(await of(), []);
  },
  'a list by source and by origin': async ({ queue }) => {
    await queue.add([job('a', { origin: 'hand' }), job('b')]);
    const found = await queue.list({ limit: 9, source: 'r.example/a' });
    assert.deepEqual(
      found.tasks.map(({ key }) => key),
      ['a'],
    );
    const hand = await queue.list({ limit: 9, origin: 'hand', source: 'r.example/b' });
    assert.deepEqual(hand.tasks, []);
  },
  'an unknown task is none': async ({ queue }) => {
    assert.equal(await queue.get('none'), undefined);
  },
  'all states are counted': async ({ queue }) => {
    await queue.add([job('a'), job('b'), job('c', { delayMs: 9 })]);
    await take(queue);
    await queue.record(job('d'), 'x');
    const none = { waiting: 0, delayed: 0, active: 0, completed: 0, skipped: 0, cancelled: 0, failed: 0 };
    const { states, kinds } = await queue.count();
    assert.deepEqual(states, { ...none, waiting: 1, delayed: 1, active: 1, skipped: 1 });
    assert.deepEqual(kinds, { convert: states, look: none, sweep: none });
  },
  'each kind is counted for itself': async ({ queue }) => {
    await queue.add([job('a'), job('b', { kind: 'look' }), job('c', { kind: 'look', delayMs: 9 })]);
    await queue.add([job('d', { kind: 'sweep' }), job('e', { kind: 'sweep' })]);
    const { states, kinds } = await queue.count();
    assert.equal(states.waiting, 4);
    assert.equal(states.delayed, 1);
    assert.deepEqual(
      [kinds.convert.waiting, kinds.look.waiting, kinds.look.delayed, kinds.sweep.waiting],
      [1, 1, 1, 2],
    );
  },
  'the age of the oldest that could begin': async ({ queue, pass }) => {
    assert.equal((await queue.count()).oldestMs, 0);
    await add(queue, 'a');
    pass(70);
    await add(queue, 'b');
    assert.equal((await queue.count()).oldestMs, 70);
  },
  'lines of a log are kept in order, with their time': async ({ queue, pass }) => {
    const { id } = await add(queue, 'a');
    await queue.log(id, 'one');
    pass(3);
    await queue.log(id, 'two');
    const [one, two] = await queue.lines(id);
    assert.deepEqual([one?.text, two?.text, (two?.time ?? 0) - (one?.time ?? 0)], ['one', 'two', 3]);
  },
  'a log has an end, and so has a line': async ({ queue }) => {
    const { id } = await add(queue, 'a');
    await queue.log(id, 'x'.repeat(10_000));
    for (let i = 0; i < 1100; i++) await queue.log(id, 'y');
    const lines = await queue.lines(id);
    assert.ok(lines.length <= 1000);
    assert.ok((lines[0]?.text.length ?? 0) <= 2000);
  },
  'lines of an unknown task are dropped': async ({ queue }) => {
    await queue.log('none', 'x');
    assert.deepEqual(await queue.lines('none'), []);
  },
};

const KEEPING: Readonly<Record<string, Case>> = {
  'shrinking frees storage by tasks that ended, oldest first, and never by others': async ({
    queue,
    pass,
  }) => {
    const waiting = await add(queue, 'waiting', { priority: 9 });
    const text = 'x'.repeat(2000);
    for (let i = 0; i < 8; i++) {
      const { id } = await add(queue, `ended${i}`);
      await take(queue);
      for (let line = 0; line < 100; line++) await queue.log(id, text);
      await queue.settle(id, DONE);
      pass(1000);
    }
    await add(queue, 'active');
    const active = await take(queue);
    const some = await queue.shrink(1);
    assert.ok(some.freedBytes >= 1, JSON.stringify(some));
    await queue.shrink(1e12);
    const { tasks } = await queue.list({ limit: 100 });
    assert.deepEqual(
      tasks.map(({ key }) => key),
      ['active', 'waiting'],
    );
    assert.equal(await state(queue, active), 'active');
    assert.equal(await state(queue, waiting), 'waiting');
    await queue.settle(active.id, DONE);
    assert.equal((await take(queue)).id, waiting.id);
  },
  'shrinking an empty queue removes nothing': async ({ queue }) => {
    assert.equal((await queue.shrink(1)).tasks, 0);
  },
  'old tasks go, with their lines': async ({ queue, pass }) => {
    const task = await queue.record(job('a'), 'x');
    await queue.log(task.id, 'line');
    pass(101);
    assert.equal(await queue.prune({ ageMs: 100, count: 10 }), 1);
    assert.equal(await queue.get(task.id), undefined);
    assert.deepEqual(await queue.lines(task.id), []);
  },
  'of too many tasks the oldest go': async ({ queue, pass }) => {
    for (const key of ['a', 'b', 'c']) {
      await queue.record(job(key), 'x');
      pass(1);
    }
    assert.equal(await queue.prune({ ageMs: 1e9, count: 2 }), 1);
    assert.deepEqual(
      (await queue.list({ limit: 9 })).tasks.map(({ key }) => key),
      ['c', 'b'],
    );
  },
  'what has not ended is kept, whatever its age': async ({ queue, pass }) => {
    await queue.add([job('a'), job('b')]);
    await take(queue);
    pass(1e9);
    assert.equal(await queue.prune({ ageMs: 1, count: 0 }), 0);
  },
  'listeners hear of every change, once it is on disk': async ({ queue }) => {
    const heard: string[] = [];
    const end = queue.subscribe(({ key, state: now }) => heard.push(`${key} ${now}`));
    await add(queue, 'a');
    const { id } = await take(queue);
    await queue.progress(id, { layers: 1, done: 0, bytes: 0, total: 1 });
    await queue.settle(id, DONE);
    await queue.record(job('b'), 'x');
    end();
    await add(queue, 'c');
    assert.deepEqual(heard, ['a waiting', 'a active', 'a active', 'a completed', 'b skipped']);
  },
  'listeners hear nothing of a call that failed': async ({ queue }) => {
    await queue.add(Array.from({ length: MAX_WAITING - 1 }, (_, i) => job(`k${i}`)));
    const heard: string[] = [];
    queue.subscribe(({ key }) => heard.push(key));
    await assert.rejects(queue.add([job('x'), job('y')]));
    await add(queue, 'z');
    assert.deepEqual(heard, ['z']);
  },
  'everything is there after a clean end': async ({ queue, reopened }) => {
    const waiting = await add(queue, 'a', { delayMs: 10 });
    const done = await queue.record(job('b'), 'x');
    await queue.log(done.id, 'line');
    const next = await reopened();
    assert.deepEqual(await next.get(waiting.id), waiting);
    assert.deepEqual(await next.get(done.id), done);
    assert.equal((await next.lines(done.id)).length, 1);
  },
  'everything is there after a kill, and what ran waits again and counts': async ({ queue, killed }) => {
    await queue.add([job('a'), job('b')]);
    const active = await take(queue);
    const next = await killed();
    const again = await next.get(active.id);
    assert.deepEqual([again?.state, again?.attempts, again?.deaths], ['waiting', 1, 1]);
    assert.deepEqual(await keys(next), ['a', 'b']);
  },
  'a kill after the process was asked to stop does not count': async ({ queue, killed }) => {
    await add(queue, 'a');
    const active = await take(queue);
    await queue.stopping();
    const next = await killed();
    const again = await next.get(active.id);
    assert.deepEqual([again?.state, again?.attempts, again?.deaths], ['waiting', 0, 0]);
  },
  'a stop counts for its own process alone': async ({ queue, killed }) => {
    await queue.stopping();
    const next = await killed();
    const task = await add(next, 'a');
    await take(next);
    assert.equal((await (await killed(next)).get(task.id))?.deaths, 1);
  },
  'a task that was killed three times has failed, and says so': async ({ queue, killed }) => {
    await add(queue, 'a');
    const { id } = await take(queue);
    let next = queue;
    for (let death = 1; death <= 2; death++) {
      next = await killed(next);
      assert.equal((await next.get(id))?.deaths, death);
      assert.equal((await take(next)).id, id);
    }
    const last = await (await killed(next)).get(id);
    assert.deepEqual([last?.state, last?.error?.code, last?.attempts], ['failed', 'WORKER', 3]);
    assert.match(last?.reason ?? '', /3 times in a row/);
  },
  'after a kill a later request of the same key runs in place of what ran, and has its deaths': async ({
    queue,
    killed,
  }) => {
    await add(queue, 'a');
    const first = await take(queue);
    const later = await add(queue, 'a');
    const next = await killed();
    assert.equal(await state(next, first), 'failed');
    const taken = await take(next);
    assert.deepEqual([taken.id, taken.deaths], [later.id, 1]);
  },
  'a pause outlives its process': async ({ queue, killed }) => {
    await queue.setPaused(true);
    assert.equal((await (await killed()).count()).paused, true);
  },
  'ids and order go on after a restart': async ({ queue, reopened }) => {
    const first = await add(queue, 'a');
    const next = await reopened();
    const second = await add(next, 'b');
    assert.notEqual(first.id, second.id);
    assert.deepEqual(
      (await next.list({ limit: 9 })).tasks.map(({ key }) => key),
      ['b', 'a'],
    );
  },
};

/** Titles and cases. */
export const QUEUE_CONTRACT: Readonly<Record<string, Case>> = {
  ...ADDING,
  ...TAKING,
  ...ENDING,
  ...STOPPING,
  ...LISTING,
  ...KEEPING,
};
