/**
 * An OCI layout folder as source and target: `oci-layout`, `index.json`, `blobs/sha256/…`. OCI image-spec, image-layout.md.
 * Every file appears whole or not at all, because it is written under another name and renamed; and the index names nothing that a
 * power failure could take away again, because all of it is on the disk before.
 */
import type { Stats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FormatError, LocalIoError, NydusError, RegistryError } from '../../errors.js';
import { removeAbandoned } from '../../io/abandoned.js';
import { withFileLock } from '../../io/file-lock.js';
import { openFile, readFileRange, readRange, readSmallFile } from '../../io/file-range.js';
import { forReading, verifiedDigest } from '../../io/fixed-pieces.js';
import type { GrowingContent } from '../../io/growing.js';
import { makeFolders } from '../../io/make-folders.js';
import { syncFolder } from '../../io/folder.js';
import {
  type ByteStream,
  contentOf,
  measure,
  type ReplayableContent,
  sized,
  verified,
} from '../../io/streams.js';
import { errorCode, localIoError } from '../../io/system-error.js';
import { refusePlantedLinks } from '../../io/planted-links.js';
import { PART_PREFIX, writeWhole } from '../../io/whole-file.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { type Digest, digestHex } from '../../oci/digest.js';
import {
  descriptorToJson,
  type JsonObject,
  type ListedDescriptor,
  MAX_DOCUMENT_SIZE,
  parseDocument,
  documentSteps,
  indexSteps,
  serialise,
} from '../../oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../oci/media-types.js';
import type { CallOptions } from '../../reporter.js';
import { inTurns } from '../../turns.js';
import { formatLocation, type Location, type Selector } from '../location.js';
import { referrerOf, scanReferrers } from './referrer-scan.js';
import { MadeDocuments } from './platform-index.js';
import { isAttached, selectImage } from './select-entry.js';
import {
  type Attachable,
  type ContentSource,
  demandTag,
  type FetchOptions,
  type GrowingPush,
  type ImageSource,
  type ImageTarget,
  type Located,
  ownStream,
  type PushOutcome,
  type Referable,
  type ReferrerList,
  type ReferrerOptions,
  type TagOptions,
  type UnnamedSink,
  verifiedFor,
} from './store.js';
import { UnnamedBlob } from './unnamed-blob.js';

/** Exists while a run changes `index.json`. */
const LOCK = '.nydusify.lock';

export function openLayoutSource(path: string, selector: Selector): ImageSource {
  return new LayoutSource(path, selector);
}

/** `durable` is false for a layout that need not outlive the run, which need not reach the disk. */
export function openLayoutTarget(
  path: string,
  selector: Selector,
  durable = true,
): ImageTarget & Attachable & UnnamedSink {
  return new LayoutTarget(path, selector, durable);
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

  fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    return (
      this.made.read(descriptor, options) ?? ownStream(options, this.#fetch(descriptor, options), descriptor)
    );
  }

  async *#fetch(descriptor: Descriptor, options: FetchOptions): ByteStream {
    try {
      yield* this.#read(descriptor, options);
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
    const found = await statIfThere(this.blobPath(descriptor), stat, this.path);
    return found?.isFile() === true && found.size === descriptor.size;
  }

  async sizeOf(digest: Digest): Promise<number | undefined> {
    const path = this.blobPath({ mediaType: 'application/octet-stream', digest, size: 0 });
    const found = await statIfThere(path, stat, this.path);
    return found?.isFile() === true ? found.size : undefined;
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
    const path = join(this.path, 'index.json');
    const bytes = await readIfThere(path);
    if (bytes === undefined) return undefined;
    if (bytes.every((byte) => byte === 0)) {
      this.foundEmpty(path);
      return undefined;
    }
    const index = await inTurns(indexSteps(bytes, MEDIA.ociIndex));
    return { entries: index.manifests, raw: index.raw };
  }

  /** An index without content, as a power failure leaves one that was not written to the disk before it got its name. */
  protected abstract foundEmpty(path: string): void;
}

async function statIfThere(
  path: string,
  ask: (path: string) => Promise<Stats>,
  folder: string,
): Promise<Stats | undefined> {
  try {
    return await ask(path);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return undefined;
    throw localIoError(`cannot look into ${folder}`, cause);
  }
}

/** The bytes of a document; undefined when there is no such file. */
async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readSmallFile(path, MAX_DOCUMENT_SIZE);
  } catch (cause) {
    const code = cause instanceof LocalIoError ? errorCode(cause.cause) : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw cause;
  }
}

