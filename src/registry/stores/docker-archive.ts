/**
 * The output of `docker save`, as a source. Docker 25 and later put an OCI layout into it, which then is read. Older archives have
 * only configs and layer tars, for which a manifest is made: Docker schema 2 with uncompressed layers, the same for the same
 * archive. moby/moby image/tarexport, image/spec/spec.md.
 */
import * as v from 'valibot';
import { FormatError, InvalidReferenceError, RegistryError } from '../../errors.js';
import { SNIFF_BYTES, sniffCompression } from '../../io/compression.js';
import { type ByteRange, type ByteStream, collect, contentOf, measure } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { type Digest, digestFromHex, parseDigest, sha256 } from '../../oci/digest.js';
import { boundShape } from '../../oci/json/shape.js';
import { descriptorToJson, MAX_DOCUMENT_SIZE, parseConfig, serialise } from '../../oci/manifest.js';
import { MEDIA } from '../../oci/media-types.js';
import { formatReference, parseReference } from '../../oci/reference.js';
import type { CallOptions } from '../../reporter.js';
import { ArchiveFile } from './archive-file.js';
import { positionOf, shortList } from './select-entry.js';
import { layoutMember, resolveInLayout, type ArchiveOptions } from './archive.js';
import { MadeDocuments } from './platform-index.js';
import { formatLocation, type Location, type Selector } from '../location.js';
import { type FetchOptions, type ImageSource, verifiedFor } from './store.js';

export function openDockerArchiveSource(
  path: string,
  selector: Selector,
  options: ArchiveOptions,
): ImageSource {
  return new DockerArchiveSource(path, selector, options);
}

const listSchema = v.array(
  v.looseObject({
    Config: v.string(),
    RepoTags: v.nullish(v.array(v.string())),
    Layers: v.nullish(v.array(v.string())),
  }),
);
type SavedImage = v.InferOutput<typeof listSchema>[number];

/** Some content of the archive, whole or a range. */
interface Content {
  readonly size: number;
  open(range: ByteRange | undefined, signal: AbortSignal | undefined): ByteStream;
}

interface Opened {
  readonly archive: ArchiveFile;
  readonly manifest: Descriptor;
  /** For an archive without an OCI layout: the manifest made for it, and all that this names. */
  readonly contents: ReadonlyMap<Digest, Content>;
}

class DockerArchiveSource implements ImageSource {
  readonly place: Location;
  readonly location: string;
  readonly #path: string;
  readonly #selector: Selector;
  readonly #options: ArchiveOptions;
  readonly #made = new MadeDocuments();
  #opened: Promise<Opened> | undefined;
  #archive: ArchiveFile | undefined;

  constructor(path: string, selector: Selector, options: ArchiveOptions) {
    this.place = { kind: 'docker-archive', path, ...selector };
    this.location = formatLocation(this.place);
    this.#path = path;
    this.#selector = selector;
    this.#options = options;
  }

  async resolve(options: CallOptions = {}): Promise<Descriptor> {
    return (await this.#open(options)).manifest;
  }

  async *fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    const opened = await this.#open(options);
    const made = this.#made.read(descriptor, options);
    if (made !== undefined) {
      yield* made;
      return;
    }
    const content = find(opened, descriptor);
    if (content === undefined)
      throw new RegistryError(`${descriptor.digest} is not in ${this.location}`, { status: 404 });
    const stream = content.open(options.range, options.signal);
    yield* verifiedFor(options, stream, descriptor, this.location);
  }

  async exists(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    const opened = await this.#open(options);
    return this.#made.has(descriptor) || find(opened, descriptor)?.size === descriptor.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened?.catch(() => undefined);
    await this.#archive?.[Symbol.asyncDispose]();
  }

