/**
 * Shows images whose blobs lie in a storage backend as images that name all their blobs, so that a copy of them needs no backend.
 * Manifests, configs and indexes are edited as text; documents of other images stay byte for byte.
 */
import { FormatError, RegistryError } from '../errors.js';
import { fetchBootstrap } from '../image/bootstrap-layer.js';
import { entryOf, type Image, imageOf, readConfig } from '../image/image.js';
import { demand, loadDocument } from '../image/loaded.js';
import { isBacked, dataBlobs } from '../image/stored-blobs.js';
import { type ByteStream, contentOf } from '../io/streams.js';
import { openBootstrapInTurns } from '../native/judge.js';
import { BARE_HISTORY } from '../oci/config-edit.js';
import type { Descriptor, Document } from '../oci/descriptor.js';
import { type Digest, sha256 } from '../oci/digest.js';
import {
  applySplices,
  childrenOf,
  jsonSource,
  jsonTextSteps,
  type JsonText,
  member,
  prependChild,
  replaceNode,
  type Splice,
  stringOf,
} from '../oci/json/text.js';
import { type Index, isDocumentType, isManifestType, type Manifest } from '../oci/manifest.js';
import type { Backed, FetchOptions, ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { inTurns } from '../turns.js';

/** Indexes in indexes, as deep as copies go. */
const MAX_DEPTH = 8;

/** The source with other documents. It is not a `Backed` store, since nothing is left that only the backend knows. */
export async function selfContained(source: ImageSource & Backed, call: CallOptions): Promise<ImageSource> {
  const root = await source.resolve(call);
  const made = new Map<Digest, Uint8Array>();
  const whole = await new Completion(source, made, call).document(root, 0);
  const exists = (descriptor: Descriptor, options?: CallOptions): Promise<boolean> =>
    made.has(descriptor.digest) ? Promise.resolve(true) : source.exists(descriptor, options);
  const fetch = (descriptor: Descriptor, options?: FetchOptions): ByteStream => {
    const bytes = made.get(descriptor.digest);
    return bytes === undefined ? source.fetch(descriptor, options) : contentOf(bytes).open(options?.range);
  };
  const own = new Map<string | symbol, unknown>([
    ['resolve', () => Promise.resolve(whole)],
    ['exists', exists],
    ['fetch', fetch],
  ]);
  return new Proxy(source, {
    get: (target, name) => {
      if (own.has(name)) return own.get(name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
    has: (target, name) => name !== 'backend' && Reflect.has(target, name),
  });
}

class Completion {
  readonly #source: ImageSource;
  readonly #made: Map<Digest, Uint8Array>;
  readonly #call: CallOptions;

  constructor(source: ImageSource, made: Map<Digest, Uint8Array>, call: CallOptions) {
    this.#source = source;
    this.#made = made;
    this.#call = call;
  }

  /** The descriptor of the document as it is now. */
  async document(descriptor: Descriptor, depth: number): Promise<Descriptor> {
    if (!isDocumentType(descriptor.mediaType) || depth > MAX_DEPTH) return descriptor;
    const loaded = await loadDocument(this.#source, descriptor, this.#call);
    // A copy reports what cannot be read.
    if (loaded.problem !== undefined) return descriptor;
    const document = demand(loaded);
    return document.value.kind === 'index'
      ? this.#index(document as Document<Index>, depth)
      : this.#manifest(document as Document<Manifest>);
  }

  async #index({ descriptor, bytes, value }: Document<Index>, depth: number): Promise<Descriptor> {
    const changed = new Map<string, Descriptor>();
    for (const child of value.manifests) {
      const now = await this.document(child, depth + 1);
      if (now.digest !== child.digest) changed.set(child.digest, now);
    }
    if (changed.size === 0) return descriptor;
    const doc = await this.#text(bytes, `index ${descriptor.digest}`);
    const splices = childrenOf(member(doc.root, 'manifests')).flatMap((entry) => {
      const now = changed.get(stringOf(doc, member(entry, 'digest')) ?? '');
      return now === undefined ? [] : describedAs(entry, now);
    });
    return this.#keep(descriptor, applySplices(doc, splices));
  }

  async #manifest(document: Document<Manifest>): Promise<Descriptor> {
    const { descriptor, bytes, value } = document;
    if (!isManifestType(descriptor.mediaType)) return descriptor;
    const image = imageOf(this.#source, entryOf(descriptor), document);
    if (!isBacked(image)) return descriptor;
    const blobs = await this.#blobsOf(image);
    const config = await readConfig(image, this.#call);
    const newConfig = this.#keep(
      value.config,
      await this.#withDiffIds(
        config.bytes,
        blobs.map(({ digest }) => digest),
      ),
    );
    const doc = await this.#text(bytes, `manifest ${descriptor.digest}`);
    const [layers, named] = [member(doc.root, 'layers'), member(doc.root, 'config')];
    if (layers === undefined || named === undefined)
      throw new FormatError(`manifest ${descriptor.digest} has no layers or no config`);
    const added = blobs.map(({ mediaType, digest, size, annotations }) =>
      jsonSource({ mediaType, digest, size, annotations }),
    );
    const splices =
      added.length === 0
        ? []
        : [...describedAs(named, newConfig), prependChild(doc, layers, added.join(','))];
    return this.#keep(descriptor, applySplices(doc, splices));
  }

  async #blobsOf(image: Image): Promise<readonly Descriptor[]> {
    const { bytes } = await fetchBootstrap(image, this.#call);
    const { bootstrap } = await openBootstrapInTurns(bytes, this.#call.signal);
    const ids = bootstrap.blobs.map(({ record }) => record.id);
    const { blobs, missing } = await dataBlobs(image, ids, this.#call);
    const [first] = missing;
    if (first === undefined) return blobs;
    throw new RegistryError(
      `the storage backend does not have blob ${first} of manifest ${image.manifest.descriptor.digest}`,
      { status: 404, hint: 'the backend, its bucket and its prefix must be those of the conversion' },
    );
  }

  /** The history gets an entry for each blob, so that it still matches the layers. */
  async #withDiffIds(bytes: Uint8Array, digests: readonly Digest[]): Promise<Uint8Array> {
    if (digests.length === 0) return bytes;
    const doc = await this.#text(bytes, 'config');
    const diffIds = member(member(doc.root, 'rootfs'), 'diff_ids');
    if (diffIds?.type !== 'array') throw new FormatError('a config has no rootfs.diff_ids');
    const history = member(doc.root, 'history');
    return applySplices(doc, [
      prependChild(doc, diffIds, digests.map((digest) => jsonSource(digest)).join(',')),
      ...(history?.type === 'array'
        ? [prependChild(doc, history, digests.map(() => BARE_HISTORY).join(','))]
        : []),
    ]);
  }

  #text(bytes: Uint8Array, what: string): Promise<JsonText> {
    return inTurns(jsonTextSteps(bytes, what), this.#call.signal);
  }

  #keep(before: Descriptor, bytes: Uint8Array): Descriptor {
    const digest = sha256(bytes);
    if (digest === before.digest) return before;
    this.#made.set(digest, bytes);
    return { ...before, digest, size: bytes.length };
  }
}

/** Replaces digest and size of a descriptor. */
function describedAs(node: Parameters<typeof member>[0], { digest, size }: Descriptor): readonly Splice[] {
  const [oldDigest, oldSize] = [member(node, 'digest'), member(node, 'size')];
  if (oldDigest === undefined || oldSize === undefined)
    throw new FormatError('a descriptor has no digest or size');
  return [replaceNode(oldDigest, jsonSource(digest)), replaceNode(oldSize, String(size))];
}
