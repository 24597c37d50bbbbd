/** The tables of the queue's file, as migrations in order; `user_version` is the number of those that were applied. */
import { LocalIoError } from '../../../errors.js';
import type { Database } from './database.js';

const MIGRATIONS: readonly string[] = [
  `CREATE TABLE tasks (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     kind TEXT NOT NULL,
     key TEXT NOT NULL,
     source TEXT NOT NULL,
     target TEXT NOT NULL,
     rule TEXT NOT NULL,
     origin TEXT NOT NULL,
     priority INTEGER NOT NULL,
     force INTEGER NOT NULL,
     trace TEXT,
     state TEXT NOT NULL,
     reason TEXT NOT NULL DEFAULT '',
     attempts INTEGER NOT NULL DEFAULT 0,
     deaths INTEGER NOT NULL DEFAULT 0,
     created INTEGER NOT NULL,
     started INTEGER,
     finished INTEGER,
     ready INTEGER NOT NULL,
     progress TEXT,
     error TEXT,
     result TEXT
   );
   CREATE UNIQUE INDEX tasks_pending ON tasks (key) WHERE state = 'pending';
   CREATE UNIQUE INDEX tasks_active ON tasks (key) WHERE state = 'active';
   CREATE INDEX tasks_next ON tasks (priority, number) WHERE state = 'pending';
   CREATE INDEX tasks_ready ON tasks (ready) WHERE state = 'pending';
   CREATE INDEX tasks_finished ON tasks (finished) WHERE finished IS NOT NULL;
   CREATE INDEX tasks_state ON tasks (state);
   CREATE INDEX tasks_source ON tasks (source);
   CREATE TABLE lines (
     task TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
     time INTEGER NOT NULL,
     text TEXT NOT NULL
   );
   CREATE INDEX lines_task ON lines (task);
   CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`,
  // SQLite compares tables with their indexes, so that damage to what a task says is found: other columns have indexes that are used.
  'CREATE INDEX tasks_content ON tasks (target, kind, rule, origin, force);',
  // Tasks whose time has not come are passed over without a look at their rows.
  `DROP INDEX tasks_next;
   CREATE INDEX tasks_next ON tasks (priority, number, ready) WHERE state = 'pending';`,
  // Tasks are counted by state and kind, again without a look at their rows.
  `DROP INDEX tasks_state;
   CREATE INDEX tasks_state ON tasks (state, kind);
   DROP INDEX tasks_ready;
   CREATE INDEX tasks_ready ON tasks (ready, kind) WHERE state = 'pending';`,
];

/** Counts the tasks that wait as they come and go, in memory, since each new one asks for their number. */
export const COUNT_WAITING = `
  PRAGMA temp_store = MEMORY;
  CREATE TEMP TABLE waiting (n INTEGER NOT NULL);
  INSERT INTO waiting SELECT count(*) FROM main.tasks WHERE state = 'pending';
  CREATE TEMP TRIGGER waiting_new AFTER INSERT ON main.tasks WHEN new.state = 'pending'
    BEGIN UPDATE waiting SET n = n + 1; END;
  CREATE TEMP TRIGGER waiting_moved AFTER UPDATE OF state ON main.tasks
    WHEN (old.state = 'pending') <> (new.state = 'pending')
    BEGIN UPDATE waiting SET n = n + (new.state = 'pending') - (old.state = 'pending'); END;
  CREATE TEMP TRIGGER waiting_gone AFTER DELETE ON main.tasks WHEN old.state = 'pending'
    BEGIN UPDATE waiting SET n = n - 1; END;`;

/** Throws LocalIoError for a file of a later version. */
export function migrate(database: Database, path: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (version > MIGRATIONS.length)
    throw new LocalIoError(`the queue ${path} was written by a later version of this program`, {
      hint: 'use that version, or another work_dir',
    });
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue;
    database.exec(`BEGIN IMMEDIATE;\n${sql}\nPRAGMA user_version = ${index + 1};\nCOMMIT;`);
  }
}
