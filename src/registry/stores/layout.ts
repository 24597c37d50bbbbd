/**
 * An OCI layout folder as source and target: `oci-layout`, `index.json`, `blobs/sha256/…`. OCI image-spec, image-layout.md.
 * Every file appears whole or not at all, because it is written under another name and renamed.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocalIoError, NydusError, RegistryError } from '../../errors.js';
import { withFileLock } from '../../io/file-lock.js';
import { readFileRange } from '../../io/file-range.js';
import { ownerMark } from '../../io/owner.js';
import { errorCode, localIoError, removeAbandoned } from '../../io/scratch.js';
import { type ByteStream, contentOf, type ReplayableContent, verified } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { type Digest, digestHex } from '../../oci/digest.js';
import {
  descriptorToJson,
  type JsonObject,
  type ListedDescriptor,
  MAX_DOCUMENT_SIZE,
  parseDocument,
  parseIndex,
  serialise,
} from '../../oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../oci/media-types.js';
import type { CallOptions } from '../../reporter.js';
import { formatLocation, type Location, type Selector } from '../location.js';
import { scanReferrers } from './referrer-scan.js';
import { MadeDocuments } from './platform-index.js';
import { selectImage } from './select-entry.js';
import {
  type ContentSource,
  type FetchOptions,
  type ImageSource,
  type ImageTarget,
  type Located,
  type PushOutcome,
  type Referable,
  type ReferrerList,
  type ReferrerOptions,
  verifiedFor,
} from './store.js';

/** The prefix of incomplete files, which a killed run leaves behind. */
const PART_PREFIX = '.part-';
/** Exists while a run changes `index.json`. */
const LOCK = '.nydusify.lock';

export function openLayoutSource(path: string, selector: Selector): ImageSource {
  return new LayoutSource(path, selector);
}

export function openLayoutTarget(path: string, selector: Selector): ImageTarget {
  return new LayoutTarget(path, selector);
}

/** The descriptor of a manifest or index that is known by its digest alone; undefined for other content. */
export function documentAt(digest: Digest, bytes: Uint8Array): Descriptor | undefined {
  try {
    return { mediaType: parseDocument(bytes).mediaType, digest, size: bytes.length };
  } catch (cause) {
    if (cause instanceof NydusError) return undefined;
    throw cause;
  }
}

/** The system's words for a path that leads nowhere. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

abstract class Layout implements ContentSource, Located, Referable, AsyncDisposable {
  readonly place: Location;
  readonly location: string;
  protected readonly path: string;
  protected readonly selector: Selector;
  protected readonly made = new MadeDocuments();

  constructor(path: string, selector: Selector) {
    this.path = path;
    this.selector = selector;
    this.place = { kind: 'oci', path, ...selector };
    this.location = formatLocation(this.place);
  }

  async *fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    try {
      yield* this.made.read(descriptor, options) ?? this.#read(descriptor, options);
    } catch (cause) {
      if (!(cause instanceof LocalIoError) || !ABSENT.has(errorCode(cause.cause) ?? '')) throw cause;
      throw new RegistryError(`${descriptor.digest} is not in ${this.location}`, { status: 404, cause });
    }
  }

  #read(descriptor: Descriptor, options: FetchOptions): ByteStream {
    const path = this.blobPath(descriptor);
    if (options.range !== undefined) return readFileRange(path, options.range, options.signal);
    if (options.unverified === true) return readFileRange(path, undefined, options.signal);
    // One byte more than promised, so that a longer file is noticed.
    const stream = readFileRange(path, { start: 0, end: descriptor.size + 1 }, options.signal);
    return verifiedFor(options, stream, descriptor, this.location);
  }

  async exists(descriptor: Descriptor): Promise<boolean> {
    if (this.made.has(descriptor)) return true;
    try {
      const found = await stat(this.blobPath(descriptor));
      return found.isFile() && found.size === descriptor.size;
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return false;
      throw localIoError(`cannot look into ${this.path}`, cause);
    }
  }

  async referrers(subject: Digest, options: ReferrerOptions = {}): Promise<ReferrerList> {
    const index = await this.readIndex();
    const read = async (descriptor: Descriptor): Promise<ByteStream | undefined> =>
      (await this.exists(descriptor)) ? this.fetch(descriptor, options) : undefined;
    return scanReferrers(index?.entries ?? [], read, subject, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // No file is open between two calls.
  }

  protected blobPath(descriptor: Descriptor): string {
    return join(this.path, 'blobs', 'sha256', digestHex(descriptor.digest));
  }

  /** `index.json`; undefined when there is no such file. */
  protected async readIndex(): Promise<
    { readonly entries: readonly ListedDescriptor[]; readonly raw: JsonObject } | undefined
  > {
    let bytes: Buffer;
    try {
      bytes = await readFile(join(this.path, 'index.json'));
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return undefined;
      throw localIoError(`cannot read the index of ${this.path}`, cause);
    }
    const index = parseIndex(bytes, MEDIA.ociIndex);
    return { entries: index.manifests, raw: index.raw };
  }
}

