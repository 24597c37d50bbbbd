/**
 * The chunk dictionary of a conversion: another Nydus image, whose chunks the new image refers to instead of storing them again. Only
 * its bootstrap is read. Of its blobs those that the new bootstrap names come into the new manifest and into the target.
 */
import { FormatError, UnsupportedError, UsageError } from '../errors.js';
import { blobMetaOf, fetchBootstrap, type FetchedBootstrap } from '../image/bootstrap-layer.js';
import { chooseImage } from '../image/choose.js';
import { readReference } from '../image/reference-tree.js';
import { counted } from '../io/streams.js';
import type { NativeDictionary, NativeUsedBlob } from '../native/addon-types.js';
import { nativeDictionarySteps } from '../native/dictionary.js';
import { openBootstrapInTurns } from '../native/judge.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { type Digest, digestFromHex, sha256 } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import { blobFeatures } from '../rafs-builder/index.js';
import { dictionaryChunk } from '../rafs-builder/layout/wire.js';
import type { BlobRecord } from '../rafs-builder/model/tree.js';
import type { RafsImage } from '../rafs-builder/versions.js';
import {
  hasBackend,
  type ImageSource,
  isMeasurable,
  isMountable,
  type PushOutcome,
} from '../registry/stores/store.js';
import { type CallOptions, reportRead } from '../reporter.js';
import { inTurns } from '../turns.js';
import { namingDictionary } from './dictionary-errors.js';
import type { FormatOptions } from './format.js';
import type { Run } from './run.js';

/** A bootstrap that belongs to no image at hand: its blobs must be in the target already. */
export interface BootstrapFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * A Nydus image, or an index that holds one for the platform; or its bootstrap alone. Of equal chunks in several sources those of the
 * first one are referred to.
 */
export type DictionarySource = OneDictionary | readonly OneDictionary[] | DictionaryOfPlatform;
export type OneDictionary = ImageSource | BootstrapFile;
/** The sources for images of a platform. */
export type DictionaryOfPlatform = (platform: Platform) => readonly OneDictionary[];

/** A blob of the dictionary that the new image refers to, as reports name it. */
export interface DictionaryBlob extends Descriptor {
  /** Chunks that the layers would have stored without it. A chunk of several layers counts for each of them, unless duplicates are found in the whole image. */
  readonly chunks: number;
  /** The stored bytes of these chunks. */
  readonly savedBytes: number;
}

/** A blob of the dictionary in the target. */
export interface UsedBlob {
  readonly digest: Digest;
  readonly size: number;
  readonly chunks: number;
  readonly savedBytes: number;
  /** Content of its `.blob.meta` file, if the dictionary has it. */
  readonly blobMeta: Uint8Array | undefined;
}

/** One source of a dictionary, as a plan needs it. */
export interface DictionaryPart {
  readonly name: string;
  /** Where its blobs come from; undefined for a bootstrap alone. */
  readonly store: ImageSource | undefined;
  /** The number of chunks that its files refer to. */
  readonly chunks: number;
  /** Sizes are undefined for a bootstrap alone, which does not know them. */
  readonly blobs: readonly { readonly digest: Digest; readonly size: number | undefined }[];
}

/** Where blobs of a dictionary are brought. */
type Ends = Pick<Run, 'target' | 'uploads'>;

export interface Dictionary {
  readonly native: NativeDictionary;
  /** Equal digests and equal layers give equal blobs. */
  readonly digest: Digest;
  readonly parts: readonly DictionaryPart[];
  /**
   * Brings these blobs of the dictionary into the target, and returns them. An upload that fails ends the run, as any does.
   */
  use(ends: Ends, named: readonly NativeUsedBlob[]): Promise<readonly UsedBlob[]>;
}

const CONVERT_ITS_SOURCE =
  'convert the image that it was made from once more, into blobs that hold their chunks, and make the dictionary of that';
/**
 * Chunks of such blobs cannot be referred to one by one, or are not where a chunk record says. Each has the hint for a user whose
 * dictionary is such an image.
 */
