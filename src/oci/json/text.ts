/**
 * Edits JSON documents as text, so that unknown fields, numbers that no double holds, the order of keys and white space
 * survive byte for byte.
 *
 * The text is latin1, one character a byte: offsets of the parser are byte offsets, and decoding loses no byte. Strings
 * must therefore be read with `stringOf`, never from a node's own `value`.
 */
import type { Node } from 'jsonc-parser';
import { FormatError } from '../../errors.js';
import { atOnce, type Steps } from '../../turns.js';
import { boundShape } from './shape.js';
import { treeSteps } from './tree.js';

export interface JsonText {
  readonly text: string;
  readonly root: Node;
  /** Names the document in messages. */
  readonly what: string;
}

/** Replaces `length` characters at `offset` by `text`. */
export interface Splice {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** Throws FormatError unless the bytes are one JSON object in UTF-8. */
export function parseJsonText(bytes: Uint8Array, what: string): JsonText {
  return atOnce(jsonTextSteps(bytes, what));
}

/** `parseJsonText` in steps. */
export function* jsonTextSteps(bytes: Uint8Array, what: string): Steps<JsonText> {
  const doc = yield* anyJsonTextSteps(bytes, what);
  if (doc.root.type !== 'object') throw new FormatError(`${what} is not a JSON object`);
  return doc;
}

/** Throws FormatError unless the bytes are one JSON value in UTF-8. */
export function* anyJsonTextSteps(bytes: Uint8Array, what: string): Steps<JsonText> {
  boundShape(bytes, what);
  yield;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new FormatError(`${what} is not JSON`, { cause });
  }
  yield;
  return { text, root: yield* treeSteps(text), what };
}

/** Returns the value of `key`. The last of repeated keys counts, as in all common parsers. */
export function member(node: Node | undefined, key: string): Node | undefined {
  return propertyOf(node, key)?.children?.[1];
}

export function propertyOf(node: Node | undefined, key: string): Node | undefined {
  if (node?.type !== 'object') return undefined;
  return node.children?.findLast((property) => property.children?.[0]?.value === key);
}

/** Returns the elements of an array or the members of an object; none for other nodes. */
export function childrenOf(node: Node | undefined): readonly Node[] {
  return node?.children ?? [];
}

export function rawOf(doc: JsonText, node: Node): string {
  return doc.text.slice(node.offset, node.offset + node.length);
}

/** A string of printable ASCII without escapes. */
const PLAIN_STRING = /^"[\x20\x21\x23-\x5b\x5d-\x7e]*"$/;

export function stringOf(doc: JsonText, node: Node | undefined): string | undefined {
  if (node?.type !== 'string') return undefined;
  const raw = rawOf(doc, node);
  // By far most strings mean themselves, and a document may have a hundred thousand of them.
  if (PLAIN_STRING.test(raw)) return raw.slice(1, -1);
  const value: unknown = JSON.parse(Buffer.from(raw, 'latin1').toString('utf8'));
  return typeof value === 'string' ? value : undefined;
}

/** Returns one of our values as text for a splice. */
export function jsonSource(value: unknown): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('latin1');
}

export function applySplices(doc: JsonText, splices: readonly Splice[]): Uint8Array {
  // One pass over the text: an edit of every member of a large list must not copy the document each time.
  const pieces: string[] = [];
  let done = 0;
  // Of several insertions at one place the last stands first.
  const inOrder = splices.toReversed().toSorted((a, b) => a.offset - b.offset || a.length - b.length);
  for (const { offset, length, text } of inOrder) {
    pieces.push(doc.text.slice(done, offset), text);
    done = offset + length;
  }
  pieces.push(doc.text.slice(done));
  return Buffer.from(pieces.join(''), 'latin1');
}

export function replaceNode(node: Node, text: string): Splice {
  return { offset: node.offset, length: node.length, text };
}

/** Characters of indentation at most that an edit repeats. */
const MAX_LEAD = 256;

/** Returns the white space before the first child, which shows the document's style of separating children. */
function leadOf(doc: JsonText, container: Node): string {
  const first = container.children?.[0];
  if (first === undefined) return '';
  const length = first.offset - container.offset - 1;
  // A style is short; what a document has of white space must not come again before every child.
  return length > MAX_LEAD ? '' : doc.text.slice(container.offset + 1, first.offset);
}

/** Returns an array of other elements in the style (line breaks, indentation) of the array that it replaces. */
export function arrayLike(doc: JsonText, array: Node, elements: readonly string[]): string {
  const last = array.children?.at(-1);
  if (last === undefined || elements.length === 0) return `[${elements.join(',')}]`;
  const lead = leadOf(doc, array);
  const tail = doc.text.slice(last.offset + last.length, array.offset + array.length - 1);
  return `[${lead}${elements.join(`,${lead}`)}${tail}]`;
}

/**
 * Inserts a child as the first of an array (`source` is an element) or object (`source` is a member). `removeFirst`
 * undoes it exactly, whatever the style of the document.
 */
export function prependChild(doc: JsonText, container: Node, source: string): Splice {
  const first = container.children?.[0];
  if (first === undefined) return { offset: container.offset + 1, length: 0, text: source };
  return { offset: first.offset, length: 0, text: `${source},${leadOf(doc, container)}` };
}

export function removeFirst(container: Node): Splice {
  const [first, second] = container.children ?? [];
  if (first === undefined) return { offset: container.offset, length: 0, text: '' };
  const end = second === undefined ? first.offset + first.length : second.offset;
  return { offset: first.offset, length: end - first.offset, text: '' };
}

/** Inserts a child as the last one. */
export function appendChild(doc: JsonText, container: Node, source: string): Splice {
  const last = container.children?.at(-1);
  if (last === undefined) return { offset: container.offset + 1, length: 0, text: source };
  return { offset: last.offset + last.length, length: 0, text: `,${leadOf(doc, container)}${source}` };
}

/** Removes the last member with the comma before it; undoes `appendChild`. */
export function removeLast(container: Node): Splice {
  const children = container.children ?? [];
  const last = children.at(-1);
  const before = children.at(-2);
  if (last === undefined) return { offset: container.offset, length: 0, text: '' };
  const start = before === undefined ? container.offset + 1 : before.offset + before.length;
  return { offset: start, length: last.offset + last.length - start, text: '' };
}

/** Removes children. Each run of neighbours goes with the comma before it, or with the comma behind it at the start. */
export function removeChildren(container: Node, nodes: readonly Node[]): readonly Splice[] {
  const removed = new Set(nodes);
  const children = container.children ?? [];
  const splices: Splice[] = [];
  for (let i = 0; i < children.length; i++) {
    let end = i;
    while (end < children.length && removed.has(children[end] ?? container)) end += 1;
    const [before, first, last, next] = [children[i - 1], children[i], children[end - 1], children[end]];
    if (end === i || first === undefined || last === undefined) continue;
    const start = before === undefined ? first.offset : before.offset + before.length;
    const stop = before === undefined && next !== undefined ? next.offset : last.offset + last.length;
    splices.push({ offset: start, length: stop - start, text: '' });
    i = end;
  }
  return splices;
}

/** Returns `"key":` and the value, with a blank after the colon if the object's members have one. */
export function memberSource(doc: JsonText, object: Node, key: string, value: string): string {
  const sample = object.children?.[0];
  const spaced =
    sample?.colonOffset !== undefined && doc.text.startsWith(' ', sample.colonOffset + 1) ? ' ' : '';
  return `${jsonSource(key)}:${spaced}${value}`;
}
