/**
 * Decodes manifests and indexes exactly as Go's encoding/json does for the programs that we replay: it reads only named
 * fields, ignores the case of keys, refuses a value of another type, takes null for absent, and checks nothing else. A
 * wrong digest or size is noticed only by the code that uses it. Source: encoding/json, opencontainers/image-spec
 * specs-go/v1.
 */

import type { Steps } from '../turns.js';
import {
  isJsonArray,
  isJsonNumber,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonSteps,
} from '../oci/json/value.js';

/** Corresponds to `ocispec.Platform`: absent strings are empty. */
export interface GoPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
  readonly osVersion: string;
  readonly osFeatures: readonly string[];
}

export interface GoDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  /** Keys and values; undefined when the document has none. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Undefined stands for Go's nil pointer. */
  readonly platform: GoPlatform | undefined;
  readonly artifactType: string;
}

/** Thrown where `json.Unmarshal` returns an error; the message names the field. */
export class GoJsonError extends Error {}

const NOTHING: JsonObject = new Map();

/** Repeats `json.Unmarshal(bytes, &ocispec.Index{})`. In steps. Throws GoJsonError. */
export function* decodeIndex(bytes: Uint8Array): Steps<{ readonly manifests: readonly GoDescriptor[] }> {
  const json = yield* topObject(bytes);
  checkCommon(json);
  return { manifests: list(json, 'manifests', descriptor) };
}

/** Repeats `json.Unmarshal(bytes, &ocispec.Manifest{})`. In steps. Throws GoJsonError. */
export function* decodeManifest(bytes: Uint8Array): Steps<{
  readonly config: GoDescriptor;
  readonly layers: readonly GoDescriptor[];
}> {
  const json = yield* topObject(bytes);
  checkCommon(json);
  const config = field(json, 'config');
  return { config: descriptor(config ?? NOTHING, 'config'), layers: list(json, 'layers', descriptor) };
}

function* topObject(bytes: Uint8Array): Steps<JsonObject> {
  let json: Json;
  try {
    json = yield* jsonSteps(bytes, 'document');
  } catch {
    throw new GoJsonError(bytes.length === 0 ? 'unexpected end of JSON input' : 'not JSON');
  }
  return json === null ? NOTHING : object(json, 'the document');
}

/** Go checks the types of these fields although no client reads them. */
function checkCommon(json: JsonObject): void {
  number(json, 'schemaVersion');
  text(json, 'mediaType');
  text(json, 'artifactType');
  strings(json, 'annotations');
  const subject = field(json, 'subject');
  if (subject !== undefined) descriptor(subject, 'subject');
}

function descriptor(value: Json, what: string): GoDescriptor {
  const json = object(value, what);
  const platformValue = field(json, 'platform');
  list(json, 'urls', stringItem);
  const data = text(json, 'data');
  if (!/^(?:[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*)$/.test(data))
    throw new GoJsonError(`${what}.data is not base64`);
  return {
    mediaType: text(json, 'mediaType'),
    digest: text(json, 'digest'),
    size: number(json, 'size'),
    annotations: strings(json, 'annotations'),
    platform: platformValue === undefined ? undefined : platform(platformValue, `${what}.platform`),
    artifactType: text(json, 'artifactType'),
  };
}

function platform(value: Json, what: string): GoPlatform {
  const json = object(value, what);
  return {
    os: text(json, 'os'),
    architecture: text(json, 'architecture'),
    variant: text(json, 'variant'),
    osVersion: text(json, 'os.version'),
    osFeatures: list(json, 'os.features', stringItem),
  };
}

/** Returns the last value whose key equals the field's name, ignoring case; null counts as absent. */
function field(json: JsonObject, name: string): Json | undefined {
  let found: Json | undefined;
  for (const [key, value] of json) {
    if (key.toLowerCase() === name.toLowerCase() && value !== null) found = value;
  }
  return found;
}

function text(json: JsonObject, name: string): string {
  const value = field(json, name);
  if (value === undefined) return '';
  return stringItem(value, name);
}

function stringItem(value: Json, what: string): string {
  if (value === null) return '';
  if (typeof value !== 'string') throw new GoJsonError(`${what} is no string`);
  return value;
}

function number(json: JsonObject, name: string): number {
  const value = field(json, name);
  if (value === undefined) return 0;
  const number = isJsonNumber(value) ? Number(value.digits) : NaN;
  if (!Number.isInteger(number)) throw new GoJsonError(`${name} is no integer`);
  return number;
}

function strings(json: JsonObject, name: string): Readonly<Record<string, string>> {
  const value = field(json, name);
  if (value === undefined) return {};
  return Object.fromEntries(
    Array.from(object(value, name), ([key, item]) => [key, stringItem(item, `${name}.${key}`)]),
  );
}

function list<T>(json: JsonObject, name: string, item: (value: Json, what: string) => T): readonly T[] {
  const value = field(json, name);
  if (value === undefined) return [];
  if (!isJsonArray(value)) throw new GoJsonError(`${name} is no array`);
  // Go decodes a null among descriptors as an empty descriptor.
  return value.map((entry, i) => item(entry === null ? emptyOf(item) : entry, `${name}[${i}]`));
}

function emptyOf(item: unknown): Json {
  return item === stringItem ? null : NOTHING;
}

function object(value: Json, what: string): JsonObject {
  if (!isJsonObject(value)) throw new GoJsonError(`${what} is no object`);
  return value;
}
