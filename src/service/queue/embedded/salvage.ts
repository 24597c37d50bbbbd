/**
 * Takes what can be read out of a damaged file. A row counts if the table and its indexes say the same of it: SQLite has no sums over
 * its pages, and a task whose name has changed by a bit would give an image the content of another one. Where they disagree about a task
 * that has not ended, the repositories that either of them names are looked at, which is right whatever has changed.
 */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { type Database, isBytes, type Row, type SqlValue, textOf } from './database.js';
import { COLUMNS, isTextColumn } from './rows.js';

export interface Salvaged {
  /** Tasks that go on, or are kept, as they were. */
  readonly tasks: number;
  /** Tasks of which the file says two things. */
  readonly doubtful: number;
  /** Repositories that are looked at in their place. */
  readonly looks: number;
}

/** Indexes, with the columns of a task that each holds a second copy of, and the only state of its tasks if there is one. */
const COPIES = [
  ['tasks_source', ['source'], ''],
  ['tasks_content', ['target', 'kind', 'rule', 'origin', 'force'], ''],
  ['tasks_state', ['state'], ''],
  ['tasks_pending', ['key'], 'pending'],
  ['tasks_active', ['key'], 'active'],
] as const;

const UNFINISHED: ReadonlySet<string> = new Set(['pending', 'active']);
const STATES: ReadonlySet<string> = new Set([...UNFINISHED, 'completed', 'skipped', 'cancelled', 'failed']);
const DOCUMENTS = ['progress', 'error', 'result'] as const;
const LINE = 'time, CAST(task AS BLOB) AS task, CAST(text AS BLOB) AS text';
const PIECE = 500;
/** Numbers that are tried one by one between two rows that can be read. */
const MAX_GAP = 100_000;

/** Copies from a damaged file to a new, empty one: all of what can be read, or nothing. */
export function salvage(from: Database, to: Database): Salvaged {
  to.exec('BEGIN IMMEDIATE');
  try {
    const salvaged = copyReadable(from, to);
    to.exec('COMMIT');
    return salvaged;
  } catch (error) {
    to.exec('ROLLBACK');
    throw error;
  }
}