  #open(options: CallOptions): Promise<Opened> {
    this.#opened ??= this.#read(options);
    return this.#opened;
  }

  async #read(options: CallOptions): Promise<Opened> {
    const archive = await ArchiveFile.open(this.#path, this.#options, options.signal);
    this.#archive = archive;
    const where = `docker-archive:${this.#path}`;
    const list = await archive.readAll('manifest.json', MAX_DOCUMENT_SIZE);
    if (archive.member('oci-layout') !== undefined && archive.member('index.json') !== undefined) {
      return { archive, manifest: await this.#resolveLayout(archive, list, where), contents: new Map() };
    }
    if (list === undefined) {
      throw new RegistryError(`${where} is no docker archive: it has no manifest.json`, {
        hint: 'for an OCI layout in a tar write oci-archive:FILE',
      });
    }
    const saved = selectSaved(parseList(list, where), this.#selector, where);
    return makeManifest(archive, saved, where, options.signal);
  }

  /** Tries several spellings of a name, because `manifest.json` spells names differently from the layout's index. */
  async #resolveLayout(archive: ArchiveFile, list: Buffer | undefined, where: string): Promise<Descriptor> {
    const { name } = this.#selector;
    if (name === undefined || list === undefined)
      return resolveInLayout(archive, this.#selector, where, this.#made);
    const full = fullName(name);
    for (const candidate of [name, full, full.slice(full.lastIndexOf(':') + 1)]) {
      try {
        return await resolveInLayout(archive, { ...this.#selector, name: candidate }, where, this.#made);
      } catch (error) {
        if (!(error instanceof RegistryError) || error.status !== 404) throw error;
      }
    }
    return resolveInLayout(archive, this.#selector, where, this.#made);
  }
}

function find(opened: Opened, descriptor: Descriptor): Content | undefined {
  const { archive, contents } = opened;
  const made = contents.get(descriptor.digest);
  if (made !== undefined) return made;
  const member = archive.member(layoutMember(descriptor));
  return member === undefined
    ? undefined
    : { size: member.size, open: (range, signal) => archive.read(member, range, signal) };
}

function parseList(bytes: Buffer, where: string): readonly SavedImage[] {
  boundShape(bytes, `${where}: manifest.json`);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new FormatError(`${where}: manifest.json is not JSON`, { cause });
  }
  const result = v.safeParse(listSchema, json);
  if (!result.success) throw new FormatError(`${where}: manifest.json is not as "docker save" writes it`);
  return result.output;
}

function selectSaved(images: readonly SavedImage[], selector: Selector, where: string): SavedImage {
  if (selector.digest !== undefined) {
    throw new InvalidReferenceError(`${where} keeps no manifests, so no digest names an image in it`, {
      hint: 'name the image by its tag, as docker images shows it',
    });
  }
  const wanted = selector.name === undefined ? undefined : fullName(selector.name);
  const position = positionOf(selector.name);
  const candidates =
    wanted === undefined
      ? images
      : images.filter(
          (image, i) => i === position || (image.RepoTags ?? []).some((tag) => fullName(tag) === wanted),
        );
  const listed = shortList(images, ({ RepoTags }, i) => `@${i}${tagsText(RepoTags ?? [])}`);
  const [image, ...others] = candidates;
  if (image === undefined) {
    throw new RegistryError(`${where} holds no such image`, {
      status: 404,
      hint: images.length === 0 ? 'its list is empty' : `it holds ${listed}`,
    });
  }
  if (others.length > 0)
    throw new RegistryError(`${where} holds several images`, {
      hint: `say which one, by :NAME:TAG or :@POSITION: ${listed}`,
    });
  return image;
}

function tagsText(tags: readonly string[]): string {
  return tags.length === 0 ? '' : ` (${shortList(tags, (tag) => tag)})`;
}

/** Completes a short name by Docker's rules; a text that is no name stays as it is. */
function fullName(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch (error) {
    if (error instanceof InvalidReferenceError) return name;
    throw error;
  }
}

async function makeManifest(
  archive: ArchiveFile,
  image: SavedImage,
  where: string,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  const contents = new Map<Digest, Content>();
  const configBytes = await archive.readAll(image.Config, MAX_DOCUMENT_SIZE);
  if (configBytes === undefined) throw new FormatError(`${where}: config ${image.Config} is missing`);
  const { diffIds } = parseConfig(configBytes);
  const names = image.Layers ?? [];
  if (diffIds.length !== names.length) {
    throw new FormatError(
      `${where}: unmatched layers between manifest and config: ${names.length} != ${diffIds.length}`,
    );
  }
  const layers: Descriptor[] = [];
  for (const [i, name] of names.entries()) {
    const member = archive.member(name);
    if (member === undefined) throw new FormatError(`${where}: layer ${name} is missing`);
    const start = archive.read(member, { start: 0, end: SNIFF_BYTES }, signal);
    const compression = sniffCompression(await collect(start, SNIFF_BYTES, name));
    // An uncompressed layer's digest is its diffID, which is verified when the layer is read. Other layers have to be digested now.
    const digest =
      compression === 'none'
        ? parseDigest(diffIds[i] ?? '')
        : digestFromHex((await measure(archive.read(member, undefined, signal))).sha256Hex);
    layers.push({ mediaType: LAYER_TYPES[compression], digest, size: member.size });
    contents.set(digest, { size: member.size, open: (range, open) => archive.read(member, range, open) });
  }
  const config: Descriptor = {
    mediaType: MEDIA.dockerConfig,
    digest: sha256(configBytes),
    size: configBytes.length,
  };
  const bytes = serialise({
    schemaVersion: 2,
    mediaType: MEDIA.dockerManifest,
    config: descriptorToJson(config),
    layers: layers.map(descriptorToJson),
  });
  const manifest: Descriptor = { mediaType: MEDIA.dockerManifest, digest: sha256(bytes), size: bytes.length };
  for (const [descriptor, content] of [
    [config, configBytes],
    [manifest, bytes],
  ] as const) {
    contents.set(descriptor.digest, {
      size: content.length,
      open: (range) => contentOf(content).open(range),
    });
  }
  return { archive, manifest, contents };
}

const LAYER_TYPES = {
  none: MEDIA.dockerLayerTar,
  gzip: MEDIA.dockerLayerGzip,
  // Docker has no type for zstd.
  zstd: MEDIA.ociLayerZstd,
} as const;
