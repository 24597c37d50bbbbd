/**
 * Finds where the values of a TOML file stand, which its parser does not tell. The file has been parsed before, so every statement is
 * right: one ends with the first line at which it parses alone.
 */
import { parse } from 'smol-toml';

export interface Place {
  readonly line: number;
  readonly column: number;
}

interface Found {
  readonly key: Place;
  readonly value: Place;
}

/** The places of keys and values, by their paths; tables have the place of their first header. */
export class TomlPlaces {
  readonly #found = new Map<string, Found>();

  constructor(text: string) {
    let table: readonly string[] = [];
    for (const { statement, line } of statements(text)) {
      const parsed = parse(statement);
      if (statement.trimStart().startsWith('[')) {
        table = headerPath(parsed);
        const at = { line, column: statement.search(/\S/) + 1 };
        for (let depth = 1; depth <= table.length; depth++)
          this.#note(table.slice(0, depth), { key: at, value: at });
      } else this.#noteAll(parsed, table, statement, line);
    }
  }

  /** The place of a key; that of the table around it when it is not known by itself. */
  keyAt(path: readonly string[]): Place {
    return this.#at(path).key;
  }

  valueAt(path: readonly string[]): Place {
    return this.#at(path).value;
  }

  #at(path: readonly string[]): Found {
    for (let length = path.length; length > 0; length--) {
      const found = this.#found.get(keyOf(path.slice(0, length)));
      if (found !== undefined) return found;
    }
    const start = { line: 1, column: 1 };
    return { key: start, value: start };
  }

  #note(path: readonly string[], found: Found): void {
    const key = keyOf(path);
    if (!this.#found.has(key)) this.#found.set(key, found);
  }

  #noteAll(value: unknown, path: readonly string[], statement: string, line: number): void {
    if (!isTable(value)) return;
    for (const [name, inner] of Object.entries(value)) {
      const below = [...path, name];
      this.#note(below, foundIn(statement, name, line));
      this.#noteAll(inner, below, statement, line);
    }
  }
}

export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function keyOf(path: readonly string[]): string {
  return path.join('\0');
}

/** The path of `[a.b]`: tables with one member each, the innermost empty. */
function headerPath(parsed: unknown): readonly string[] {
  const [entry] = isTable(parsed) ? Object.entries(parsed) : [];
  if (entry === undefined) return [];
  const [name, inner] = entry;
  return [name, ...headerPath(Array.isArray(inner) ? inner[0] : inner)];
}

/** One key with its value, or one header; comments and empty lines come alone. */
function* statements(text: string): Generator<{ readonly statement: string; readonly line: number }> {
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const first = i;
    let statement = lines[i] ?? '';
    while (!parses(statement) && i + 1 < lines.length) statement += `\n${lines[++i] ?? ''}`;
    yield { statement, line: first + 1 };
  }
}

function parses(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The first text in the statement that is the key, bare or in quotes, with a dot or an equals sign behind it. */
function foundIn(statement: string, name: string, line: number): Found {
  const bare = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const match = new RegExp(`(?<![A-Za-z0-9_-])(["']?)${bare}\\1[ \\t]*[.=]`).exec(statement);
  const at = match?.index ?? Math.max(0, statement.search(/\S/));
  const sign = statement.indexOf('=', at);
  const value = sign < 0 ? at : sign + 1 + Math.max(0, statement.slice(sign + 1).search(/\S/));
  return { key: placeAt(statement, at, line), value: placeAt(statement, value, line) };
}

function placeAt(statement: string, offset: number, line: number): Place {
  const before = statement.slice(0, offset).split('\n');
  return { line: line + before.length - 1, column: (before.at(-1)?.length ?? 0) + 1 };
}