const UNUSABLE = {
  ZRAN: CONVERT_ITS_SOURCE,
  SEPARATE: CONVERT_ITS_SOURCE,
  TARFS: CONVERT_ITS_SOURCE,
  BATCH: 'make the dictionary of images whose small files are not compressed together',
  ENCRYPTED: 'make the dictionary of images that are not encrypted',
  EXTERNAL: CONVERT_ITS_SOURCE,
  IS_CHUNKDICT_GENERATED: 'make the dictionary with this program, of images that it has converted',
} as const;

/** Throws UsageError for a dictionary of another format, and what reading an image throws. */
export async function loadDictionary(
  source: DictionarySource,
  platform: Platform,
  format: FormatOptions,
  call: CallOptions,
): Promise<Dictionary> {
  const parts: Part[] = [];
  for (const one of sourcesFor(source, platform)) parts.push(await loadPart(one, platform, format, call));
  const blobs = parts.flatMap((part) => part.records.map((record) => ({ record, part })));
  return {
    native: joined(parts.map(({ native }) => native)),
    parts,
    digest: sha256(parts.map((part) => `${part.digest}\n`).join('')),
    use: async (run, named) => {
      const used = new Map<Digest, UsedBlob>();
      for (const { position, chunks, savedBytes } of named) {
        const blob = blobs[position];
        if (blob === undefined) continue;
        const placed = await blob.part.place(run, blob.record);
        // Several sources of a dictionary may have one blob.
        const known = used.get(placed.digest) ?? { chunks: 0, savedBytes: 0 };
        used.set(placed.digest, {
          ...placed,
          chunks: known.chunks + chunks,
          savedBytes: known.savedBytes + savedBytes,
        });
      }
      return [...used.values()];
    },
  };
}

function sourcesFor(source: DictionarySource, platform: Platform): readonly OneDictionary[] {
  if (typeof source === 'function') return source(platform);
  return isList(source) ? source : [source];
}

function isList(source: OneDictionary | readonly OneDictionary[]): source is readonly OneDictionary[] {
  return Array.isArray(source);
}

type PlacedBlob = Pick<UsedBlob, 'digest' | 'size' | 'blobMeta'>;

/** One source of a dictionary. */
interface Part extends DictionaryPart {
  readonly native: NativeDictionary;
  /** The digest of its bootstrap. */
  readonly digest: Digest;
  readonly records: readonly BlobRecord[];
  place(ends: Ends, record: BlobRecord): Promise<PlacedBlob>;
}

/** Blobs are numbered through all parts. */
function joined(parts: readonly NativeDictionary[]): NativeDictionary {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  let blobs = 0;
  const chunks = parts.map((part) => {
    const moved = Buffer.from(part.chunks);
    for (let at = dictionaryChunk.offset.blob; at < moved.length; at += dictionaryChunk.size)
      moved.writeUInt32LE(moved.readUInt32LE(at) + blobs, at);
    blobs += part.blobs.length;
    return moved;
  });
  return { blobs: parts.flatMap((part) => part.blobs), chunks: Buffer.concat(chunks) };
}

async function loadPart(
  source: OneDictionary,
  platform: Platform,
  format: FormatOptions,
  call: CallOptions,
): Promise<Part> {
  const isFile = 'bytes' in source;
  const name = isFile ? source.name : source.location;
  call.reporter?.emit({ type: 'step', message: `reading the chunk dictionary ${name}` });
  const { fetched, bytes, image } = await namingDictionary(name, async () => {
    const fetched = isFile ? undefined : await bootstrapFrom(source, platform, call);
    const bytes = (isFile ? source.bytes : fetched?.bytes) ?? Buffer.alloc(0);
    return { fetched, bytes, image: await openBootstrapInTurns(bytes, call.signal) };
  });
  refuseOtherFormat(name, image, format);
  const native = await inTurns(nativeDictionarySteps(image), call.signal);
  const layers = new Map(fetched?.layers.map((layer) => [layer.digest, layer]));
  const metaOf = (id: string): Uint8Array | undefined =>
    fetched === undefined ? undefined : blobMetaOf(fetched.layer, id);
  const place = async (run: Ends, { id }: BlobRecord): Promise<PlacedBlob> => {
    const digest = digestFromHex(id);
    if (isFile) {
      const size = await sizeInTarget(run, digest, name);
      return { digest, size, blobMeta: undefined };
    }
    const listed = layers.get(digest);
    // A dictionary whose blobs lie in a storage backend serves images in that backend.
    if (listed === undefined && layers.size === 1 && hasBackend(run.target))
      return { digest, size: await sizeInTarget(run, digest, name), blobMeta: metaOf(id) };
    if (listed === undefined)
      throw new FormatError(
        `the chunk dictionary ${name} refers to blob ${id}, which is not in its manifest`,
        { remedy: { kind: 'check-image' } },
      );
    copy(run, source, { mediaType: MEDIA.nydusBlob, digest, size: listed.size });
    return { digest, size: listed.size, blobMeta: metaOf(id) };
  };
  const records = image.bootstrap.blobs.map(({ record }) => record);
  return {
    name,
    store: isFile ? undefined : source,
    chunks: native.chunks.length / dictionaryChunk.size,
    blobs: records.map(({ id }) => {
      const digest = digestFromHex(id);
      return { digest, size: layers.get(digest)?.size };
    }),
    native,
    digest: sha256(bytes),
    records,
    place,
  };
}

