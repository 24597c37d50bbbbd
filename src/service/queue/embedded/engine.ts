/** The queue in one SQLite file. Each verb is one transaction, which is on disk when the verb returns. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterDeath, ALONE_FROM } from '../deaths.js';
import {
  type NewTask,
  type Task,
  TASK_KINDS,
  TASK_STATES,
  type TaskKind,
  type TaskProgress,
  type TaskState,
} from '../task.js';
import {
  type Added,
  type Kept,
  type LogLine,
  MAX_DELAY_MS,
  type Outcome,
  type QueueCount,
  QueueFullError,
  type Shrunk,
  type StateCount,
  type TaskFilter,
  type TaskPage,
  type TaskQueue,
} from '../queue.js';
import { type Database, type Engine, type Row, type SqlValue, type Statement, textOf } from './database.js';
import { asLocal, openFile } from './open.js';
import { COLUMNS, INSERT, readyAt, taskOf, valuesOf } from './rows.js';
import { COUNT_WAITING } from './schema.js';
import { Transactions } from './transactions.js';

export interface EmbeddedOptions {
  /** Tasks that may wait. */
  readonly maxWaiting: number;
  readonly engine?: Engine | undefined;
  /** Milliseconds since 1970; the system's clock by default. */
  readonly now?: (() => number) | undefined;
}

/** A task keeps so many lines of its log, and so much of each. */
const MAX_LINES = 1000;
const MAX_LINE = 2000;

/** Finished tasks that one step of `shrink` removes, in a few milliseconds. */
const SHRINK_STEP = 100;

/** A pending task of the same key stands for an attempt that would wait again. */
const SUPERSEDED = 'a later request for the same image runs in its place';

/** Of a task `t`: no other one of its key runs. */
const IS_FREE = "NOT EXISTS (SELECT 1 FROM tasks AS a WHERE a.key = t.key AND a.state = 'active')";

/** Of more tasks that are due the order of their priorities is followed, and fewer are sorted, so that neither many waiting nor many delayed ones cost time. */
const SORTED = 100;

/** The next task by an index: the first of the most urgent ones, or of the least urgent ones. */
const NEXT = {
  urgent: (index: string) => `SELECT number, deaths ${dueBy(index)} ORDER BY priority, number LIMIT 1`,
  patient: (index: string) =>
    `SELECT number, deaths ${dueBy(index)}
       AND priority = (SELECT priority ${dueBy(index)} ORDER BY priority DESC, number DESC LIMIT 1)
     ORDER BY number LIMIT 1`,
} as const;

function dueBy(index: string): string {
  return `FROM tasks AS t INDEXED BY ${index} WHERE state = 'pending' AND ready <= ?1 AND ${IS_FREE}`;
}

export class EmbeddedQueue implements TaskQueue {
  /** What opening the file found, for the log. */
  readonly notes: readonly string[];
  readonly #database: Database;
  readonly #transactions: Transactions<Task>;
  readonly #path: string;
  readonly #maxWaiting: number;
  readonly #now: () => number;
  readonly #statements = new Map<string, Statement>();
  readonly #listeners = new Set<(task: Task) => void>();
  #isOpen = true;

