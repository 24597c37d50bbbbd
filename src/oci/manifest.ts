/**
 * Parses manifests, indexes and configs to checked values. A value holds the fields that we understand; `raw` is the
 * JSON object with all fields. A missing `mediaType` is legal in OCI documents (umoci omits it); the other fields then
 * decide what a document is.
 */
import * as v from 'valibot';
import { FormatError, UnsupportedError } from '../errors.js';
import type { Annotations, Descriptor, Document, Platform } from './descriptor.js';
import { type DiffId, isDigest, parseDigest, sha256 } from './digest.js';
import { atOnce, isPause, type Steps } from '../turns.js';
import { countValues, refuseOtherCase } from './json/ambiguity.js';
import { boundShape } from './json/shape.js';
import { MEDIA } from './media-types.js';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/** A descriptor inside a document, with the JSON object that it was read from. */
export interface ListedDescriptor extends Descriptor {
  readonly raw: JsonObject;
}

export interface Manifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: ListedDescriptor;
  /** The layers, lowest first. */
  readonly layers: readonly ListedDescriptor[];
  readonly annotations?: Annotations | undefined;
  readonly artifactType?: string | undefined;
  readonly subject?: ListedDescriptor | undefined;
  readonly raw: JsonObject;
}

export interface Index {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly ListedDescriptor[];
  readonly annotations?: Annotations | undefined;
  readonly artifactType?: string | undefined;
  readonly subject?: ListedDescriptor | undefined;
  readonly raw: JsonObject;
}

export interface HistoryEntry {
  readonly emptyLayer: boolean;
  readonly raw: JsonObject;
}

export interface ImageConfig {
  readonly platform: Platform;
  /** One diffID for each layer, lowest first. */
  readonly diffIds: readonly DiffId[];
  readonly history: readonly HistoryEntry[];
  readonly raw: JsonObject;
}

/**
 * The largest accepted document, the same bound as containerd's. Real documents are small; a larger one is a fault or
 * an attack.
 */
export const MAX_DOCUMENT_SIZE = 8 * 1024 * 1024;

const INDEX_TYPES: ReadonlySet<string> = new Set([MEDIA.ociIndex, MEDIA.dockerIndex]);
const MANIFEST_TYPES: ReadonlySet<string> = new Set([MEDIA.ociManifest, MEDIA.dockerManifest]);
const SCHEMA1_TYPES: ReadonlySet<string> = new Set([MEDIA.dockerSchema1, MEDIA.dockerSchema1Signed]);

export function isIndexType(mediaType: string): boolean {
  return INDEX_TYPES.has(mediaType);
}

export function isManifestType(mediaType: string): boolean {
  return MANIFEST_TYPES.has(mediaType);
}

/** True for manifests of Docker schema 1, which this library does not parse. */
export function isSchema1Type(mediaType: string): boolean {
  return SCHEMA1_TYPES.has(mediaType);
}

/** True for types that registries serve under `/manifests/`; all other content is a blob. */
export function isDocumentType(mediaType: string): boolean {
  return INDEX_TYPES.has(mediaType) || MANIFEST_TYPES.has(mediaType) || SCHEMA1_TYPES.has(mediaType);
}