class LayoutSource extends Layout implements ImageSource {
  async resolve(): Promise<Descriptor> {
    const index = await this.readIndex();
    if (index === undefined) {
      throw new RegistryError(`${this.path} is no OCI layout: it has no index.json`, {
        hint: 'an OCI layout is a folder that holds oci-layout, index.json and blobs',
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
    const size = (await statIfThere(path, stat, this.path))?.size;
    if (size === undefined || size > MAX_DOCUMENT_SIZE) return undefined;
    const bytes = await readIfThere(path);
    return bytes === undefined ? undefined : documentAt(digest, bytes);
  }

  protected foundEmpty(path: string): never {
    throw new FormatError(`${path} is empty`, {
      hint: 'the machine may have stopped while it was written; make the layout again',
    });
  }
}

class LayoutTarget extends Layout implements ImageTarget, Attachable, UnnamedSink {
  readonly #durable: boolean;
  /** Content whose bytes were digested, each with the state of its file at that time. */
  readonly #verified = new Map<Digest, string>();
  /** Folders above the layout that got names in this run. */
  readonly #parents = new Set<string>();

  constructor(path: string, selector: Selector, durable: boolean) {
    super(path, selector);
    this.#durable = durable;
  }

  async resolve(): Promise<Descriptor | undefined> {
    const entry = (await this.readIndex())?.entries.find((listed) => this.#isOurs(listed));
    return entry === undefined ? undefined : plainDescriptor(entry);
  }

  /**
   * Believes the bytes alone, because a file of the right size may be damaged. What is there is brought to the disk, as a run that
   * was killed may not have done that. A link is not content of the layout: another user may have put it there.
   */
  override async exists(descriptor: Descriptor, { signal }: CallOptions = {}): Promise<boolean> {
    const path = this.blobPath(descriptor);
    await this.#demandFolders();
    const found = await statIfThere(path, lstat, this.path);
    if (found?.isFile() !== true || found.size !== descriptor.size) return false;
    const state = stateOf(found);
    if (this.#verified.get(descriptor.digest) === state) return true;
    const file = await openFile(path);
    try {
      const { sha256Hex } = await measure(readRange(file, { start: 0, end: found.size + 1 }, signal));
      if (sha256Hex !== digestHex(descriptor.digest)) return false;
      if (this.#durable) await file.datasync();
    } catch (cause) {
      throw isSystemError(cause) ? localIoError(`cannot read ${path}`, cause) : cause;
    } finally {
      await file.close();
    }
    this.#verified.set(descriptor.digest, state);
    return true;
  }

  async push(
    descriptor: Descriptor,
    content: ReplayableContent,
    options: CallOptions = {},
  ): Promise<PushOutcome> {
    if (await this.exists(descriptor, options)) return 'present';
    const what = `${descriptor.digest} for ${this.location}`;
    const path = this.blobPath(descriptor);
    const stream = forReading(content).open();
    const isVerified = verifiedDigest(stream) === descriptor.digest;
    const bytes = isVerified ? sized(stream, descriptor, what) : verified(stream, descriptor, what);
    await this.#write(path, bytes, options.signal);
    const written = await statIfThere(path, lstat, this.path);
    if (written !== undefined) this.#verified.set(descriptor.digest, stateOf(written));
    return 'pushed';
  }

  async pushUnnamed(content: GrowingContent, options: CallOptions = {}): Promise<GrowingPush> {
    await this.#demandFolders();
    const unnamed = new UnnamedBlob(content, options, (path, bytes, signal) =>
      this.#write(path, bytes, signal),
    );
    return {
      ended: unnamed.ended,
      finish: async (descriptor, whole, call = {}) => {
        await this.#demandFolders();
        if (await unnamed.isNow(descriptor, this.blobPath(descriptor))) return 'pushed';
        return this.push(descriptor, whole, call);
      },
      cancel: () => {
        unnamed.cancel();
      },
    };
  }

  async tag(
    manifest: Descriptor,
    bytes: Uint8Array,
    { expected, ...options }: TagOptions = {},
  ): Promise<void> {
    await this.push(manifest, contentOf(bytes), options);
    await removeAbandoned(this.path, PART_PREFIX);
    const { name } = this.selector;
    const annotations = {
      ...manifest.annotations,
      ...(name === undefined ? {} : { [ANNOTATION.ociRefName]: name }),
    };
    const entry: Descriptor = {
      ...manifest,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    };
    await this.#list(entry, (listed) => this.#isOurs(listed), { ...options, expected });
  }

  /** Lists the document without a name, behind the images. */
  async attach(manifest: Descriptor, bytes: Uint8Array, options: CallOptions = {}): Promise<PushOutcome> {
    const outcome = await this.push(manifest, contentOf(bytes), options);
    const document = await inTurns(documentSteps(bytes, manifest.mediaType), options.signal);
    const entry = referrerOf(manifest, document);
    await this.#list(entry, (listed) => isAttached(listed) && listed.digest === entry.digest, options);
    return outcome;
  }

  /** Another run may list an entry in the same folder, and neither must be lost. */
  async #list(
    entry: Descriptor,
    isReplaced: (listed: ListedDescriptor) => boolean,
    options: TagOptions,
  ): Promise<void> {
    await withFileLock(
      join(this.path, LOCK),
      () => this.#writeIndex(entry, isReplaced, options),
      options.signal,
    );
  }

  async #writeIndex(
    entry: Descriptor,
    isReplaced: (listed: ListedDescriptor) => boolean,
    options: TagOptions,
  ): Promise<void> {
    const old = await this.readIndex();
    demandTag(this.location, old?.entries.find((listed) => this.#isOurs(listed))?.digest, options);
    const kept = (old?.entries ?? []).filter((listed) => !isReplaced(listed));
    const raw = (listed: ListedDescriptor): JsonObject => listed.raw;
    const images = kept.filter((listed) => !isAttached(listed)).map(raw);
    const attached = kept.filter(isAttached).map(raw);
    const added = descriptorToJson(entry);
    const index = {
      ...(old?.raw ?? { schemaVersion: 2, mediaType: MEDIA.ociIndex }),
      manifests: isAttached(entry) ? [...images, ...attached, added] : [...images, added, ...attached],
    };
    const layout = contentOf(serialise({ imageLayoutVersion: '1.0.0' }));
    await this.#write(join(this.path, 'oci-layout'), layout.open(), options.signal);
    // The index names what is below it, so all of that has to be on the disk first.
    await this.#sync(this.#folders());
    await this.#write(join(this.path, 'index.json'), contentOf(serialise(index)).open(), options.signal);
    await this.#sync([this.path]);
  }

  /** True for the entry that our tag replaces: the one with this name, or the one without a name. */
  #isOurs(entry: ListedDescriptor): boolean {
    return entry.annotations?.[ANNOTATION.ociRefName] === this.selector.name && !isAttached(entry);
  }

  /** An index that lost its content names no image, so a new one takes its place. */
  protected foundEmpty(): void {
    // The caller goes on as without an index.
  }

  async #write(
    path: string | (() => Promise<string>),
    content: ByteStream,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const folder = typeof path === 'string' ? dirname(path) : join(this.path, 'blobs', 'sha256');
    try {
      const first = await makeFolders(folder);
      if (first !== undefined) this.#noteParents(resolve(first));
      await writeWhole(path, content, { aside: this.path, durable: this.#durable, signal });
    } catch (cause) {
      signal?.throwIfAborted();
      throw errorCode(cause)?.startsWith('E') === true
        ? localIoError(`cannot write ${typeof path === 'string' ? path : folder}`, cause)
        : cause;
    }
  }

  /** Notes the folders in which the layout, and the missing folders above it, got their names. */
  #noteParents(first: string): void {
    for (let made = resolve(this.path); made.length >= first.length; made = dirname(made))
      this.#parents.add(dirname(made));
  }

  /** The folders with all names of the layout, from the blobs up. An earlier run may have been killed before it synchronised them. */
  #folders(): readonly string[] {
    const blobs = join(this.path, 'blobs');
    return [join(blobs, 'sha256'), blobs, this.path, dirname(resolve(this.path)), ...this.#parents];
  }

  async #sync(folders: readonly string[]): Promise<void> {
    if (!this.#durable) return;
    try {
      await Promise.all(folders.map(syncFolder));
    } catch (cause) {
      throw localIoError(`cannot write ${this.path}`, cause);
    }
  }

  /** Refuses links in the place of the folders of blobs: in a shared layout, another user may have put them there. */
  async #demandFolders(): Promise<void> {
    try {
      refusePlantedLinks(join(this.path, 'blobs'));
    } catch (cause) {
      throw localIoError(`cannot write ${this.path}`, cause);
    }
    const blobs = join(this.path, 'blobs');
    for (const folder of [blobs, join(blobs, 'sha256')]) {
      const found = await statIfThere(folder, lstat, this.path);
      if (found === undefined || found.isDirectory()) continue;
      throw new LocalIoError(`cannot write ${folder}: it is a link or a file`, {
        hint: 'a layout that is written has its blobs inside it; put a folder there, or name another layout',
      });
    }
  }
}

/** Changes whenever the bytes of the file do. */
function stateOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join();
}

function isSystemError(cause: unknown): boolean {
  return cause instanceof Error && 'syscall' in cause;
}

/** The descriptor that a registry would give: without the entry's annotations and raw form. */
function plainDescriptor(entry: ListedDescriptor): Descriptor {
  const { mediaType, digest, size } = entry;
  return { mediaType, digest, size };
}
