/** An OCI layout in a tar file: read in place; written whole when its tag is set. */
import { existsSync } from 'node:fs';
import { lstat, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocalIoError, RegistryError } from '../../errors.js';
import { readFileRange } from '../../io/file-range.js';
import { syncFolder } from '../../io/folder.js';
import { removeAbandoned } from '../../io/abandoned.js';
import { refusePlantedLinks } from '../../io/planted-links.js';
import { openScratch, type Scratch } from '../../io/scratch.js';
import { errorCode, localIoError } from '../../io/system-error.js';
import { type ByteStream, collect, type ReplayableContent } from '../../io/streams.js';
import { PART_PREFIX, writeWhole } from '../../io/whole-file.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { type Digest, digestHex } from '../../oci/digest.js';
import { type Index, MAX_DOCUMENT_SIZE, indexSteps } from '../../oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../oci/media-types.js';
import { formatReference, type Reference } from '../../oci/reference.js';
import type { GrowingContent } from '../../io/growing.js';
import type { CallOptions } from '../../reporter.js';
import { inTurns } from '../../turns.js';
import { ArchiveFile, type UnpackOptions } from './archive-file.js';
import { DOCKER_MANIFEST, dockerManifest } from './docker-manifest.js';
import { documentAt, openLayoutTarget } from './layout.js';
import { MadeDocuments } from './platform-index.js';
import { selectImage } from './select-entry.js';
import { formatLocation, type Location, type Selector } from '../location.js';
import { scanReferrers } from './referrer-scan.js';
import {
  type Attachable,
  demandTag,
  type FetchOptions,
  type GrowingPush,
  type ImageSource,
  type ImageTarget,
  isMovedTag,
  ownStream,
  type PushOutcome,
  type Referable,
  type ReferrerList,
  type ReferrerOptions,
  type TagOptions,
  type UnnamedSink,
  verifiedFor,
} from './store.js';
import { type TarFile, writeTar } from '../../io/tar/archive.js';

export interface ArchiveOptions extends UnpackOptions {
  /** The full name that an archive gives its image, for clients that load it; else none but the tag. */
  readonly imageName?: Reference | undefined;
}

export function openArchiveSource(path: string, selector: Selector, options: ArchiveOptions): ImageSource {
  return new ArchiveSource(path, selector, options);
}

export function openArchiveTarget(path: string, selector: Selector, options: ArchiveOptions): ImageTarget {
  return new ArchiveTarget(path, selector, options);
}

/** The selected image of an archive that holds an OCI layout; a document made for it goes into `made`. */
export async function resolveInLayout(
  archive: ArchiveFile,
  selector: Selector,
  location: string,
  made: MadeDocuments,
): Promise<Descriptor> {
  const { manifests } = await indexOf(archive, location);
  const { digest: wanted, name } = selector;
  if (wanted !== undefined && name === undefined && !manifests.some((entry) => entry.digest === wanted)) {
    // A manifest that only an index of the archive lists.
    const member = archive.member(layoutMember({ mediaType: '', digest: wanted, size: 0 }));
    const inside =
      member === undefined || member.size > MAX_DOCUMENT_SIZE
        ? undefined
        : documentAt(wanted, await collect(archive.read(member), MAX_DOCUMENT_SIZE, wanted));
    if (inside !== undefined) return inside;
  }
  return selectImage(manifests, selector, location, made);
}

async function indexOf(archive: ArchiveFile, location: string): Promise<Index> {
  const bytes = await archive.readAll('index.json', MAX_DOCUMENT_SIZE);
  if (bytes !== undefined) return inTurns(indexSteps(bytes, MEDIA.ociIndex));
  throw new RegistryError(`${location} is no OCI archive: it has no index.json`, {
    hint: 'for the output of "docker save" write docker-archive:FILE',
  });
}

/** The name of a blob in an archive that holds an OCI layout. */
export function layoutMember(descriptor: Descriptor): string {
  return `blobs/sha256/${digestHex(descriptor.digest)}`;
}

