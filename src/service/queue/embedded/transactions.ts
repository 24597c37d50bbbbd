/**
 * Runs what is asked for in one turn of the event loop in one transaction, since the disk takes as long for one as for many. Each piece
 * of work is whole or not at all, and its promise settles when it is on disk.
 */
import type { Database } from './database.js';

interface Piece {
  /** Runs it; the returned function settles its promise with the result. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}

/** `E` is what listeners are to hear of, once it is on disk. */
export class Transactions<E> {
  readonly #database: Database;
  readonly #publish: (effects: readonly E[]) => void;
  #waiting: Piece[] = [];
  #effects: E[] = [];

  constructor(database: Database, publish: (effects: readonly E[]) => void) {
    this.#database = database;
    this.#publish = publish;
  }

  /** Notes an effect of the work that runs now. */
  note(effect: E): void {
    this.#effects.push(effect);
  }

  run<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): (() => void) => {
        const result = work();
        return () => {
          resolve(result);
        };
      };
      this.#waiting.push({ run, reject });
      if (this.#waiting.length === 1)
        setImmediate(() => {
          this.#commit();
        });
    });
  }

  #commit(): void {
    const pieces = this.#waiting;
    this.#waiting = [];
    this.#effects = [];
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const settle =
        pieces.length === 1 ? pieces.map(({ run }) => run()) : pieces.map((piece) => this.#step(piece));
      this.#database.exec('COMMIT');
      this.#publish(this.#effects);
      for (const one of settle) one();
    } catch (error) {
      this.#rollBack();
      // Of those that have settled this changes nothing.
      for (const { reject } of pieces) reject(error);
    }
  }

  /** Work that fails leaves the others of its transaction alone. */
  #step({ run, reject }: Piece): () => void {
    const before = this.#effects.length;
    this.#database.exec('SAVEPOINT piece');
    try {
      const settle = run();
      this.#database.exec('RELEASE piece');
      return settle;
    } catch (error) {
      this.#effects.length = before;
      // This throws, and all fail, where SQLite itself has ended the transaction, such as on a full disk.
      this.#database.exec('ROLLBACK TO piece');
      this.#database.exec('RELEASE piece');
      return () => {
        reject(error);
      };
    }
  }

  /** SQLite itself has ended the transaction after some failures. */
  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // there is none any more
    }
  }
}
