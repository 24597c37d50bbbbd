/** The embedded queue: the contract of every queue, and what its file goes through. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createInterface } from 'node:readline';
import { LocalIoError } from '../../../src/errors.js';
import {
  type Engine,
  LIBSQL_VERSION,
  openDatabase,
  ownSqlite,
  textOf,
} from '../../../src/service/queue/embedded/database.js';
import { EmbeddedQueue } from '../../../src/service/queue/embedded/engine.js';
import type { TaskQueue } from '../../../src/service/queue/queue.js';
import { projectRoot } from '../../support/project.js';
import { type Bench, MAX_WAITING, QUEUE_CONTRACT } from '../../support/service/queue-contract.js';
import { QUICK_DISK, tempFolder } from '../../support/temp-folder.js';

const ENGINES: readonly Engine[] = ownSqlite() === undefined ? ['libsql'] : ['libsql', 'node'];

async function bench(t: TestContext, engine: Engine): Promise<Bench> {
  const folder = await tempFolder(t, QUICK_DISK);
  let time = 1_700_000_000_000;
  const options = { maxWaiting: MAX_WAITING, engine, now: () => time };
  const opened: EmbeddedQueue[] = [];
  const folders = new Map<TaskQueue, string>();
  const open = async (at: string): Promise<EmbeddedQueue> => {
    const queue = await EmbeddedQueue.open(at, options);
    opened.push(queue);
    folders.set(queue, at);
    return queue;
  };
  t.after(async () => {
    for (const queue of opened) await queue[Symbol.asyncDispose]();
  });
  const queue = await open(folder);
  return {
    queue,
    pass: (ms) => {
      time += ms;
    },
    killed: async (which = queue) => {
      // The file as a killed process leaves it; its owner is made a process that has ended.
      const copy = await tempFolder(t, QUICK_DISK);
      cpSync(folders.get(which) ?? folder, copy, { recursive: true });
      disown(copy, engine);
      return open(copy);
    },
    reopened: async () => {
      await queue[Symbol.asyncDispose]();
      return open(folder);
    },
  };
}

/** Makes the owner of a copied file a process that has ended. */
function disown(folder: string, engine: Engine): void {
  const database = openDatabase(join(folder, 'queue.db'), engine);
  const row = database.prepare("SELECT value FROM settings WHERE name = 'owner'").get();
  const ended = textOf(row?.['value']).replace(/^\d+-\d+-/, '999999999-1-');
  database.prepare("UPDATE settings SET value = ? WHERE name = 'owner'").run(ended);
  database.close();
}

for (const engine of ENGINES)
  for (const [title, run] of Object.entries(QUEUE_CONTRACT))
    test(`${engine}: ${title}`, async (t) => run(await bench(t, engine)));

test('the contract has at least 60 cases', () => {
  assert.ok(Object.keys(QUEUE_CONTRACT).length >= 60, String(Object.keys(QUEUE_CONTRACT).length));
});

const OPTIONS = { maxWaiting: 1000 };

test('the order is that of priorities however many tasks are due, and beside many that are not', async (t) => {
  const queue = await EmbeddedQueue.open(await tempFolder(t, QUICK_DISK), { maxWaiting: 1000 });
  t.after(() => queue[Symbol.asyncDispose]());
  const bulk = (name: string, priority: number, delayMs = 0): Promise<unknown> =>
    queue.add(
      Array.from({ length: 150 }, (_, i) => ({
        kind: 'convert' as const,
        key: `${name}${i}`,
        source: `r.example/${name}:${i}`,
        target: `r.example/${name}:${i}-n`,
        rule: 'r',
        origin: 'webhook' as const,
        priority,
        delayMs,
      })),
    );
  await bulk('late', 1, 60_000);
  await bulk('low', 9);
  await bulk('high', 2);
  assert.equal((await queue.take('patient'))?.key, 'low0');
  for (let i = 0; i < 250; i++) {
    const [name, number] = i < 150 ? ['high', i] : ['low', i - 149];
    assert.equal((await queue.take())?.key, `${name}${number}`);
  }
  assert.deepEqual((await queue.count()).states, {
    waiting: 49,
    delayed: 150,
    active: 251,
    completed: 0,
    skipped: 0,
    cancelled: 0,
    failed: 0,
  });
});

test('a second process on the same folder is refused by the number of the first', async (t) => {
  const folder = await tempFolder(t);
  await using queue = await EmbeddedQueue.open(folder, OPTIONS);
  await assert.rejects(
    EmbeddedQueue.open(folder, OPTIONS),
    (error) => error instanceof LocalIoError && error.message.includes(`in use by process ${process.pid}`),
  );
  assert.equal((await queue.count()).states.waiting, 0);
});

test('a file that is no database is moved aside, not deleted, and said', async (t) => {
  const folder = await tempFolder(t);
  writeFileSync(join(folder, 'queue.db'), 'no database at all, but a text of some length '.repeat(100));
  await using queue = await EmbeddedQueue.open(folder, OPTIONS);
  assert.match(queue.notes.join(), /damaged/);
  const aside = readdirSync(folder).find((name) => name.startsWith('queue.db.damaged-'));
  assert.match(readFileSync(join(folder, aside ?? ''), 'utf8'), /^no database/);
  const [added] = await queue.add([TASK]);
  assert.equal(added?.joined, false);
});

const TASK = {
  kind: 'convert',
  key: 'k',
  source: 's',
  target: 't',
  rule: 'r',
  origin: 'hand',
  priority: 1,
} as const;