class LayoutSource extends Layout implements ImageSource {
  async resolve(): Promise<Descriptor> {
    const index = await this.readIndex();
    if (index === undefined) {
      throw new RegistryError(`${this.path} is no OCI layout: it has no index.json`, {
        hint: 'an OCI layout is a folder, as "skopeo copy … oci:DIR:TAG" makes it',
      });
    }
    const { digest, name } = this.selector;
    if (
      digest !== undefined &&
      name === undefined &&
      !index.entries.some((entry) => entry.digest === digest)
    ) {
      const inside = await this.#inside(digest);
      if (inside !== undefined) return inside;
    }
    return selectImage(index.entries, this.selector, `oci:${this.path}`, this.made);
  }

  /** A manifest that only an index of the layout lists. */
  async #inside(digest: Digest): Promise<Descriptor | undefined> {
    const path = this.blobPath({ mediaType: '', digest, size: 0 });
    try {
      const { size } = await stat(path);
      return size > MAX_DOCUMENT_SIZE ? undefined : documentAt(digest, await readFile(path));
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return undefined;
      throw cause instanceof NydusError ? cause : localIoError(`cannot look into ${this.path}`, cause);
    }
  }
}

class LayoutTarget extends Layout implements ImageTarget {
  async resolve(): Promise<Descriptor | undefined> {
    const entry = (await this.readIndex())?.entries.find((listed) => this.#isOurs(listed));
    return entry === undefined ? undefined : plainDescriptor(entry);
  }

  async push(
    descriptor: Descriptor,
    content: ReplayableContent,
    options: CallOptions = {},
  ): Promise<PushOutcome> {
    if (await this.exists(descriptor)) return 'present';
    const what = `${descriptor.digest} for ${this.location}`;
    await this.#writeWhole(
      this.blobPath(descriptor),
      verified(content.open(), descriptor, what),
      options.signal,
    );
    return 'pushed';
  }

  async tag(manifest: Descriptor, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    await this.push(manifest, contentOf(bytes), options);
    await removeAbandoned(this.path, PART_PREFIX);
    // Another run may tag in the same folder, and its entry must not be lost.
    await withFileLock(join(this.path, LOCK), () => this.#list(manifest, options), options.signal);
  }

  async #list(manifest: Descriptor, options: CallOptions): Promise<void> {
    const old = await this.readIndex();
    const kept = (old?.entries ?? []).filter((entry) => !this.#isOurs(entry)).map((entry) => entry.raw);
    const { name } = this.selector;
    const annotations = {
      ...manifest.annotations,
      ...(name === undefined ? {} : { [ANNOTATION.ociRefName]: name }),
    };
    const entry: Descriptor = {
      ...manifest,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    };
    const index = {
      ...(old?.raw ?? { schemaVersion: 2, mediaType: MEDIA.ociIndex }),
      manifests: [...kept, descriptorToJson(entry)],
    };
    await this.#writeWhole(
      join(this.path, 'oci-layout'),
      contentOf(serialise({ imageLayoutVersion: '1.0.0' })).open(),
      options.signal,
    );
    await this.#writeWhole(join(this.path, 'index.json'), contentOf(serialise(index)).open(), options.signal);
  }

  /** True for the entry that our tag replaces: the one with this name, or the one without a name. */
  #isOurs(entry: ListedDescriptor): boolean {
    return entry.annotations?.[ANNOTATION.ociRefName] === this.selector.name;
  }

  async #writeWhole(path: string, stream: ByteStream, signal: AbortSignal | undefined): Promise<void> {
    const folder = dirname(path);
    const part = join(this.path, `${PART_PREFIX}${await ownerMark()}${randomBytes(8).toString('hex')}`);
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(part, stream, { ...(signal === undefined ? {} : { signal }) });
      await rename(part, path);
    } catch (cause) {
      await rm(part, { force: true });
      signal?.throwIfAborted();
      throw errorCode(cause)?.startsWith('E') === true ? localIoError(`cannot write ${path}`, cause) : cause;
    }
  }
}

/** The descriptor that a registry would give: without the entry's annotations and raw form. */
function plainDescriptor(entry: ListedDescriptor): Descriptor {
  const { mediaType, digest, size } = entry;
  return { mediaType, digest, size };
}
