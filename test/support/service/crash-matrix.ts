/** What the queue's file holds after kills, power cuts and damage of every kind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NydusError } from '../../../src/errors.js';
import { EmbeddedQueue } from '../../../src/service/queue/embedded/engine.js';
import { FINISHED, type Task } from '../../../src/service/queue/task.js';
import { DISKS, makeDisk, MountedDisk } from '../faults/loop-disk.js';
import { type Owner, tempFolder } from '../temp-folder.js';

const WRITER = fileURLToPath(new URL('./store-writer.js', import.meta.url));
/** Enough that some are in the database itself, and some in its log. */
const RECORDS = 400;
const OPTIONS = { maxWaiting: 1e6 };
const ENDED = new Set(['completed', 'failed']);

export interface CrashCount {
  readonly title: string;
  readonly rounds: number;
  /** Records that were answered before. */
  readonly answered: number;
  /** Opened with every record. */
  readonly whole: number;
  /** Of those answered records, how many were there afterwards. */
  readonly kept: number;
  /** Opened after the file was moved aside, or with a note about what cannot be read. */
  readonly said: number;
  /** Rounds in which a record was lost, or had changed, without a word. */
  readonly silent: readonly string[];
}

/** A process that fills a queue, and what it has answered so far. */
class Writer {
  readonly added = new Set<string>();
  readonly settled = new Set<string>();
  readonly notes: string[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly ready: Promise<void>;
  /** What it has said on its way out. */
  readonly ended: Promise<string>;

  constructor(folder: string, name: string) {
    this.#child = spawn(process.execPath, [WRITER, folder, name], { stdio: ['ignore', 'pipe', 'pipe'] });
    const closed = once(this.#child, 'close');
    let said = '';
    this.#child.stderr?.on('data', (data: Buffer) => (said += data.toString()));
    this.#exited = closed;
    this.ended = closed.then(() => said);
    this.ready = new Promise((resolve, reject) => {
      void closed.then(() => {
        reject(new Error(`the writer has ended: ${said}`));
      });
      if (this.#child.stdout === null) return;
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        const [kind, key] = [line.slice(0, 1), line.slice(2)];
        if (line === 'ready') resolve();
        else if (kind === '+') this.added.add(key);
        else if (kind === '=') this.settled.add(key);
        else if (kind === '!') this.notes.push(key);
      });
    });
    this.ready.catch(() => undefined);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits until everything that the process has written is read. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

interface Answered {
  readonly added: ReadonlySet<string>;
  readonly ended: ReadonlySet<string>;
}

/** `whole`, `said`, or what is wrong with what opening a folder comes to; and how many records are there as they were. */
async function judge(
  folder: string,
  { added, ended }: Answered,
): Promise<{ readonly verdict: string; readonly kept: number }> {
  let kept = 0;
  const verdict = await judged(folder, { added, ended }, (count) => {
    kept = count;
  });
  return { verdict, kept };
}

async function judged(
  folder: string,
  { added, ended }: Answered,
  onKept: (count: number) => void,
): Promise<string> {
  let queue: EmbeddedQueue;
  try {
    queue = await EmbeddedQueue.open(folder, OPTIONS);
  } catch (error) {
    return error instanceof NydusError ? `refused: ${error.message}` : `thrown: ${String(error)}`;
  }
  try {
    const { tasks } = await queue.list({ limit: 1e6 });
    const states = new Map(tasks.map((task) => [task.key, task]));
    const isRight = ({ key, source, target }: Task): boolean =>
      source === `r.example/${key}` && target === `r.example/${key}-n`;
    const there = [...added].flatMap((key) => states.get(key) ?? []).filter(isRight);
    onKept(there.length);
    const isWhole =
      there.length === added.size && [...ended].every((key) => ENDED.has(states.get(key)?.state ?? ''));
    // A name that has changed would give an image the content of another one.
    const wrong = tasks.find(
      (task) => task.kind === 'convert' && !isRight(task) && !FINISHED.has(task.state),
    );
    if (wrong !== undefined) return `changed: ${wrong.key} is of ${wrong.source} to ${wrong.target}`;
    const [added1] = await queue.add([
      {
        kind: 'convert',
        key: 'after',
        source: 's',
        target: 't',
        rule: 'r',
        origin: 'hand',
        priority: 1,
      },
    ]);
    if (added1 === undefined) return 'it takes nothing more';
    if (isWhole) return 'whole';
    return queue.notes.some((note) => note.includes('damaged')) ? 'said' : `lost: ${queue.notes.join('; ')}`;
  } catch (error) {
    return `thrown: ${String(error)}`;
  } finally {
    await queue[Symbol.asyncDispose]().catch(() => undefined);
  }
}

class Tally {
  readonly #title: string;
  #rounds = 0;
  #answered = 0;
  #whole = 0;
  #kept = 0;
  #said = 0;
  readonly #silent: string[] = [];

  constructor(title: string) {
    this.#title = title;
  }

  note(answered: number, { verdict, kept = 0 }: { readonly verdict: string; readonly kept?: number }): void {
    this.#rounds++;
    this.#answered += answered;
    this.#kept += kept;
    if (verdict === 'whole') this.#whole++;
    else if (verdict === 'said') this.#said++;
    else this.#silent.push(verdict);
  }

  get count(): CrashCount {
    return {
      title: this.#title,
      rounds: this.#rounds,
      answered: this.#answered,
      whole: this.#whole,
      kept: this.#kept,
      said: this.#said,
      silent: this.#silent,
    };
  }
}

/** Kills the process that writes, at random moments; several rounds work on one file, one after the other. */
export async function kills(t: Owner, rounds: number, random: () => number): Promise<CrashCount> {
  const tally = new Tally('SIGKILL of the process, at any moment');
  let folder = '';
  let all: { added: Set<string>; ended: Set<string> } = { added: new Set(), ended: new Set() };
  for (let round = 0; round < rounds; round++) {
    if (round % 20 === 0) {
      folder = await tempFolder(t);
      all = { added: new Set(), ended: new Set() };
    }
    const writer = new Writer(folder, `k${round}`);
    await writer.ready;
    await sleep(random() * 60);
    await writer.kill();
    for (const key of writer.added) all.added.add(key);
    for (const key of writer.settled) all.ended.add(key);
    const copy = await copyOf(t, folder);
    tally.note(all.added.size, await judge(copy, all));
    rmSync(copy, { recursive: true });
  }
  return tally.count;
}

async function copyOf(t: Owner, folder: string): Promise<string> {
  const copy = await tempFolder(t);
  await cp(folder, copy, { recursive: true });
  return copy;
}

/** Copies the disk below the file at random moments, and opens what a power cut would have left at each. */
export async function powerCuts(t: Owner, moments: number, random: () => number): Promise<CrashCount> {
  const tally = new Tally('power cut, ext4');
  const folder = await tempFolder(t);
  const image = join(folder, 'disk');
  const opened = join(folder, 'opened');
  const [kind] = DISKS;
  for (let done = 0; done < moments;) {
    await makeDisk(kind, image);
    await using disk = await MountedDisk.mount(kind, image, join(folder, 'mounted'));
    const work = join(disk.folder, 'work');
    await mkdir(work);
    const writer = new Writer(work, `p${done}`);
    await writer.ready;
    // The copies are opened once their owner has ended, since they would be refused before.
    const copies: { readonly path: string; readonly answered: Answered }[] = [];
    for (let i = 0; i < 20 && done < moments; i++, done++) {
      await sleep(random() * 30);
      // What is answered after this may or may not be on the copy.
      const answered = { added: new Set(writer.added), ended: new Set(writer.settled) };
      writer.signal('SIGSTOP');
      try {
        const path = join(folder, `copy-${i}`);
        await disk.copyTo(path);
        copies.push({ path, answered });
      } finally {
        writer.signal('SIGCONT');
      }
    }
    await writer.kill();
    for (const { path, answered } of copies) {
      {
        await using left = await MountedDisk.mount(kind, path, join(folder, 'left'));
        // SQLite may keep its files open until its memory is collected, and a disk in use cannot be taken away.
        await cp(join(left.folder, 'work'), opened, { recursive: true });
      }
      tally.note(answered.added.size, await judge(opened, answered));
      rmSync(opened, { recursive: true });
      rmSync(path);
    }
  }
  return tally.count;
}

/** A file as a killed process leaves it, with its log beside it. */
async function sample(t: Owner): Promise<{ readonly folder: string; readonly answered: Answered }> {
  const folder = await tempFolder(t);
  const writer = new Writer(folder, 's');
  await writer.ready;
  while (writer.added.size < RECORDS) await sleep(5);
  await writer.kill();
  return { folder, answered: { added: writer.added, ended: writer.settled } };
}

/** Damages copies of a file, one place at a time. */
async function damaged(
  t: Owner,
  title: string,
  rounds: number,
  damage: (folder: string) => void,
): Promise<CrashCount> {
  const tally = new Tally(title);
  const { folder, answered } = await sample(t);
  for (let round = 0; round < rounds; round++) {
    const copy = await copyOf(t, folder);
    damage(copy);
    tally.note(answered.added.size, await judge(copy, answered));
    rmSync(copy, { recursive: true });
  }
  return tally.count;
}

const FILES = ['queue.db', 'queue.db-wal'] as const;

export async function flips(t: Owner, rounds: number, random: () => number): Promise<CrashCount> {
  return damaged(t, 'one bit flipped, anywhere in the file or its log', rounds, (folder) => {
    const files = FILES.map((name) => join(folder, name)).filter(existsSync);
    const sizes = files.map((path) => statSync(path).size);
    let at = Math.floor(random() * sizes.reduce((sum, size) => sum + size, 0));
    for (const [index, path] of files.entries()) {
      const size = sizes[index] ?? 0;
      if (at < size) {
        const bytes = readFileSync(path);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
        writeFileSync(path, bytes);
        return;
      }
      at -= size;
    }
  });
}

export async function cuts(t: Owner, rounds: number, random: () => number): Promise<CrashCount> {
  return damaged(t, 'the file or its log cut, anywhere', rounds, (folder) => {
    const files = FILES.map((name) => join(folder, name)).filter(
      (path) => existsSync(path) && statSync(path).size > 0,
    );
    const path = files[Math.floor(random() * files.length)] ?? '';
    truncateSync(path, Math.floor(random() * statSync(path).size));
  });
}

/** Fills a small disk: what was answered stays, what was not is refused with a sentence, and room makes it go on. */
export async function fullDisk(t: Owner): Promise<CrashCount> {
  const tally = new Tally('disk full');
  const folder = await tempFolder(t);
  const image = join(folder, 'disk');
  const opened = join(folder, 'opened');
  const kind = { ...DISKS[0], megabytes: 8 };
  await makeDisk(kind, image);
  const answered = { added: new Set<string>(), ended: new Set<string>() };
  let refusal = '';
  {
    await using disk = await MountedDisk.mount(kind, image, join(folder, 'mounted'));
    const work = join(disk.folder, 'work');
    await mkdir(work);
    for (const name of ['a', 'b']) {
      // The second one finds no room at all.
      const writer = new Writer(work, name);
      refusal += await writer.ended;
      for (const key of writer.added) answered.added.add(key);
      for (const key of writer.settled) answered.ended.add(key);
    }
    await cp(work, opened, { recursive: true });
  }
  const isRefused = /LocalIoError: the queue .*full/.test(refusal);
  tally.note(
    answered.added.size,
    isRefused ? await judge(opened, answered) : { verdict: `refusal: ${refusal}` },
  );
  return tally.count;
}

/** A second process on one folder, while the first one writes. */
export async function twoProcesses(t: Owner): Promise<CrashCount> {
  const tally = new Tally('two processes on one folder');
  const folder = await tempFolder(t);
  const first = new Writer(folder, 'a');
  await first.ready;
  const second = new Writer(folder, 'b');
  const refused = await second.ready.then(
    () => '',
    (error: unknown) => String(error),
  );
  await second.kill();
  await sleep(50);
  await first.kill();
  const verdict = refused.includes('in use by process')
    ? await judge(folder, { added: first.added, ended: first.settled })
    : { verdict: `not refused: ${refused}` };
  tally.note(first.added.size, verdict);
  return tally.count;
}