test('a name that a flipped bit has changed converts nothing: its repository is looked at, and the other tasks go on', async (t) => {
  const folder = await tempFolder(t, QUICK_DISK);
  const options = { maxWaiting: 1000 };
  const queue = await EmbeddedQueue.open(folder, options);
  const names = Array.from({ length: 60 }, (_, i) => `r.example/team/app:v${i + 100}`);
  await queue.add(
    names.map((source) => ({
      kind: 'convert' as const,
      key: `${source}-n`,
      source,
      target: `${source}-n`,
      rule: 'r',
      origin: 'webhook' as const,
      priority: 5,
    })),
  );
  await queue[Symbol.asyncDispose]();
  const database = openDatabase(join(folder, 'queue.db'));
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
  database.close();
  const bytes = readFileSync(join(folder, 'queue.db'));
  const places: number[] = [];
  for (let at = bytes.indexOf('app:v130'); at !== -1; at = bytes.indexOf('app:v130', at + 1)) places.push(at);
  assert.ok(places.length >= 5, 'the table and its indexes hold the name');
  // The second change makes bytes that are no text.
  for (const [place, bit] of places.flatMap(
    (one) =>
      [
        [one, 1],
        [one, 128],
      ] as const,
  )) {
    const copy = await tempFolder(t, QUICK_DISK);
    const damaged = Buffer.from(bytes);
    damaged[place + 7] = (damaged[place + 7] ?? 0) ^ bit;
    writeFileSync(join(copy, 'queue.db'), damaged);
    await using opened = await EmbeddedQueue.open(copy, options);
    assert.match(opened.notes.join(), /damaged .*begins with the 59 tasks that could be read; of 1 more/);
    const { tasks } = await opened.list({ limit: 1000 });
    const others = names.filter((name) => !name.endsWith('v130'));
    assert.deepEqual(
      tasks
        .filter(({ kind }) => kind === 'convert')
        .map(({ source, target }) => `${source} ${target}`)
        .sort(),
      others.map((name) => `${name} ${name}-n`).sort(),
    );
    assert.deepEqual(
      tasks.filter(({ kind }) => kind === 'look').map(({ key, state }) => `${key} ${state}`),
      ['look r.example/team/app waiting'],
    );
  }
});

test('a line of a log that is no text any more is shown as far as it is, and its task stays', async (t) => {
  const folder = await tempFolder(t, QUICK_DISK);
  const options = { maxWaiting: 10 };
  const queue = await EmbeddedQueue.open(folder, options);
  const [added] = await queue.add([TASK]);
  const id = added?.task.id ?? '';
  await queue.log(id, 'a line to be damaged');
  await queue[Symbol.asyncDispose]();
  const path = join(folder, 'queue.db');
  const database = openDatabase(path);
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
  database.close();
  const copy = await tempFolder(t, QUICK_DISK);
  const bytes = readFileSync(path);
  const place = bytes.indexOf('to be damaged');
  bytes[place] = (bytes[place] ?? 0) ^ 128;
  writeFileSync(join(copy, 'queue.db'), bytes);
  await using opened = await EmbeddedQueue.open(copy, options);
  const [line] = await opened.lines(id);
  assert.equal(line?.text, `a line ${String.fromCodePoint(0xfffd)}o be damaged`);
  assert.equal((await opened.get(id))?.state, 'waiting');
});

test('a file that was cut is moved aside', async (t) => {
  const folder = await tempFolder(t);
  {
    await using queue = await EmbeddedQueue.open(folder, OPTIONS);
    for (let i = 0; i < 200; i++) await queue.add([{ ...TASK, key: `k${i}` }]);
  }
  const path = join(folder, 'queue.db');
  truncateSync(path, Math.floor(statSync(path).size / 2));
  await using queue = await EmbeddedQueue.open(folder, OPTIONS);
  assert.match(queue.notes.join(), /damaged/);
});

test('a file of a later version is left alone', async (t) => {
  const folder = await tempFolder(t);
  const database = openDatabase(join(folder, 'queue.db'));
  database.exec('PRAGMA user_version = 99');
  database.close();
  await assert.rejects(EmbeddedQueue.open(folder, OPTIONS), /later version/);
});

/** Adds tasks as fast as it can, and prints the key of each once it is answered. */
const WRITER = (url: string, folder: string): string => `
  const { EmbeddedQueue } = await import(${JSON.stringify(url)});
  const queue = await EmbeddedQueue.open(${JSON.stringify(folder)}, { maxWaiting: 1e6 });
  for (let i = 0; ; i++) {
    await queue.add([{ ...${JSON.stringify(TASK)}, key: process.pid + '-' + i }]);
    process.stdout.write(process.pid + '-' + i + '\\n');
    if (i % 3 === 0) await queue.take();
    if (i % 50 === 0) await new Promise(setImmediate);
  }`;

test('what was answered before a SIGKILL is there, at whatever moment it comes', async (t) => {
  const folder = await tempFolder(t);
  const url = new URL('../../../src/service/queue/embedded/engine.js', import.meta.url).href;
  const answered = new Set<string>();
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER(url, folder)], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout });
    let count = 0;
    lines.on('line', (line) => {
      if (/^\d+-\d+$/.test(line)) answered.add(line);
      if (++count === 40 + round * 37) child.kill('SIGKILL');
    });
    await once(child, 'exit');
    lines.close();
  }
  await using queue = await EmbeddedQueue.open(folder, { maxWaiting: 1e6 });
  const { tasks } = await queue.list({ limit: 1e6 });
  const there = new Set(tasks.map(({ key }) => key));
  assert.ok(answered.size > 200, String(answered.size));
  assert.deepEqual(
    [...answered].filter((key) => !there.has(key)),
    [],
  );
});

test('the sentence for a Node without SQLite names the version of libsql that is tested', () => {
  const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  assert.equal(manifest.dependencies['libsql'], LIBSQL_VERSION);
});