  private constructor(
    folder: string,
    database: Database,
    notes: readonly string[],
    options: EmbeddedOptions,
  ) {
    this.#path = join(folder, 'queue.db');
    this.#database = database;
    this.#transactions = new Transactions(database, (tasks) => {
      for (const task of tasks) for (const listener of this.#listeners) listener(task);
    });
    this.notes = notes;
    this.#maxWaiting = options.maxWaiting;
    this.#now = options.now ?? Date.now;
  }

  /** Opens the queue of a folder. Throws LocalIoError. */
  static async open(folder: string, options: EmbeddedOptions): Promise<EmbeddedQueue> {
    const { database, notes } = await openFile(folder, options.engine);
    database.exec(COUNT_WAITING);
    const queue = new EmbeddedQueue(folder, database, notes, options);
    await queue.#write(() => {
      queue.#resume();
    });
    return queue;
  }

  add(tasks: readonly NewTask[]): Promise<readonly Added[]> {
    return this.#write(() => {
      const now = this.#now();
      let room: number | undefined;
      return tasks.map((task) => {
        const joined = this.#changed(
          `UPDATE tasks SET priority = min(priority, ?), force = max(force, ?)
           WHERE key = ? AND state = 'pending'`,
          [task.priority, task.force === true ? 1 : 0, task.key],
        );
        if (joined !== undefined) return { task: joined, joined: true };
        room ??= this.#maxWaiting - this.#number('SELECT n FROM waiting');
        if (room-- <= 0) throw new QueueFullError(`${this.#maxWaiting} tasks wait already`);
        return { task: this.#inserted(INSERT, valuesOf(task, now)), joined: false };
      });
    });
  }

  record(task: NewTask, reason: string): Promise<Task> {
    return this.#write(() =>
      this.#inserted(INSERT, valuesOf(task, this.#now(), { state: 'skipped', reason })),
    );
  }

  take(first: keyof typeof NEXT = 'urgent'): Promise<Task | undefined> {
    if (this.#isPaused()) return Promise.resolve(undefined);
    return this.#write(() => {
      const now = this.#now();
      this.#bringForward(now);
      const due = Number(this.#row(DUE, [now])?.['n'] ?? 0);
      if (due === 0) return undefined;
      const next = this.#row(NEXT[first](due > SORTED ? 'tasks_next' : 'tasks_ready'), [now]);
      if (next === undefined || this.#mustWait(next)) return undefined;
      return this.#changed(
        `UPDATE tasks SET state = 'active', started = ?, attempts = attempts + 1, progress = NULL
         WHERE number = ?`,
        [now, Number(next['number'])],
      );
    });
  }

  progress(id: string, progress: TaskProgress): Promise<void> {
    return this.#write(() => {
      this.#changed("UPDATE tasks SET progress = ? WHERE id = ? AND state = 'active'", [
        JSON.stringify(progress),
        id,
      ]);
    });
  }

  settle(id: string, outcome: Outcome): Promise<void> {
    return this.#write(() => {
      const active = this.#row(`SELECT ${COLUMNS} FROM tasks WHERE id = ? AND state = 'active'`, [id]);
      if (active !== undefined) this.#settle(active, outcome);
    });
  }

  cancel(id: string): Promise<boolean> {
    return this.#write(
      () =>
        this.#changed(
          `UPDATE tasks SET state = 'cancelled', reason = 'cancelled', finished = ?
           WHERE id = ? AND state = 'pending'`,
          [this.#now(), id],
        ) !== undefined,
    );
  }

  async retry(id: string): Promise<Added | undefined> {
    const task = await this.get(id);
    if (task === undefined || !['failed', 'cancelled', 'skipped'].includes(task.state)) return undefined;
    const { kind, key, source, target, rule, origin, priority, force } = task;
    const [added] = await this.add([{ kind, key, source, target, rule, origin, priority, force }]);
    return added;
  }

  stopping(): Promise<void> {
    return this.#write(() => {
      this.#prepared("INSERT OR REPLACE INTO settings (name, value) VALUES ('stopping', '1')").run();
    });
  }

  setPaused(paused: boolean): Promise<void> {
    return this.#write(() => {
      this.#prepared("INSERT OR REPLACE INTO settings (name, value) VALUES ('paused', ?)").run(
        paused ? '1' : '',
      );
    });
  }

  get(id: string): Promise<Task | undefined> {
    return this.#read(() => {
      const row = this.#row(`SELECT ${COLUMNS} FROM tasks WHERE id = ?`, [id]);
      return row === undefined ? undefined : taskOf(row, this.#now());
    });
  }

  list({ states, source, origin, search, limit, cursor }: TaskFilter): Promise<TaskPage> {
    return this.#read(() => {
      const now = this.#now();
      const conditions: string[] = [];
      const values: SqlValue[] = [];
      const where = (sql: string, ...given: readonly SqlValue[]): void => {
        conditions.push(sql);
        values.push(...given);
      };
      if (states !== undefined) {
        where(`(${states.map((state) => STATE_SQL[state]).join(' OR ') || '0'})`);
        for (const state of states) if (state === 'waiting' || state === 'delayed') values.push(now);
      }
      if (source !== undefined) where('source = ?', source);
      if (origin !== undefined) where('origin = ?', origin);
      if (search !== undefined) where('(instr(source, ?) > 0 OR instr(target, ?) > 0)', search, search);
      if (cursor !== undefined) where('number < ?', Number(cursor));
      const sql = `SELECT ${COLUMNS} FROM tasks ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
        ORDER BY number DESC LIMIT ?`;
      const rows = this.#prepared(sql).all(...values, limit + 1);
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      return {
        tasks: shown.map((row) => taskOf(row, now)),
        next: rows.length > limit && last !== undefined ? textOf(last['number']) : undefined,
      };
    });
  }

  count(): Promise<QueueCount> {
    return this.#read(() => {
      const now = this.#now();
      const kinds = { convert: { ...NO_TASKS }, look: { ...NO_TASKS }, sweep: { ...NO_TASKS } };
      // Both are answered by indexes alone, since probes and metrics ask often. The file holds no other kinds and states.
      for (const row of this.#prepared(COUNT).all()) {
        const state = row['state'] === 'pending' ? 'waiting' : textOf(row['state']);
        kinds[row['kind'] as TaskKind][state as TaskState] = Number(row['n']);
      }
      for (const row of this.#prepared(COUNT_DELAYED).all(now)) {
        const states = kinds[row['kind'] as TaskKind];
        states.delayed = Number(row['n']);
        states.waiting -= states.delayed;
      }
      const states = { ...NO_TASKS };
      for (const state of TASK_STATES) for (const kind of TASK_KINDS) states[state] += kinds[kind][state];
      const oldest = this.#row(
        "SELECT min(created) AS at FROM tasks WHERE state = 'pending' AND ready <= ?",
        [now],
      );
      const at = oldest?.['at'];
      return {
        states,
        kinds,
        oldestMs: typeof at === 'number' ? Math.max(0, now - at) : 0,
        paused: this.#isPaused(),
      };
    });
  }

  untilNext(): Promise<number | undefined> {
    return this.#read(() => {
      if (this.#isPaused()) return undefined;
      const at = this.#row(
        `SELECT ready AS at FROM tasks AS t INDEXED BY tasks_ready WHERE state = 'pending' AND ${IS_FREE}
         ORDER BY ready LIMIT 1`,
        [],
      )?.['at'];
      return typeof at === 'number' ? Math.min(Math.max(0, at - this.#now()), MAX_DELAY_MS) : undefined;
    });
  }

  log(id: string, text: string): Promise<void> {
    return this.#write(() => {
      this.#prepared(
        `INSERT INTO lines (task, time, text) SELECT id, ?, ? FROM tasks WHERE id = ?
           AND (SELECT count(*) FROM lines WHERE task = tasks.id) < ${MAX_LINES}`,
      ).run(this.#now(), text.slice(0, MAX_LINE), id);
    });
  }

  lines(id: string): Promise<readonly LogLine[]> {
    return this.#read(() =>
      this.#prepared('SELECT time, CAST(text AS BLOB) AS text FROM lines WHERE task = ? ORDER BY rowid')
        .all(id)
        .map((row) => ({ time: Number(row['time']), text: textOf(row['text']) })),
    );
  }

  prune({ ageMs, count }: Kept): Promise<number> {
    return this.#write(() => {
      const old = this.#prepared('DELETE FROM tasks WHERE finished < ?').run(this.#now() - ageMs);
      const more = this.#prepared(
        `DELETE FROM tasks WHERE number IN
           (SELECT number FROM tasks WHERE finished IS NOT NULL ORDER BY finished DESC, number DESC LIMIT -1 OFFSET ?)`,
      ).run(count);
      return Number(old.changes) + Number(more.changes);
    });
  }

  async shrink(bytes: number): Promise<Shrunk> {
    const before = await this.#bytes();
    let tasks = 0;
    for (;;) {
      // The log of the file and its free pages come first, since they cost no task.
      const after = await this.#compacted();
      const freedBytes = Math.max(0, before - after);
      if (freedBytes >= bytes) return { freedBytes, tasks };
      const removed = await this.#write(() =>
        Number(
          this.#prepared(
            `DELETE FROM tasks WHERE number IN
               (SELECT number FROM tasks WHERE finished IS NOT NULL ORDER BY finished, number LIMIT ${SHRINK_STEP})`,
          ).run().changes,
        ),
      );
      if (removed === 0) return { freedBytes, tasks };
      tasks += removed;
      // Each step is a turn of its own, between which requests are answered.
      await nextTurn();
    }
  }

  /** Gives free pages back to the file system; returns the bytes of the file then. */
  async #compacted(): Promise<number> {
    await this.#read(() => {
      this.#database.exec('PRAGMA incremental_vacuum');
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    });
    return this.#bytes();
  }

  /** Bytes of the file and of its log. */
  #bytes(): Promise<number> {
    return this.#read(() =>
      ['', '-wal'].reduce(
        (sum, end) => sum + (lstatSync(`${this.#path}${end}`, { throwIfNoEntry: false })?.size ?? 0),
        0,
      ),
    );
  }

  subscribe(listener: (task: Task) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    await this.#write(() => {
      this.#prepared("DELETE FROM settings WHERE name = 'owner'").run();
    });
    this.#isOpen = false;
    this.#statements.clear();
    this.#database.close();
  }

  /**
   * What the last process ran when it died waits again. The attempt counts, since its image may have killed that process, unless the
   * process had been asked to stop.
   */
  #resume(): void {
    const isStopped = this.#row("SELECT 1 AS n FROM settings WHERE name = 'stopping'", []) !== undefined;
    for (const active of this.#prepared(`SELECT ${COLUMNS} FROM tasks WHERE state = 'active'`).all())
      this.#settle(
        active,
        isStopped
          ? { kind: 'retry', delayMs: 0, counts: false }
          : afterDeath(taskOf(active, this.#now()), 'the service died during the attempt', 0),
      );
    this.#prepared("DELETE FROM settings WHERE name = 'stopping'").run();
  }

  /** Where the clock was set back, times that were noted before are further away than any delay. */
  #bringForward(now: number): void {
    const latest = this.#row("SELECT max(ready) AS at FROM tasks WHERE state = 'pending'", [])?.['at'];
    if (typeof latest === 'number' && latest > now + MAX_DELAY_MS)
      this.#prepared("UPDATE tasks SET ready = ? WHERE state = 'pending' AND ready > ?").run(
        now,
        now + MAX_DELAY_MS,
      );
  }

  /** True while a task that must run alone waits for the others, or runs. */
  #mustWait(next: Row): boolean {
    const active = this.#row(
      `SELECT count(*) AS n, max(deaths) AS deaths FROM tasks WHERE state = 'active'`,
      [],
    );
    if (Number(active?.['n'] ?? 0) === 0) return false;
    return Math.max(Number(active?.['deaths'] ?? 0), Number(next['deaths'])) >= ALONE_FROM;
  }

  #settle(active: Row, outcome: Outcome): void {
    const id = textOf(active['id']);
    if (outcome.kind !== 'retry') {
      const { kind: state, reason, error, result } = parts(outcome);
      this.#changed(
        'UPDATE tasks SET state = ?, reason = ?, finished = ?, error = ?, result = ? WHERE id = ?',
        [state, reason, this.#now(), error, result, id],
      );
      return;
    }
    const error = outcome.error === undefined ? null : JSON.stringify(outcome.error);
    if (this.#row("SELECT 1 AS n FROM tasks WHERE key = ? AND state = 'pending'", [textOf(active['key'])])) {
      const state = outcome.error === undefined ? 'cancelled' : 'failed';
      const reason = outcome.error === undefined ? SUPERSEDED : outcome.error.message;
      this.#changed('UPDATE tasks SET state = ?, reason = ?, finished = ?, error = ? WHERE id = ?', [
        state,
        reason,
        this.#now(),
        error,
        id,
      ]);
      // The one that waits has the same image, as far as anybody knows.
      if (outcome.died === true)
        this.#changed("UPDATE tasks SET deaths = max(deaths, ?) WHERE key = ? AND state = 'pending'", [
          Number(active['deaths']) + 1,
          textOf(active['key']),
        ]);
      return;
    }
    this.#changed(
      `UPDATE tasks SET state = 'pending', ready = ?, error = ?, progress = NULL,
         attempts = attempts - ?, deaths = deaths + ? WHERE id = ?`,
      [
        readyAt(this.#now(), outcome.delayMs),
        error,
        outcome.counts ? 0 : 1,
        outcome.died === true ? 1 : 0,
        id,
      ],
    );
  }

  #isPaused(): boolean {
    return this.#row("SELECT value FROM settings WHERE name = 'paused'", [])?.['value'] === '1';
  }

  #prepared(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #row(sql: string, values: readonly SqlValue[]): Row | undefined {
    return this.#prepared(sql).get(...values);
  }

  #number(sql: string): number {
    return Number(this.#row(sql, [])?.['n'] ?? 0);
  }

  #changed(sql: string, values: readonly SqlValue[]): Task | undefined {
    // `all` steps to the end, which a statement that returns rows needs.
    const [row] = this.#prepared(`${sql} RETURNING ${COLUMNS}`).all(...values);
    if (row === undefined) return undefined;
    const task = taskOf(row, this.#now());
    this.#transactions.note(task);
    return task;
  }

  #inserted(sql: string, values: readonly SqlValue[]): Task {
    const task = this.#changed(sql, values);
    if (task === undefined) throw new Error('an inserted row is returned');
    return task;
  }

  /** Runs `work` in a transaction, and tells the listeners once it is on disk. */
  #write<T>(work: () => T): Promise<T> {
    return this.#transactions.run(work).catch((error: unknown) => {
      throw this.#errorOf(error);
    });
  }

  /** Turns a failure of the file into an error of ours, and a throw into a rejection. */
  #read<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      try {
        resolve(work());
      } catch (error) {
        reject(this.#errorOf(error));
      }
    });
  }

  #errorOf(error: unknown): Error {
    const ours = error instanceof QueueFullError ? error : asLocal(this.#path, error);
    return ours instanceof Error ? ours : new Error(String(ours));
  }
}