class ArchiveSource implements ImageSource, Referable {
  readonly place: Location;
  readonly location: string;
  readonly #path: string;
  readonly #selector: Selector;
  readonly #options: ArchiveOptions;
  readonly #made = new MadeDocuments();
  #archive: Promise<ArchiveFile> | undefined;

  constructor(path: string, selector: Selector, options: ArchiveOptions) {
    this.place = { kind: 'oci-archive', path, ...selector };
    this.location = formatLocation(this.place);
    this.#path = path;
    this.#selector = selector;
    this.#options = options;
  }

  async resolve(options: CallOptions = {}): Promise<Descriptor> {
    return resolveInLayout(
      await this.#open(options),
      this.#selector,
      `oci-archive:${this.#path}`,
      this.#made,
    );
  }

  fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    return (
      this.#made.read(descriptor, options) ?? ownStream(options, this.#fetch(descriptor, options), descriptor)
    );
  }

  async *#fetch(descriptor: Descriptor, options: FetchOptions): ByteStream {
    const archive = await this.#open(options);
    const member = archive.member(layoutMember(descriptor));
    if (member === undefined)
      throw new RegistryError(`${descriptor.digest} is not in ${this.location}`, { status: 404 });
    const stream = archive.read(member, options.range, options.signal);
    yield* verifiedFor(options, stream, descriptor, this.location);
  }

  async exists(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    if (this.#made.has(descriptor)) return true;
    return (await this.#open(options)).member(layoutMember(descriptor))?.size === descriptor.size;
  }

  async referrers(subject: Digest, options: ReferrerOptions = {}): Promise<ReferrerList> {
    const { manifests } = await indexOf(await this.#open(options), this.location);
    const read = async (descriptor: Descriptor): Promise<ByteStream | undefined> =>
      (await this.exists(descriptor, options)) ? this.fetch(descriptor, options) : undefined;
    return scanReferrers(manifests, read, subject, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const archive = await this.#archive?.catch(() => undefined);
    await archive?.[Symbol.asyncDispose]();
  }

  #open(options: CallOptions): Promise<ArchiveFile> {
    this.#archive ??= ArchiveFile.open(this.#path, this.#options, options.signal);
    return this.#archive;
  }
}

/**
 * Collects blobs in a layout folder beside the archive, and makes one tar of it when the tag is set, because the members of a tar
 * follow one another while several layers are finished at a time. An existing archive is replaced in one step.
 */
class ArchiveTarget implements ImageTarget, Attachable, UnnamedSink {
  readonly place: Location;
  readonly location: string;
  readonly #path: string;
  readonly #selector: Selector;
  readonly #options: ArchiveOptions;
  #opened:
    | Promise<{ readonly scratch: Scratch; readonly layout: ImageTarget & Attachable & UnnamedSink }>
    | undefined;

  /** The archive that is there. */
  #before: ImageSource | undefined;

  constructor(path: string, selector: Selector, options: ArchiveOptions) {
    this.place = { kind: 'oci-archive', path, ...selector };
    this.location = formatLocation(this.place);
    this.#path = path;
    this.#selector = selector;
    this.#options = options;
  }

  /** What this run has written, else what is in the archive that the new one takes the place of. */
  async *fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    try {
      yield* (await this.#open()).layout.fetch(descriptor, options);
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status !== 404) throw error;
      this.#before ??= openArchiveSource(this.#path, this.#selector, this.#options);
      yield* this.#before.fetch(descriptor, options);
    }
  }

  async exists(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    return (await this.#open()).layout.exists(descriptor, options);
  }

  async push(
    descriptor: Descriptor,
    content: ReplayableContent,
    options: CallOptions = {},
  ): Promise<PushOutcome> {
    return (await this.#open()).layout.push(descriptor, content, options);
  }

  async attach(manifest: Descriptor, bytes: Uint8Array, options: CallOptions = {}): Promise<PushOutcome> {
    return (await this.#open()).layout.attach(manifest, bytes, options);
  }

  async pushUnnamed(content: GrowingContent, options: CallOptions = {}): Promise<GrowingPush> {
    return (await this.#open()).layout.pushUnnamed(content, options);
  }

  async resolve(options: CallOptions = {}): Promise<Descriptor | undefined> {
    await demandReplaceable(this.#path);
    const source = openArchiveSource(this.#path, this.#selector, this.#options);
    try {
      return await source.resolve(options);
    } catch (error) {
      // Without the file, or without the image in it, the tag does not exist yet.
      if (
        error instanceof RegistryError ||
        (error instanceof LocalIoError && errorCode(error.cause) === 'ENOENT')
      )
        return undefined;
      throw error;
    } finally {
      await source[Symbol.asyncDispose]();
    }
  }

  async tag(
    manifest: Descriptor,
    bytes: Uint8Array,
    { expected, ...options }: TagOptions = {},
  ): Promise<void> {
    const { scratch, layout } = await this.#open();
    const { imageName } = this.#options;
    const named =
      imageName === undefined ? {} : { [ANNOTATION.containerdImageName]: formatReference(imageName) };
    await layout.tag({ ...manifest, annotations: { ...manifest.annotations, ...named } }, bytes, options);
    const forDocker = await dockerManifest(layout, bytes, imageName, options);
    if (forDocker !== undefined) await writeFile(scratch.file(`layout/${DOCKER_MANIFEST}`), forDocker);
    const { signal } = options;
    const folder = dirname(this.#path);
    try {
      await removeAbandoned(folder, PART_PREFIX);
      const files = await listFiles(scratch.file('layout'));
      if (expected !== undefined)
        demandTag(this.location, (await this.resolve(options))?.digest, { expected });
      await writeWhole(this.#path, writeTar(files), { aside: folder, durable: true, signal });
      await syncFolder(folder);
    } catch (cause) {
      signal?.throwIfAborted();
      if (isMovedTag(cause)) throw cause;
      throw localIoError(`cannot write ${this.#path}`, cause);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#before?.[Symbol.asyncDispose]();
    const opened = await this.#opened?.catch(() => undefined);
    await opened?.scratch[Symbol.asyncDispose]();
  }

  async #open(): Promise<{
    readonly scratch: Scratch;
    readonly layout: ImageTarget & Attachable & UnnamedSink;
  }> {
    this.#opened ??= this.#prepare();
    return this.#opened;
  }

  async #prepare(): Promise<{
    readonly scratch: Scratch;
    readonly layout: ImageTarget & Attachable & UnnamedSink;
  }> {
    await demandReplaceable(this.#path);
    const scratch = await openScratch(this.#options.workDir ?? dirname(this.#path));
    return { scratch, layout: openLayoutTarget(scratch.file('layout'), this.#selector, false) };
  }
}

/** An archive takes the place of a file. A pipe or device must not lose its place, nor a name by which it is known. */
async function demandReplaceable(path: string): Promise<void> {
  try {
    refusePlantedLinks(path);
  } catch (cause) {
    throw localIoError(`cannot write ${path}`, cause);
  }
  if (await mayBeReplaced(path)) return;
  throw new LocalIoError(`cannot write ${path}: it is no regular file`, {
    hint: 'name a file that may be replaced',
  });
}

async function mayBeReplaced(path: string): Promise<boolean> {
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined || there.isFile()) return true;
  if (!there.isSymbolicLink() || /^\/(dev|proc)\//.test(path)) return false;
  return (await stat(path).catch(() => undefined))?.isFile() !== false;
}

/** The index first, so that readers of streams find it, then the blobs by name. */
async function listFiles(layout: string): Promise<TarFile[]> {
  const blobs = (await readdir(join(layout, 'blobs', 'sha256'))).sort();
  const top = ['oci-layout', 'index.json', DOCKER_MANIFEST].filter((name) => existsSync(join(layout, name)));
  const names = [...top, ...blobs.map((name) => `blobs/sha256/${name}`)];
  return Promise.all(
    names.map(async (name) => {
      const path = join(layout, name);
      const { size } = await stat(path);
      return { name, size, open: () => readFileRange(path, { start: 0, end: size }) };
    }),
  );
}
