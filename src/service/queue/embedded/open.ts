/**
 * Opens the queue's file for one process: a second one on the same folder is refused, what a dead one ran waits again, and a file that is
 * damaged is moved aside and never deleted; what can be read of it goes on.
 */
import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LocalIoError } from '../../../errors.js';
import { isAbandoned, ownerMark } from '../../../io/owner.js';
import { errorCode, systemReason } from '../../../io/system-error.js';
import { type Database, type Engine, openDatabase, textOf } from './database.js';
import { faultOfLog } from './log-file.js';
import { salvage } from './salvage.js';
import { migrate } from './schema.js';

export interface OpenedFile {
  readonly database: Database;
  /** What was found, for the log. */
  readonly notes: readonly string[];
}

const OWNER = "SELECT value FROM settings WHERE name = 'owner'";

const INCREMENTAL = 2;

/** Throws LocalIoError. */
export async function openFile(folder: string, engine?: Engine): Promise<OpenedFile> {
  const path = join(folder, 'queue.db');
  try {
    return await tryOpen(path, engine);
  } catch (error) {
    if (!isDamage(error)) throw asLocal(path, error);
    const aside = moveAside(path);
    const { database } = await tryOpen(path, engine);
    const reason = error instanceof Error ? error.message : String(error);
    const found = salvageCopy(aside, database, engine);
    return {
      database,
      notes: [`the queue ${path} is damaged (${reason}): it was moved to ${aside}, and ${found}`],
    };
  }
}

/** The damaged file stays as it was found: a copy is read, since SQLite changes what it opens. Returns what came of it. */
function salvageCopy(aside: string, database: Database, engine: Engine | undefined): string {
  const copy = `${aside}.reading`;
  const remove = (): void => {
    for (const end of ['', '-wal', '-shm']) rmSync(`${copy}${end}`, { force: true });
  };
  let damaged: Database | undefined;
  try {
    for (const end of ['', '-wal']) copyIfThere(`${aside}${end}`, `${copy}${end}`);
    damaged = openDatabase(copy, engine);
    const { tasks, doubtful, looks } = salvage(damaged, database);
    const doubts =
      doubtful === 0
        ? ''
        : `; of ${doubtful} more it is not certain what they say, so ${looks} repositories are looked at`;
    return `a new one begins with the ${tasks} tasks that could be read${doubts}`;
  } catch {
    // Not even its first page is readable, or the disk has no room for a copy.
    return 'an empty one begins';
  } finally {
    damaged?.close();
    remove();
  }
}

async function tryOpen(path: string, engine: Engine | undefined): Promise<OpenedFile> {
  // SQLite makes the index of the log anew when it opens the file.
  const fault = faultOfLog(path);
  const database = openDatabase(path, engine);
  try {
    database.prepare('PRAGMA busy_timeout = 5000').get();
    // A process that writes would keep this one from changing anything, without saying who it is.
    const owner = ownerOf(database);
    if (owner !== '' && !(await isAbandoned(owner, path)))
      throw new LocalIoError(`${path} is in use by process ${owner.split('-')[0] ?? ''}`, {
        hint: 'one service works in one work_dir',
      });
    for (const pragma of [
      // It holds for a new file alone, and must come before anything is written.
      'auto_vacuum = INCREMENTAL',
      'journal_mode = WAL',
      'synchronous = FULL',
      'foreign_keys = ON',
    ])
      database.prepare(`PRAGMA ${pragma}`).get();
    migrate(database, path);
    const mark = await ownerMark();
    const notes: string[] = [];
    if (fault !== undefined) {
      const aside = `${path}-wal.damaged-${timeInName()}`;
      copyIfThere(`${path}-wal`, aside);
      notes.push(
        `the queue ${path} is damaged: ${fault}; what was accepted there is lost, and what is left of the log was copied to ${aside}`,
      );
    }
    demandWhole(database);
    if (owner !== '' && fault === undefined)
      notes.push('the last run did not end cleanly; its queue was checked and is whole');
    // Files of the first versions cannot become smaller otherwise.
    if (database.prepare('PRAGMA auto_vacuum').get()?.['auto_vacuum'] !== INCREMENTAL)
      database.exec('VACUUM');
    database.exec('BEGIN IMMEDIATE');
    const now = ownerOf(database);
    if (now !== owner) throw new LocalIoError(`${path} was opened by another process just now`);
    database.prepare("INSERT OR REPLACE INTO settings (name, value) VALUES ('owner', ?)").run(mark);
    database.exec('COMMIT');
    return { database, notes };
  } catch (error) {
    database.close();
    throw error;
  }
}

function demandWhole(database: Database): void {
  const rows = database.prepare('PRAGMA integrity_check').all();
  const found = rows.map((row) => textOf(row['integrity_check'])).filter((text) => text !== 'ok');
  if (found.length > 0) throw new DamageError(found[0] ?? '');
}

class DamageError extends Error {}

/** SQLite's own words for a file that is none of its own, or not whole. */
const DAMAGE =
  /malformed|not a database|corrupt|file is encrypted|disk image|SQLITE_NOTADB|unsupported file format/i;

function isDamage(error: unknown): boolean {
  if (error instanceof LocalIoError) return false;
  return (
    error instanceof DamageError ||
    (error instanceof Error && DAMAGE.test(`${error.message} ${codeOf(error)}`))
  );
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Empty for a new file, and for one that was closed. */
function ownerOf(database: Database): string {
  const hasSettings = "SELECT 1 AS n FROM sqlite_master WHERE name = 'settings'";
  if (database.prepare(hasSettings).get() === undefined) return '';
  return textOf(database.prepare(OWNER).get()?.['value']);
}

function timeInName(): string {
  return new Date().toISOString().replaceAll(/[:.]/g, '-');
}

function copyIfThere(from: string, to: string): void {
  try {
    copyFileSync(from, to);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw asLocal(from, error);
  }
}

function moveAside(path: string): string {
  const aside = `${path}.damaged-${timeInName()}`;
  for (const end of ['', '-wal', '-shm']) {
    try {
      renameSync(`${path}${end}`, `${aside}${end}`);
    } catch (error) {
      if (end === '') throw asLocal(path, error);
    }
  }
  return aside;
}

/** A failure of the file as an error of ours. */
export function asLocal(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof LocalIoError) return error;
  return new LocalIoError(`the queue ${path}: ${systemReason(error)}`, { cause: error });
}