async function bootstrapFrom(
  store: ImageSource,
  platform: Platform,
  call: CallOptions,
): Promise<FetchedBootstrap & { readonly layers: readonly Descriptor[] }> {
  const tree = await readReference(store, call);
  // One image serves any platform, but an index says which ones its images are for.
  const choice = tree.index === undefined ? { preferred: platform } : { platform };
  const image = await chooseImage(tree, { ...choice, half: 'nydus' }, call);
  const fetched = await fetchBootstrap(image, call, { blobMetas: true });
  return { ...fetched, layers: image.manifest.value.layers };
}

/** A bootstrap has one version and one chunk size, and chunks are found by the digests of one algorithm. */
function refuseOtherFormat(name: string, image: RafsImage, format: FormatOptions): void {
  const { blobs, chunkSize, digester, compressor } = image.bootstrap;
  const differ = (what: string, its: number | string, wanted: number | string): void => {
    if (its === wanted) return;
    throw new UsageError(
      `the chunk dictionary ${name} has ${what} ${its}, but the image is to be converted to ${what} ${wanted}`,
      { hint: 'convert to the format of the dictionary, or with a dictionary of this format' },
    );
  };
  differ('RAFS version', image.version, format.fsVersion);
  // Without any chunk the size in the super block means nothing.
  if (blobs.length === 0) return;
  differ('chunk size', chunkSize, format.chunkSize);
  differ('digester', digester, format.digester);
  // The super block names one compressor for all blobs.
  differ('compressor', compressor, format.compressor);
  for (const { record } of blobs) {
    const feature = (Object.keys(UNUSABLE) as (keyof typeof UNUSABLE)[]).find((bit) =>
      blobFeatures.has(record.features, bit),
    );
    if (feature !== undefined)
      throw new UnsupportedError(
        `the chunk dictionary ${name} has blob ${record.id} of kind ${feature}, whose chunks other images cannot refer to`,
        { hint: UNUSABLE[feature] },
      );
  }
}

/** Mounts the blob or copies it from the dictionary's place, unless the target has it. The run's end waits for it. */
function copy({ target, uploads }: Ends, source: ImageSource, descriptor: Descriptor): void {
  const { call } = uploads;
  const content = {
    size: descriptor.size,
    open: (range?: { readonly start: number; readonly end: number }) =>
      counted(source.fetch(descriptor, { ...call, range }), (done) => {
        reportRead(call, descriptor, (range?.start ?? 0) + done);
      }),
  };
  const place = async (own: CallOptions): Promise<PushOutcome> => {
    if (await target.exists(descriptor, own)) return 'present';
    if (isMountable(target) && (await target.mount(descriptor, source.place, own))) return 'mounted';
    return target.push(descriptor, content, own);
  };
  uploads.push(descriptor, content, place).catch(() => undefined); // `settle` reports it
}

async function sizeInTarget({ target, uploads }: Ends, digest: Digest, name: string): Promise<number> {
  const size = isMeasurable(target) ? await target.sizeOf(digest, uploads.call) : undefined;
  if (size !== undefined) return size;
  throw new UnsupportedError(
    `the chunk dictionary ${name} is a bootstrap without its blobs, and ${target.location} does not have blob ${digest}`,
    { hint: 'name the image of the dictionary, whose blobs are copied' },
  );
}
