/**
 * Everything that a reference leads to: one image, or an index with its entries. Indexes are read at once; an image's manifest is
 * fetched when the image is asked for, since an index already says which entry is for which platform.
 *
 * An index inside an index is entered, and its own entries stand in its place, so that no verb needs to know of nesting.
 */
import { UnsupportedError } from '../errors.js';
import type { Descriptor, Document } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import {
  isJsonArray,
  isJsonObject,
  jsonObject,
  type JsonObject,
  jsonObjectSteps,
  parseJsonObject,
} from '../oci/json/value.js';
import type { Index, Manifest } from '../oci/manifest.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { inTurns } from '../turns.js';
import { type Entry, type Image, imageOf } from './image.js';
import { isDocument, isIndex, isManifest, listEntries, type ListedEntry } from './list-entries.js';
import { demand, type Loaded, loadDocument, type Problem } from './loaded.js';

/** Throws what resolving and fetching throw, and FormatError for a root that is no document. */
export async function readReference(store: ImageSource, call: CallOptions): Promise<ReferenceTree> {
  return readReferenceAt(store, await store.resolve(call), call);
}

/** `readReference` for callers that have resolved the reference. */
export async function readReferenceAt(
  store: ImageSource,
  root: Descriptor,
  call: CallOptions,
): Promise<ReferenceTree> {
  const tree = await loadReference(store, root, call);
  if (tree.problem !== undefined) throw tree.problem.cause;
  return tree;
}

/** A root that cannot be read gives a tree without entries, whose `problem` says why. */
export async function loadReference(
  store: ImageSource,
  root: Descriptor,
  call: CallOptions,
): Promise<ReferenceTree> {
  const document = await loadDocument(store, root, call);
  const listed = await listEntries(store, root, document.value, call);
  return new ReferenceTree(store, root, document, listed);
}

export class ReferenceTree {
  readonly store: ImageSource;
  readonly root: Descriptor;
  /** Undefined when the reference is a single image, or its root could not be read. */
  readonly index: Document<Index> | undefined;
  /** In the order of the index, with the entries of a nested index in its place; of a single image the image itself. */
  readonly entries: readonly Entry[];
  readonly problem: Problem | undefined;
  readonly #single: Document<Manifest> | undefined;
  readonly #origins: ReadonlyMap<Entry, ListedEntry>;
  readonly #json = new Map<Document<Index>, JsonObject>();

  constructor(
    store: ImageSource,
    root: Descriptor,
    document: Loaded<Document<Manifest | Index>>,
    listed: readonly ListedEntry[],
  ) {
    this.store = store;
    this.root = root;
    this.problem = document.problem;
    this.index = isDocument(document.value, isIndex);
    this.#single = isDocument(document.value, isManifest);
    this.entries = listed.map(({ entry }) => entry);
    this.#origins = new Map(listed.map((one) => [one.entry, one]));
  }

  /** Throws what fetching throws, and UnsupportedError for an entry whose document is an index. */
  async image(entry: Entry, call: CallOptions): Promise<Image> {
    const image = demand(await this.loadImage(entry, call));
    if (image === undefined)
      throw new UnsupportedError(`${entry.descriptor.digest} is listed as an image, and is an index`);
    return image;
  }

  /** Undefined when the entry's document turns out to be an index. */
  async loadImage(entry: Entry, call: CallOptions): Promise<Loaded<Image | undefined>> {
    const single = entry.position === undefined ? this.#single : undefined;
    const loaded =
      single === undefined
        ? await loadDocument(this.store, entry.descriptor, call)
        : { value: single as Document<Manifest | Index> };
    if (loaded.problem !== undefined) return loaded;
    const manifest = isDocument(loaded.value, isManifest);
    return { value: manifest === undefined ? undefined : imageOf(this.store, entry, manifest) };
  }

  /** Digests of the index and of the indexes inside it: a conversion may have recorded any of them as its source. */
  indexDigests(): ReadonlySet<Digest> {
    const inside = [...this.#origins.values()].flatMap(({ index }) => index?.descriptor.digest ?? []);
    return new Set(this.index === undefined ? inside : [this.index.descriptor.digest, ...inside]);
  }

  /** The index as JSON that prints again without loss; undefined when the reference is a single image. */
  indexJson(): JsonObject | undefined {
    return this.index === undefined ? undefined : this.#jsonOf(this.index);
  }

  /**
   * The JSON object of an entry, with the members that nothing here knows. An entry of a nested index that states no platform gets
   * that of the index: outside of it nothing else records it.
   */
  entryJson(entry: Entry): JsonObject {
    const origin = this.#origins.get(entry);
    if (origin?.index === undefined) return jsonObject({});
    const list = this.#jsonOf(origin.index).get('manifests');
    const json = isJsonArray(list) ? list[origin.place] : undefined;
    if (!isJsonObject(json)) return jsonObject({});
    const { inherited } = origin;
    if (inherited === undefined) return json;
    return new Map([...json, ['platform', this.#platformJson(inherited)]]);
  }

  #platformJson({ index, place }: { readonly index: Document<Index>; readonly place: number }): JsonObject {
    const list = this.#jsonOf(index).get('manifests');
    const entry = isJsonArray(list) ? list[place] : undefined;
    const platform = isJsonObject(entry) ? entry.get('platform') : undefined;
    return isJsonObject(platform) ? platform : jsonObject({});
  }

  /** Reads the JSON of all indexes in steps. Without it each is read at once, where it is used first. */
  async loadJson(signal: AbortSignal | undefined): Promise<void> {
    const indexes = [...this.#origins.values()].map(({ index }) => index);
    for (const index of new Set([this.index, ...indexes])) {
      if (index !== undefined && !this.#json.has(index))
        this.#json.set(index, await inTurns(jsonObjectSteps(index.bytes, this.#nameOf(index)), signal));
    }
  }

  #nameOf(index: Document<Index>): string {
    return `index ${index.descriptor.digest} of ${this.store.location}`;
  }

  #jsonOf(index: Document<Index>): JsonObject {
    const known = this.#json.get(index);
    if (known !== undefined) return known;
    const json = parseJsonObject(index.bytes, this.#nameOf(index));
    this.#json.set(index, json);
    return json;
  }
}