const recordSchema = v.record(v.string(), v.string());
const soundRecordSchema = v.custom<Record<string, string>>(() => true);
/** A document may have a hundred thousand annotations, and only those of a wrong one need a closer look. */
const annotationsSchema = v.lazy((value): typeof recordSchema | typeof soundRecordSchema =>
  isObject(value) && Object.values(value).every((text) => typeof text === 'string')
    ? soundRecordSchema
    : recordSchema,
);
const digestSchema = v.pipe(v.string(), v.check(isDigest, 'not a sha256 digest'), v.transform(parseDigest));
const platformSchema = v.looseObject({
  os: v.optional(v.string(), ''),
  architecture: v.optional(v.string(), ''),
  variant: v.nullish(v.string()),
  'os.version': v.nullish(v.string()),
  'os.features': v.nullish(v.array(v.string())),
});
const descriptorSchema = v.looseObject({
  mediaType: v.optional(v.string()),
  digest: digestSchema,
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  platform: v.nullish(platformSchema),
  annotations: v.nullish(annotationsSchema),
  artifactType: v.nullish(v.string()),
});
/** Lists may be long, so that their items are checked in steps. */
const listSchema = v.nullish(v.array(v.unknown()));
const commonFields = {
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  annotations: v.nullish(annotationsSchema),
  artifactType: v.nullish(v.string()),
  subject: v.nullish(descriptorSchema),
};
const manifestSchema = v.looseObject({
  ...commonFields,
  config: descriptorSchema,
  // Go encodes a nil slice as null.
  layers: listSchema,
});
const indexSchema = v.looseObject({
  ...commonFields,
  manifests: listSchema,
});
const configSchema = v.looseObject({
  os: v.optional(v.string(), ''),
  architecture: v.optional(v.string(), ''),
  variant: v.nullish(v.string()),
  'os.version': v.nullish(v.string()),
  'os.features': v.nullish(v.array(v.string())),
  rootfs: v.looseObject({
    diff_ids: listSchema,
  }),
  history: listSchema,
});
const diffIdSchema = v.pipe(v.string(), v.check(isDigest, 'not a sha256 digest'));
const historySchema = v.looseObject({ empty_layer: v.nullish(v.boolean()) });

type WireDescriptor = v.InferOutput<typeof descriptorSchema>;
type WirePlatform = v.InferOutput<typeof platformSchema>;

/** Throws FormatError when the bytes are not an image manifest, and UnsupportedError for Docker's schema 1. */
export function parseManifest(bytes: Uint8Array, mediaType?: string): Manifest {
  const document = parseDocument(bytes, mediaType);
  if (document.kind === 'index')
    throw new FormatError('this is an index, where an image manifest was expected');
  return document;
}

/** Throws FormatError when the bytes are not an index. */
export function parseIndex(bytes: Uint8Array, mediaType?: string): Index {
  return atOnce(indexSteps(bytes, mediaType));
}

/** `parseIndex` in steps. */
export function* indexSteps(bytes: Uint8Array, mediaType?: string): Steps<Index> {
  const document = yield* documentSteps(bytes, mediaType);
  if (document.kind === 'manifest')
    throw new FormatError('this is an image manifest, where an index was expected');
  return document;
}

/**
 * Parses a manifest or an index. The document's own `mediaType` decides which, else its fields; `mediaType` (from the
 * descriptor or the HTTP header) only chooses between the Docker and OCI families.
 */
export function parseDocument(bytes: Uint8Array, mediaType?: string): Manifest | Index {
  return atOnce(documentSteps(bytes, mediaType));
}

/** `parseDocument` in steps. */
export function* documentSteps(bytes: Uint8Array, mediaType?: string): Steps<Manifest | Index> {
  const json = yield* jsonSteps(bytes, 'manifest');
  const own = typeof json['mediaType'] === 'string' ? json['mediaType'] : undefined;
  refuseOldSchema(json, own ?? mediaType);
  const isIndex = own === undefined ? looksLikeIndex(json) : isIndexType(own);
  if (own !== undefined && !isIndex && !isManifestType(own)) {
    throw new UnsupportedError(`manifest has media type "${own}"`, {
      hint: 'image manifests and indexes of OCI and of Docker schema 2 are understood',
    });
  }
  // If the given type is of the other kind or missing, the family is OCI, in which documents may omit `mediaType`.
  const hinted =
    mediaType !== undefined && (isIndex ? isIndexType(mediaType) : isManifestType(mediaType))
      ? mediaType
      : undefined;
  if (isIndex) return yield* toIndex(json, own ?? hinted ?? MEDIA.ociIndex);
  return yield* toManifest(json, own ?? hinted ?? MEDIA.ociManifest);
}

/** Throws FormatError when the bytes are not one descriptor. */
export function parseDescriptor(bytes: Uint8Array): ListedDescriptor {
  const json = atOnce(jsonSteps(bytes, 'descriptor'));
  return toDescriptor(check(descriptorSchema, json, 'descriptor'), json, MEDIA.ociLayerGzip);
}

