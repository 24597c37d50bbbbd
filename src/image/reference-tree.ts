/**
 * Everything that a reference leads to: one image, or an index with its entries. The root document is read at once; an entry's
 * manifest is fetched when its image is asked for, since an index already says which entry is for which platform.
 *
 * Entries that are indexes themselves are seen (`kind: 'index'`) and not entered: entering them means to put their own entries
 * in their place in `entriesOf`.
 */
import { FormatError, UnsupportedError } from '../errors.js';
import type { Descriptor, Document } from '../oci/descriptor.js';
import { type JsonObject, parseJsonObject } from '../oci/json/value.js';
import type { Index, Manifest } from '../oci/manifest.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { type Entry, entryOf, type Image, imageOf } from './image.js';
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
  return new ReferenceTree(store, root, await loadDocument(store, root, call));
}

export class ReferenceTree {
  readonly store: ImageSource;
  readonly root: Descriptor;
  /** Undefined when the reference is a single image, or its root could not be read. */
  readonly index: Document<Index> | undefined;
  /** In the order of the index; of a single image the image itself. */
  readonly entries: readonly Entry[];
  readonly problem: Problem | undefined;
  readonly #single: Document<Manifest> | undefined;

  constructor(store: ImageSource, root: Descriptor, document: Loaded<Document<Manifest | Index>>) {
    this.store = store;
    this.root = root;
    this.problem = document.problem;
    this.index = ofKind(document.value, isIndex);
    this.#single = ofKind(document.value, isManifest);
    this.entries = this.index === undefined ? [] : entriesOf(this.index.value);
    if (this.#single !== undefined) this.entries = [entryOf(root)];
  }

  /** Throws what fetching throws, and UnsupportedError for an entry whose document is an index. */
  async image(entry: Entry, call: CallOptions): Promise<Image> {
    const image = demand(await this.loadImage(entry, call));
    if (image === undefined)
      throw new UnsupportedError(`${entry.descriptor.digest} is an index inside an index`);
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
    const manifest = ofKind(loaded.value, isManifest);
    return { value: manifest === undefined ? undefined : imageOf(this.store, entry, manifest) };
  }

  /** The index as JSON that prints again without loss; undefined when the reference is a single image. */
  indexJson(): JsonObject | undefined {
    return this.index === undefined
      ? undefined
      : parseJsonObject(this.index.bytes, `index of ${this.store.location}`);
  }
}

/** The JSON object of an entry in `indexJson`, with the members that nothing here knows. */
export function entryJson(index: JsonObject, { position, descriptor }: Entry): JsonObject {
  const list = index.get('manifests');
  const json: unknown = Array.isArray(list) ? list[position ?? 0] : undefined;
  if (!(json instanceof Map)) throw new FormatError(`entry ${descriptor.digest} of the index is no object`);
  return json as JsonObject;
}

function entriesOf(index: Index): readonly Entry[] {
  return index.manifests.map((descriptor, position) => entryOf(descriptor, position));
}

function isIndex(value: Manifest | Index): value is Index {
  return value.kind === 'index';
}

function isManifest(value: Manifest | Index): value is Manifest {
  return value.kind === 'manifest';
}

function ofKind<T extends Manifest | Index>(
  document: Document<Manifest | Index> | undefined,
  fits: (value: Manifest | Index) => value is T,
): Document<T> | undefined {
  return document !== undefined && fits(document.value) ? { ...document, value: document.value } : undefined;
}
