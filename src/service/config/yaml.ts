/**
 * YAML with every scalar as its source text, which is what Go's yaml.v3 decodes into a string: `0x100000` stays that text, and `yes`
 * is no boolean before a key asks for one.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
} from 'yaml';
import { UsageError } from '../../errors.js';

export type YamlValue =
  | { readonly kind: 'nothing'; readonly line: number }
  | { readonly kind: 'text'; readonly text: string; readonly line: number }
  | { readonly kind: 'list'; readonly items: readonly YamlValue[]; readonly line: number }
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, YamlValue>; readonly line: number };

/** Aliases let a short text stand for a tree of any size. */
const MAX_NODES = 100_000;
/** Words of YAML that mean no value where they are not quoted. */
const NOTHING: ReadonlySet<string> = new Set(['', '~', 'null', 'Null', 'NULL']);

/** Reads the first document, as Go's `Unmarshal` does. Throws UsageError with the line of the fault, a key given twice included. */
export function readYaml(text: string, name: string): YamlValue {
  const lines = new LineCounter();
  const [document] = parseAllDocuments(text, {
    schema: 'failsafe',
    merge: true,
    uniqueKeys: true,
    lineCounter: lines,
    prettyErrors: false,
  });
  if (document === undefined || !('contents' in document)) return { kind: 'nothing', line: 1 };
  const [fault] = document.errors;
  if (fault !== undefined) {
    const { line } = lines.linePos(fault.pos[0]);
    throw new UsageError(`${name}:${line}: ${fault.message}`);
  }
  return new Reader(document, lines, name).value(document.contents);
}

class Reader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #name: string;
  #nodes = 0;

  constructor(document: Document, lines: LineCounter, name: string) {
    this.#document = document;
    this.#lines = lines;
    this.#name = name;
  }

  value(node: Node | null | undefined): YamlValue {
    if (++this.#nodes > MAX_NODES) throw new UsageError(`${this.#name}: more than ${MAX_NODES} values`);
    const line = this.#lineOf(node);
    if (node === null || node === undefined) return { kind: 'nothing', line };
    if (isAlias(node)) return this.value(node.resolve(this.#document));
    if (isSeq<Node>(node)) return { kind: 'list', items: node.items.map((item) => this.value(item)), line };
    if (isMap<Node, Node | null>(node)) {
      const entries = new Map<string, YamlValue>();
      for (const { key, value } of node.items) {
        const name = this.value(key);
        if (name.kind !== 'text') throw new UsageError(`${this.#name}:${name.line}: a key is a word`);
        const read = this.value(value);
        if (name.text === '<<') this.#merge(entries, read);
        else entries.set(name.text, read);
      }
      return { kind: 'map', entries, line };
    }
    if (!isScalar(node)) return { kind: 'nothing', line };
    const text = typeof node.value === 'string' ? node.value : (node.source ?? '');
    return node.type === 'PLAIN' && NOTHING.has(text)
      ? { kind: 'nothing', line }
      : { kind: 'text', text, line };
  }

  #lineOf(node: Node | null | undefined): number {
    const [start] = node?.range ?? [];
    return start === undefined ? 1 : this.#lines.linePos(start).line;
  }

  /** A merged map gives what the map itself does not say. */
  #merge(entries: Map<string, YamlValue>, merged: YamlValue): void {
    const maps = merged.kind === 'list' ? merged.items : [merged];
    for (const map of maps) {
      if (map.kind !== 'map') throw new UsageError(`${this.#name}:${merged.line}: << merges maps alone`);
      for (const [key, value] of map.entries) if (!entries.has(key)) entries.set(key, value);
    }
  }
}
