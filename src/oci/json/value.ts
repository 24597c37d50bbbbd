/**
 * JSON values that print again without loss: objects keep the order of their keys, and numbers keep their digits.
 * `convert` composes manifests and indexes from them, and `check` compares them.
 */
import type { Node } from 'jsonc-parser';
import { atOnce, isPause, type Steps } from '../../turns.js';
import { anyJsonTextSteps, childrenOf, jsonTextSteps, rawOf, stringOf, type JsonText } from './text.js';

/** A number with the digits that the document has. */
export interface JsonNumber {
  readonly digits: string;
}

export type JsonObject = ReadonlyMap<string, Json>;
export type Json = null | boolean | number | string | JsonNumber | readonly Json[] | JsonObject;

/** Throws FormatError unless the bytes are one JSON object in UTF-8. */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  return atOnce(jsonObjectSteps(bytes, what));
}

/** `parseJsonObject` in steps. */
export function* jsonObjectSteps(bytes: Uint8Array, what: string): Steps<JsonObject> {
  const doc = yield* jsonTextSteps(bytes, what);
  return yield* objectOf(doc, doc.root);
}

/**
 * Reads any JSON value; bytes that are not UTF-8 become replacement characters. Throws FormatError when the text is not
 * JSON.
 */
export function parseJson(bytes: Uint8Array, what: string): Json {
  return atOnce(jsonSteps(bytes, what));
}

/** `parseJson` in steps. */
export function* jsonSteps(bytes: Uint8Array, what: string): Steps<Json> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const doc = yield* anyJsonTextSteps(Buffer.from(text, 'utf8'), what);
  return yield* jsonOf(doc, doc.root);
}

function* jsonOf(doc: JsonText, node: Node): Steps<Json> {
  return isContainer(node) ? yield* containerOf(doc, node) : scalarOf(doc, node);
}

function isContainer({ type }: Node): boolean {
  return type === 'object' || type === 'array';
}

function* containerOf(doc: JsonText, node: Node): Steps<Json> {
  if (node.type === 'object') return yield* objectOf(doc, node);
  const items: Json[] = [];
  for (const child of childrenOf(node)) {
    items.push(isContainer(child) ? yield* containerOf(doc, child) : scalarOf(doc, child));
    if (isPause(items.length)) yield;
  }
  return items;
}

function scalarOf(doc: JsonText, node: Node): Json {
  switch (node.type) {
    case 'string':
      return stringOf(doc, node) ?? '';
    case 'number':
      return { digits: rawOf(doc, node) };
    case 'boolean':
      return rawOf(doc, node) === 'true';
    case 'null':
    case 'property':
    case 'object':
    case 'array':
      return null;
  }
}

function* objectOf(doc: JsonText, node: Node): Steps<JsonObject> {
  const members = new Map<string, Json>();
  let count = 0;
  for (const property of childrenOf(node)) {
    if (isPause(++count)) yield;
    const [key, value] = childrenOf(property);
    if (value === undefined) continue;
    members.set(
      stringOf(doc, key) ?? '',
      isContainer(value) ? yield* containerOf(doc, value) : scalarOf(doc, value),
    );
  }
  return members;
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map;
}

export function isJsonArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isJsonNumber(value: Json | undefined): value is JsonNumber {
  return typeof value === 'object' && value !== null && 'digits' in value;
}

/** Returns a member of an object; undefined for any other value. */
export function memberOf(value: Json | undefined, key: string): Json | undefined {
  return isJsonObject(value) ? value.get(key) : undefined;
}

/** Makes an object of these members, in order, without the undefined ones. */
export function jsonObject(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  const map = new Map<string, Json>();
  for (const [key, value] of Object.entries(members)) if (value !== undefined) map.set(key, value);
  return map;
}

/** Returns a copy in which these members are replaced in place or added at the end; undefined removes a member. */
export function withMembers(
  object: JsonObject,
  members: Readonly<Record<string, Json | undefined>>,
): JsonObject {
  const map = new Map(object);
  for (const [key, value] of Object.entries(members)) {
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
  return map;
}

/** Prints a value on one line without blanks. */
export function compactJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isJsonArray(value)) return `[${value.map(compactJson).join(',')}]`;
  if (!isJsonObject(value)) return value.digits;
  return `{${Array.from(value, ([key, item]) => `${JSON.stringify(key)}:${compactJson(item)}`).join(',')}}`;
}

/** Prints a value as UTF-8, indented by two blanks a level like Go tools do. */
export function printJson(value: Json): Uint8Array {
  return Buffer.from(print(value, '\n'), 'utf8');
}

function print(value: Json, newline: string): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = `${newline}  `;
  if (isJsonArray(value)) {
    if (value.length === 0) return '[]';
    return `[${inner}${value.map((item) => print(item, inner)).join(`,${inner}`)}${newline}]`;
  }
  if (!isJsonObject(value)) return value.digits;
  if (value.size === 0) return '{}';
  const members = Array.from(value, ([key, item]) => `${JSON.stringify(key)}: ${print(item, inner)}`);
  return `{${inner}${members.join(`,${inner}`)}${newline}}`;
}