function copyReadable(from: Database, to: Database): Salvaged {
  const copies = COPIES.map(([index, columns, state]) => copyOf(from, index, columns, state));
  const columns = to
    .prepare('PRAGMA table_info(tasks)')
    .all()
    .map((row) => textOf(row['name']));
  const insert = to.prepare(
    `INSERT OR IGNORE INTO tasks (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  );
  const insertLine = to.prepare(
    'INSERT INTO lines (task, time, text) SELECT id, ?, ? FROM tasks WHERE id = ?',
  );
  const repositories = new Set<string>();
  let [tasks, doubtful] = [0, 0];
  const doubt = (sources: Iterable<unknown>): void => {
    doubtful++;
    for (const source of sources) if (typeof source === 'string') repositories.add(repositoryOf(source));
  };
  const seen = new Set<number>();
  for (const row of rowsOf(from, 'tasks', 'number', COLUMNS)) {
    const number = Number(row['number']);
    seen.add(number);
    const others = copies.flatMap((copy) => copy.differing(number, row));
    const states = [row['state'], ...others.map((other) => other['state'])];
    if (others.length > 0 || !isTask(row)) {
      if (states.some((state) => typeof state === 'string' && !isEnd(state)))
        doubt([row['source'], ...others.map((other) => other['source'])]);
    } else if (insert.run(...columns.map((name) => valueOf(row, name))).changes) tasks++;
  }
  // Rows that the table has lost, of which an index still knows the image.
  const [sources, , states] = copies;
  for (const [number, { source }] of sources?.rows ?? [])
    if (!seen.has(number) && !isEnd(textOf(states?.rows.get(number)?.['state']))) doubt([source]);
  for (const row of rowsOf(from, 'lines', 'rowid', LINE))
    if (typeof row['text'] === 'string' && typeof row['time'] === 'number')
      insertLine.run(row['time'], row['text'], textOf(row['task']));
  const paused = attempt(() => from.prepare("SELECT value FROM settings WHERE name = 'paused'").get());
  if (paused?.['value'] === '1')
    to.prepare("INSERT OR REPLACE INTO settings (name, value) VALUES ('paused', '1')").run();
  const look = to.prepare(
    `INSERT OR IGNORE INTO tasks (id, kind, key, source, target, rule, origin, priority, force, state, created, ready)
     VALUES (?, 'look', ?, ?, '', '', 'look', 5, 0, 'pending', ?, 0)`,
  );
  for (const repository of repositories) look.run(randomUUID(), `look ${repository}`, repository, Date.now());
  return { tasks, doubtful, looks: repositories.size };
}

/** Another state than those that end a task is one that was changed by the damage. */
function isEnd(state: string): boolean {
  return STATES.has(state) && !UNFINISHED.has(state);
}

interface Copy {
  readonly rows: ReadonlyMap<number, Row>;
  /** What the index says of a row, if that is something else. */
  differing(number: number, row: Row): readonly Row[];
}

function copyOf(from: Database, index: string, columns: readonly string[], state: string): Copy {
  const rows = new Map<number, Row>();
  const isWhole =
    attempt(() => {
      const names = columns.join(', ');
      const shown = columns.map((name) => (isTextColumn(name) ? `CAST(${name} AS BLOB) AS ${name}` : name));
      const where = state === '' ? '' : `WHERE state = '${state}'`;
      const sql = `SELECT number, ${shown.join(', ')} FROM tasks INDEXED BY ${index} ${where} ORDER BY ${names}`;
      for (const row of from.prepare(sql).all()) rows.set(Number(row['number']), decoded(row));
      return true;
    }) ?? false;
  return {
    rows,
    differing: (number, row) => {
      const own = rows.get(number);
      const isMissing = own === undefined && isWhole && (state === '' || row['state'] === state);
      if (isMissing) return [{}];
      return own === undefined || columns.every((name) => isSame(own[name], row[name])) ? [] : [own];
    },
  };
}

/** Bytes that are no text are equal to nothing. */
function isSame(one: Row[string] | undefined, other: Row[string] | undefined): boolean {
  return !isBytes(one) && one === other;
}

/** Every row that can be read, in order; what lies on a damaged page is passed over. */
function* rowsOf(from: Database, table: string, key: string, columns: string): Generator<Row> {
  const sql = (condition: string): string =>
    `SELECT ${key} AS place, ${columns} FROM ${table} NOT INDEXED WHERE ${key} ${condition}`;
  const some = (after: number, limit: number): readonly Row[] | undefined =>
    attempt(() =>
      from
        .prepare(sql(`> ? ORDER BY ${key} LIMIT ?`))
        .all(after, limit)
        .map(decoded),
    );
  let after = Number.MIN_SAFE_INTEGER;
  for (let limit = PIECE; ;) {
    const rows = some(after, limit);
    if (rows === undefined && limit > 1) limit = Math.floor(limit / 2);
    else if (rows === undefined) {
      const start = Math.max(after, 0);
      const next = nextReadable(start, some);
      for (let place = start + 1; place < Math.min(next, start + MAX_GAP); place++) {
        const row = attempt(() => from.prepare(sql('= ?')).get(place));
        if (row !== undefined) yield decoded(row);
      }
      if (next === Number.POSITIVE_INFINITY) return;
      after = next - 1;
      limit = PIECE;
    } else {
      for (const row of rows) {
        // The pages of a damaged tree may lead in circles.
        if (Number(row['place']) <= after) return;
        after = Number(row['place']);
        yield row;
      }
      if (rows.length < limit) return;
      limit = Math.min(PIECE, limit * 2);
    }
  }
}

/** The first place that a search with growing steps finds; infinite for none. */
function nextReadable(
  after: number,
  some: (after: number, limit: number) => readonly Row[] | undefined,
): number {
  for (let step = 1; step <= MAX_GAP; step *= 2) {
    const [row] = some(after + step, 1) ?? [];
    if (row !== undefined && Number(row['place']) > after) return Number(row['place']);
  }
  return Number.POSITIVE_INFINITY;
}

/** Texts in place of their bytes; bytes that are none stay, and make their row doubtful. */
function decoded(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      isBytes(value) && isUtf8(value) ? textOf(value) : value,
    ]),
  );
}

/** The types of the columns, which SQLite does not enforce. */
function isTask(row: Row): boolean {
  const texts = ['id', 'kind', 'key', 'source', 'target', 'rule', 'origin', 'state', 'reason'];
  const numbers = ['priority', 'force', 'attempts', 'deaths', 'created', 'ready'];
  return (
    texts.every((name) => typeof row[name] === 'string') &&
    numbers.every((name) => Number.isSafeInteger(row[name])) &&
    STATES.has(textOf(row['state']))
  );
}

/** A document that cannot be parsed any more is left out. */
function valueOf(row: Row, name: string): SqlValue {
  const value = row[name] ?? null;
  if (isBytes(value)) return null;
  const isDocument = (DOCUMENTS as readonly string[]).includes(name);
  if (!isDocument || value === null) return value;
  return (
    attempt(() => {
      JSON.parse(String(value));
      return value;
    }) ?? null
  );
}

/** The name before the tag. */
function repositoryOf(source: string): string {
  return source.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
}

/** Undefined where the file cannot be read. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