const CONFIG = 'image config';

/** Throws FormatError when the bytes are not an image config. */
export function parseConfig(bytes: Uint8Array): ImageConfig {
  return atOnce(configSteps(bytes));
}

/** `parseConfig` in steps. */
export function* configSteps(bytes: Uint8Array): Steps<ImageConfig> {
  const json = yield* jsonSteps(bytes, CONFIG);
  const wire = check(configSchema, json, CONFIG);
  return {
    platform: toPlatform(wire),
    diffIds: yield* itemsOf(wire.rootfs.diff_ids, 'rootfs.diff_ids', (item, path) =>
      toDiffId(check(diffIdSchema, item, CONFIG, path)),
    ),
    history: yield* itemsOf(wire.history, 'history', (item, path) => ({
      emptyLayer: check(historySchema, item, CONFIG, path).empty_layer === true,
      raw: objectAt([item], 0),
    })),
    raw: json,
  };
}

/** `make` is called with each item and its path in the document. */
function* itemsOf<T>(
  list: readonly unknown[] | null | undefined,
  path: string,
  make: (item: unknown, path: string) => T,
): Steps<T[]> {
  const items: T[] = [];
  for (const item of list ?? []) {
    if (isPause(items.length)) yield;
    items.push(make(item, `${path}.${items.length}`));
  }
  return items;
}

/** Makes a document with its descriptor from bytes and their value. */
export function toDocument<T extends Manifest | Index>(bytes: Uint8Array, value: T): Document<T> {
  return {
    descriptor: { mediaType: value.mediaType, digest: sha256(bytes), size: bytes.length },
    bytes,
    value,
  };
}

/** Serialises one of our documents: fields in the order given, no blanks, absent ones left out. */
export function serialise(json: JsonObject): Uint8Array {
  return Buffer.from(JSON.stringify(json), 'utf8');
}

/**
 * Converts a descriptor to JSON. Fields are in the specification's order and annotations sorted, so equal input gives
 * equal bytes.
 */
export function descriptorToJson(descriptor: Descriptor): JsonObject {
  const { mediaType, digest, size, platform, annotations, artifactType } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...(annotations === undefined ? {} : { annotations: sortedRecord(annotations) }),
    ...(platform === undefined ? {} : { platform: platformToJson(platform) }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

function platformToJson(platform: Platform): JsonObject {
  return {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.osVersion === undefined ? {} : { 'os.version': platform.osVersion }),
    ...(platform.osFeatures === undefined ? {} : { 'os.features': platform.osFeatures }),
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
  };
}

function sortedRecord(record: Annotations): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function* toManifest(json: JsonObject, mediaType: string): Steps<Manifest> {
  const wire = check(manifestSchema, json, 'manifest');
  const docker = mediaType === MEDIA.dockerManifest;
  return {
    kind: 'manifest',
    mediaType,
    config: toDescriptor(
      wire.config,
      objectAt([json['config']], 0),
      docker ? MEDIA.dockerConfig : MEDIA.ociConfig,
    ),
    layers: yield* itemsOf(wire.layers, 'layers', (item, path) =>
      toDescriptor(
        check(descriptorSchema, item, 'manifest', path),
        objectAt([item], 0),
        docker ? MEDIA.dockerLayerGzip : MEDIA.ociLayerGzip,
      ),
    ),
    ...common(wire, json),
    raw: json,
  };
}

function* toIndex(json: JsonObject, mediaType: string): Steps<Index> {
  const wire = check(indexSchema, json, 'index');
  const childType = mediaType === MEDIA.dockerIndex ? MEDIA.dockerManifest : MEDIA.ociManifest;
  return {
    kind: 'index',
    mediaType,
    manifests: yield* itemsOf(wire.manifests, 'manifests', (item, path) =>
      toDescriptor(check(descriptorSchema, item, 'index', path), objectAt([item], 0), childType),
    ),
    ...common(wire, json),
    raw: json,
  };
}

function common(
  wire: {
    annotations?: Annotations | null | undefined;
    artifactType?: string | null | undefined;
    subject?: WireDescriptor | null | undefined;
  },
  json: JsonObject,
): Pick<Manifest, 'annotations' | 'artifactType' | 'subject'> {
  return withoutAbsent({
    annotations: wire.annotations,
    artifactType: wire.artifactType,
    subject: wire.subject && toDescriptor(wire.subject, objectAt([json['subject']], 0), MEDIA.ociManifest),
  });
}

/** `fallback` replaces a missing media type, because a descriptor without one cannot be pushed. */
function toDescriptor(wire: WireDescriptor, raw: JsonObject, fallback: string): ListedDescriptor {
  return {
    mediaType: wire.mediaType === undefined || wire.mediaType === '' ? fallback : wire.mediaType,
    digest: wire.digest,
    size: wire.size,
    ...withoutAbsent({
      platform: wire.platform && toPlatform(wire.platform),
      annotations: wire.annotations,
      artifactType: wire.artifactType,
    }),
    raw,
  };
}

function toPlatform(
  wire: Pick<WirePlatform, 'os' | 'architecture' | 'variant' | 'os.version' | 'os.features'>,
): Platform {
  const variant = wire.variant ?? '';
  const osVersion = wire['os.version'] ?? '';
  const osFeatures = wire['os.features'] ?? [];
  return {
    os: wire.os,
    architecture: wire.architecture,
    ...(variant === '' ? {} : { variant }),
    ...(osVersion === '' ? {} : { osVersion }),
    ...(osFeatures.length === 0 ? {} : { osFeatures }),
  };
}

/** Drops null fields, because Go writes null for absent values. */
function withoutAbsent<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const present = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(present) as { [K in keyof T]?: NonNullable<T[K]> }; // the same keys, without those just dropped
}

