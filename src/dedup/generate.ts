/**
 * Makes a chunk dictionary out of Nydus images: a Nydus image that holds the chunks which several of them share, and can be used by
 * `convert`. Equal sources give equal dictionaries.
 *
 * The newest image of each repository with several is held back. The dictionary does not see it, and so its savings on that image say
 * what it will save on the next one.
 */
import { tmpdir } from 'node:os';
import { convertImage, type ConvertResult } from '../convert/convert.js';
import type { ConvertOptions } from '../convert/options.js';
import { UsageError } from '../errors.js';
import { readConfig } from '../image/image.js';
import { openScratch } from '../io/scratch.js';
import type { PackedEntry } from '../io/tar/stream.js';
import { type LocatedChunk, readChunks } from '../look/chunks.js';
import { digestHex } from '../oci/digest.js';
import type { Platform } from '../oci/descriptor.js';
import { repositoryOf } from '../registry/location.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { type ChoiceOptions, chooseChunks, savedBytes, storedBytes } from './choose.js';
import { ChunkSpace } from './chunk-space.js';
import { openNydusImage, type OpenedImage, type Profile, profileOf } from './profile.js';
import { TarImage, writeLayer } from './tar-image.js';

/** A dictionary that saves less than this share of the images held back is not worth its blobs. */
const LEAST_SAVING = 0.05;

export interface GenerateOptions
  extends ChoiceOptions, Pick<ConvertOptions, 'workDir' | 'threads' | 'concurrency' | 'allowedHosts'> {
  readonly platform: Platform;
  /** True: the chunks stay in the sources' blobs, which the dictionary keeps alive. False: they are packed into a blob of their own. */
  readonly inSources: boolean;
  /** Make the dictionary even if it saves little. */
  readonly force: boolean;
}

/** An image that was held back, and what a conversion with the dictionary would store of it. */
export interface HeldBack {
  readonly image: string;
  readonly storedBytes: number;
  readonly savedBytes: number;
}

export interface Generated {
  readonly sources: readonly string[];
  readonly heldBack: readonly HeldBack[];
  readonly chunks: number;
  /** Stored bytes of the chunks. */
  readonly chunkBytes: number;
  /** Of the stored bytes of all images held back the share that the dictionary saves; undefined when none was held back. */
  readonly saving: number | undefined;
  /** Undefined when the dictionary was not made because it saves too little. */
  readonly result: ConvertResult | undefined;
}

interface Source extends OpenedImage {
  readonly name: string;
  readonly profile: Profile;
  readonly created: string;
  readonly store: ImageSource;
}

/** Throws UsageError for sources that have not one format. */
export async function generateDictionary(
  stores: readonly ImageSource[],
  target: ImageTarget,
  options: GenerateOptions,
  call: CallOptions = {},
): Promise<Generated> {
  const space = new ChunkSpace();
  const sources: Source[] = [];
  for (const store of stores) sources.push(await openSourceImage(store, options.platform, space, call));
  const format = commonFormat(sources);
  const heldBack = newestOfEach(sources);
  const used = sources.filter((source) => !heldBack.has(source));
  const chosen = chooseChunks(
    used.map(({ profile }) => profile),
    space,
    options,
  );
  const report = [...heldBack].map(({ name, profile }) => ({
    image: name,
    storedBytes: storedBytes(profile),
    savedBytes: savedBytes(profile, chosen, space),
  }));
  const stored = report.reduce((sum, image) => sum + image.storedBytes, 0);
  const saved = report.reduce((sum, image) => sum + image.savedBytes, 0);
  const saving = stored === 0 ? undefined : saved / stored;
  let chunkBytes = 0;
  for (const chunk of chosen) chunkBytes += space.stored(chunk);
  const isWorthIt = saving === undefined ? chosen.size > 0 : saving >= LEAST_SAVING;
  const made = {
    sources: used.map(({ name }) => name),
    heldBack: report,
    chunks: chosen.size,
    chunkBytes,
    saving,
  };
  if (!isWorthIt && !options.force) return { ...made, result: undefined };
  await using scratch = await openScratch(options.workDir ?? tmpdir());
  const path = scratch.file('dictionary.tar');
  const layer = await writeLayer(path, members(used, chosen, space, call));
  const source = new TarImage({
    layer,
    path,
    platform: options.platform,
    createdBy: 'chunks that several images share',
  });
  const { workDir, threads, concurrency, allowedHosts } = options;
  const result = await convertImage(
    { source, target },
    {
      ...format,
      workDir,
      threads,
      concurrency,
      allowedHosts,
      // The path of a temporary file would differ from run to run.
      sourceLocation: target.place,
      dictionary: options.inSources ? used.map(({ store }) => store) : undefined,
    },
    call,
  );
  return { ...made, result };
}

