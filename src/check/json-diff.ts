/**
 * Compares JSON documents by what their text says: numbers by their digits, since a double would round them, and objects
 * without regard to the order of keys. Manifests and configs hold fields that no schema of ours knows; those count too.
 */
import { getNodeValue, parseTree, type Node } from 'jsonc-parser';
import { FormatError } from '../errors.js';

export interface JsonDifference {
  /** As in `config.Env[2]`; empty for the whole document. */
  readonly path: string;
  /** Compact JSON; undefined when there is no such field. */
  readonly expected: string | undefined;
  readonly found: string | undefined;
}

/** A node together with the text that its offsets point into. */
export interface JsonValue {
  readonly node: Node;
  readonly text: string;
}

/** Throws FormatError unless the bytes are one strict JSON document. */
export function parseJson(bytes: Uint8Array, what: string): JsonValue {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  let node: Node | undefined;
  try {
    JSON.parse(text); // strict, where parseTree forgives
    node = parseTree(text);
  } catch (cause) {
    // A document of nothing but brackets exhausts the stack; that is its own fault, too.
    throw new FormatError(`${what} is not JSON`, { cause });
  }
  if (node === undefined) throw new FormatError(`${what} is empty`);
  return { node, text };
}

/** The member of an object, or undefined; the last one when a key is repeated, as JSON.parse has it. */
export function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  if (value === undefined) return undefined;
  const node = members(value.node).get(key);
  return node === undefined ? undefined : { node, text: value.text };
}

/** The items of an array; undefined for anything else. */
export function items(value: JsonValue | undefined): readonly JsonValue[] | undefined {
  if (value?.node.type !== 'array') return undefined;
  return (value.node.children ?? []).map((node) => ({ node, text: value.text }));
}

/** The plain value, with the rounding of doubles that JSON.parse has. */
export function plain(value: JsonValue): unknown {
  return getNodeValue(value.node);
}

/** As it stands in the document, without the blanks between tokens. */
function compactText(value: JsonValue): string {
  const { node } = value;
  switch (node.type) {
    case 'object':
    case 'array':
    case 'property': {
      const parts = (node.children ?? []).map((child) => compactText({ node: child, text: value.text }));
      if (node.type === 'property') return parts.join(':');
      return node.type === 'object' ? `{${parts.join(',')}}` : `[${parts.join(',')}]`;
    }
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return value.text.slice(node.offset, node.offset + node.length);
  }
}

/**
 * Every place at which two values differ, outermost first. `ignored` decides by path what is passed over, with all below
 * it. An undefined side is a field that is not there.
 */
export function* diffJson(
  expected: JsonValue | undefined,
  found: JsonValue | undefined,
  ignored: (path: string) => boolean = () => false,
  path = '',
): Generator<JsonDifference> {
  if (ignored(path) || (expected === undefined && found === undefined)) return;
  if (expected === undefined || found === undefined || expected.node.type !== found.node.type) {
    yield difference(path, expected, found);
    return;
  }
  switch (expected.node.type) {
    case 'object': {
      const keys = new Set([...members(expected.node).keys(), ...members(found.node).keys()]);
      for (const key of keys) {
        const below = path === '' ? key : `${path}.${key}`;
        yield* diffJson(member(expected, key), member(found, key), ignored, below);
      }
      return;
    }
    case 'array': {
      const left = items(expected) ?? [];
      const right = items(found) ?? [];
      for (let i = 0; i < Math.max(left.length, right.length); i++) {
        yield* diffJson(left[i], right[i], ignored, `${path}[${i}]`);
      }
      return;
    }
    case 'string':
      // Escapes may be written in more than one way.
      if (plain(expected) !== plain(found)) yield difference(path, expected, found);
      return;
    case 'number':
    case 'boolean':
    case 'null':
    case 'property':
      if (compactText(expected) !== compactText(found)) yield difference(path, expected, found);
      return;
  }
}

const SHOWN = 120;

function difference(
  path: string,
  expected: JsonValue | undefined,
  found: JsonValue | undefined,
): JsonDifference {
  return { path, expected: shown(expected), found: shown(found) };
}

function shown(value: JsonValue | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = compactText(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}

function members(node: Node): ReadonlyMap<string, Node> {
  const found = new Map<string, Node>();
  if (node.type !== 'object') return found;
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key !== undefined && value !== undefined) found.set(String(key.value), value);
  }
  return found;
}