function looksLikeIndex(json: JsonObject): boolean {
  const isIndex = Array.isArray(json['manifests']);
  const isManifest = json['config'] !== undefined || Array.isArray(json['layers']);
  if (isIndex && isManifest) {
    // Other tools may read such a document as the other kind: CVE-2021-41190.
    throw new FormatError('manifest has no mediaType, and fields of both an index and an image manifest');
  }
  if (!isIndex && !isManifest) throw new FormatError('manifest is neither an index nor an image manifest');
  return isIndex;
}

function refuseOldSchema(json: JsonObject, mediaType: string | undefined): void {
  if (json['schemaVersion'] === 1 || (mediaType !== undefined && SCHEMA1_TYPES.has(mediaType))) {
    throw new UnsupportedError('this image has a manifest of Docker schema 1, which is not supported', {
      hint: 'push it again with a current client: OCI manifests and Docker schema 2 are understood',
    });
  }
}

/** `place` is the path of the value in its document; none is the document itself. */
function check<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  what: string,
  place?: string,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = [place, v.getDotPath(issue)].filter((part) => typeof part === 'string').join('.');
  throw new FormatError(`${what}: ${path === '' ? '' : `${path}: `}${issue.message}`);
}

function* jsonSteps(bytes: Uint8Array, what: string): Steps<JsonObject> {
  if (bytes.length > MAX_DOCUMENT_SIZE)
    throw new FormatError(`${what}: more than ${MAX_DOCUMENT_SIZE} bytes`);
  const values = boundShape(bytes, what);
  yield;
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FormatError(`${what}: not JSON`, { cause });
  }
  if (!isObject(json)) throw new FormatError(`${what}: not a JSON object`);
  yield;
  if (countValues(json) < values)
    throw new FormatError(`${what}: a member occurs twice, which clients read in different ways`);
  yield;
  refuseOtherCase(json, what, what === CONFIG);
  yield;
  return json;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectAt(list: readonly unknown[], index: number): JsonObject {
  const value = list[index];
  return isObject(value) ? value : {};
}

/** The schema has checked the grammar that the brand stands for. */
function toDiffId(text: string): DiffId {
  return text as DiffId; // see above
}