/** The columns of an outcome that ends a task. */
function parts(outcome: Exclude<Outcome, { readonly kind: 'retry' }>): {
  readonly kind: string;
  readonly reason: string;
  readonly error: string | null;
  readonly result: string | null;
} {
  switch (outcome.kind) {
    case 'completed': {
      const { kind, ...result } = outcome;
      return { kind, reason: '', error: null, result: JSON.stringify(result) };
    }
    case 'skipped': {
      const { kind, reason, ...result } = outcome;
      return { kind, reason, error: null, result: JSON.stringify(result) };
    }
    case 'cancelled':
      return { ...outcome, error: null, result: null };
    case 'failed':
      return {
        kind: outcome.kind,
        reason: outcome.error.message,
        error: JSON.stringify(outcome.error),
        result: null,
      };
  }
}

/** Tasks that are due, counted no further than it matters. */
const DUE = `SELECT count(*) AS n FROM
  (SELECT 1 FROM tasks WHERE state = 'pending' AND ready <= ? LIMIT ${SORTED + 1})`;

const COUNT = 'SELECT state, kind, count(*) AS n FROM tasks GROUP BY state, kind';
const COUNT_DELAYED =
  "SELECT kind, count(*) AS n FROM tasks WHERE state = 'pending' AND ready > ? GROUP BY kind";

const NO_TASKS: StateCount = {
  waiting: 0,
  delayed: 0,
  active: 0,
  completed: 0,
  skipped: 0,
  cancelled: 0,
  failed: 0,
};

const STATE_SQL: Readonly<Record<TaskState, string>> = {
  waiting: "(state = 'pending' AND ready <= ?)",
  delayed: "(state = 'pending' AND ready > ?)",
  active: "state = 'active'",
  completed: "state = 'completed'",
  skipped: "state = 'skipped'",
  cancelled: "state = 'cancelled'",
  failed: "state = 'failed'",
};