async function openSourceImage(
  store: ImageSource,
  platform: Platform,
  space: ChunkSpace,
  call: CallOptions,
): Promise<Source> {
  const opened = await openNydusImage(store, { preferred: platform }, call);
  const { created } = (await readConfig(opened.image, call)).value.raw;
  return {
    ...opened,
    store,
    name: store.location,
    profile: profileOf(opened, space),
    created: typeof created === 'string' ? created : '',
  };
}

type Format = Pick<ConvertOptions, 'fsVersion' | 'chunkSize' | 'compressor' | 'digester'>;

function formatOf({ rafs }: Source): Format {
  const { chunkSize, compressor, digester } = rafs.bootstrap;
  if (compressor === 'gzip') throw new UsageError('chunks that are compressed with gzip cannot be written');
  return { fsVersion: rafs.version, chunkSize, compressor, digester };
}

/** One blob table cannot refer to chunks of different formats, and chunks of different sizes or digests are never equal. */
function commonFormat(sources: readonly Source[]): Format {
  const [first] = sources;
  if (first === undefined) throw new UsageError('no source is given');
  const format = formatOf(first);
  for (const source of sources) {
    const other = formatOf(source);
    for (const key of Object.keys(format) as (keyof Format)[]) {
      if (format[key] === other[key]) continue;
      throw new UsageError(
        `the sources have different formats: ${first.name} has ${WORDS[key]} ${format[key]}, and ${source.name} has ${other[key]}`,
      );
    }
  }
  return format;
}

const WORDS: Readonly<Record<keyof Format, string>> = {
  fsVersion: 'RAFS version',
  chunkSize: 'chunk size',
  compressor: 'compressor',
  digester: 'digester',
};

/** The newest image of each repository that has several, if two images are left for the dictionary. */
function newestOfEach(sources: readonly Source[]): ReadonlySet<Source> {
  const byRepository = new Map<string, Source[]>();
  for (const source of sources) {
    const home = repositoryOf(source.store.place) ?? homeOf(source.store);
    byRepository.set(home, [...(byRepository.get(home) ?? []), source]);
  }
  const newest = new Set<Source>();
  for (const group of byRepository.values()) {
    if (group.length < 2) continue;
    newest.add(group.reduce((known, source) => (timeOf(source) >= timeOf(known) ? source : known)));
  }
  return sources.length - newest.size < 2 ? new Set() : newest;
}

function homeOf({ place }: ImageSource): string {
  return place.kind === 'registry' ? '' : place.path;
}

/** An image without a time counts as the oldest. */
function timeOf({ created }: Source): number {
  const time = Date.parse(created);
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
}

/** Files in each folder of a dictionary. */
const IN_FOLDER = 1000;

/** A file for each chosen chunk, in the order in which they lie in the sources' blobs, so that neighbours stay neighbours. */
async function* members(
  sources: readonly Source[],
  chosen: ReadonlySet<number>,
  space: ChunkSpace,
  call: CallOptions,
): AsyncGenerator<PackedEntry> {
  yield { name: 'chunks', mode: 0o755 };
  const taken = new Set<number>();
  let count = 0;
  for (const source of sources) {
    const wanted = locate(source, chosen, taken, space);
    for await (const bytes of readChunks(source.store, wanted, call)) {
      const folder = `chunks/${Math.floor(count / IN_FOLDER)}`;
      if (count % IN_FOLDER === 0) yield { name: folder, mode: 0o755 };
      // Short names that are alike take little room in the bootstrap.
      yield { name: `${folder}/${count % IN_FOLDER}`, mode: 0o444, bytes };
      count++;
    }
  }
}

/** The chosen chunks that no source before has, in the order of the blobs. */
function locate(
  { image, rafs }: Source,
  chosen: ReadonlySet<number>,
  taken: Set<number>,
  space: ChunkSpace,
): readonly LocatedChunk[] {
  const layers = new Map(image.manifest.value.layers.map((layer) => [digestHex(layer.digest), layer]));
  const located: LocatedChunk[] = [];
  for (const { record: blob, chunks } of rafs.bootstrap.blobs) {
    const layer = layers.get(blob.id);
    if (layer === undefined) continue;
    for (const index of Uint32Array.from(chunks.indexes()).sort()) {
      const chunk = space.numberOf(chunks, index);
      if (!chosen.has(chunk) || taken.has(chunk)) continue;
      taken.add(chunk);
      located.push({ record: chunks.at(index), blob, layer });
    }
  }
  return located;
}
