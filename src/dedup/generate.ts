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
import { openScratch } from '../io/scratch.js';
import type { PackedEntry } from '../io/tar/stream.js';
import { type LocatedChunk, readChunks } from '../look/chunks.js';
import { digestHex } from '../oci/digest.js';
import type { Platform } from '../oci/descriptor.js';
import { formatPlatform } from '../oci/platform.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { type ChoiceOptions, chooseChunks, savedBytes, storedBytes } from './choose.js';
import { ChunkSpace } from './chunk-space.js';
import { commonFormat, newestOfEach, openSource, type Source, storesByPlatform } from './sources.js';
import { TarImage, type TarImagePart, writeLayer } from './tar-image.js';

/** A dictionary that saves less than this share of the images held back is not worth its blobs. */
const LEAST_SAVING = 0.05;

export interface GenerateOptions
  extends ChoiceOptions, Pick<ConvertOptions, 'workDir' | 'threads' | 'concurrency' | 'allowedHosts'> {
  /** The platform whose images are taken where a source has several. */
  readonly platform: Platform;
  /** True: a dictionary for every platform of the sources, in one index; `platform` is not asked then. */
  readonly allPlatforms?: boolean | undefined;
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

/** What was chosen. */
export interface Choice {
  readonly sources: readonly string[];
  readonly heldBack: readonly HeldBack[];
  readonly chunks: number;
  /** Stored bytes of the chunks. */
  readonly chunkBytes: number;
  /** Of the stored bytes of all images held back the share that the dictionary saves; undefined when none was held back. */
  readonly saving: number | undefined;
}

/** The figures of the choice are the sums over all platforms. */
export interface Generated extends Choice {
  /** One element for each platform. */
  readonly platforms: readonly (Choice & { readonly platform: string })[];
  /** Undefined when the dictionary was not made because it saves too little. */
  readonly result: ConvertResult | undefined;
}

/** The dictionary of one platform, before it is packed. */
interface Chosen {
  readonly platform: Platform;
  readonly space: ChunkSpace;
  readonly sources: readonly Source[];
  readonly used: readonly Source[];
  readonly chunks: ReadonlySet<number>;
  readonly choice: Choice;
}

/** Throws UsageError for sources that have not one format. */
export async function generateDictionary(
  stores: readonly ImageSource[],
  target: ImageTarget,
  options: GenerateOptions,
  call: CallOptions = {},
): Promise<Generated> {
  const groups =
    options.allPlatforms === true
      ? await storesByPlatform(stores, call)
      : ([[options.platform, stores]] as const);
  const chosen: Chosen[] = [];
  for (const [platform, own] of groups) chosen.push(await chooseFrom(own, platform, options, call));
  const format = commonFormat(chosen.flatMap(({ sources }) => sources));
  const choice = together(chosen.map((one) => one.choice));
  const platforms = chosen.map((one) => ({ platform: formatPlatform(one.platform), ...one.choice }));
  const isWorthIt = choice.saving === undefined ? choice.chunks > 0 : choice.saving >= LEAST_SAVING;
  if (!isWorthIt && !options.force) return { ...choice, platforms, result: undefined };
  await using scratch = await openScratch(options.workDir ?? tmpdir());
  const parts: TarImagePart[] = [];
  for (const [number, one] of chosen.entries()) {
    const path = scratch.file(`dictionary-${number}.tar`);
    const layer = await writeLayer(path, members(one, call));
    parts.push({ layer, path, platform: one.platform });
  }
  const source = new TarImage(parts, 'chunks that several images share');
  const { workDir, threads, concurrency, allowedHosts, inSources } = options;
  const usedOf = new Map(chosen.map(({ platform, used }) => [formatPlatform(platform), used]));
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
      dictionary: inSources
        ? (platform) => (usedOf.get(formatPlatform(platform)) ?? []).map(({ store }) => store)
        : undefined,
    },
    call,
  );
  return { ...choice, platforms, result };
}

async function chooseFrom(
  stores: readonly ImageSource[],
  platform: Platform,
  options: GenerateOptions,
  call: CallOptions,
): Promise<Chosen> {
  const space = new ChunkSpace();
  const sources: Source[] = [];
  for (const store of stores) sources.push(await openSource(store, platform, space, call));
  const heldBack = newestOfEach(sources);
  const used = sources.filter((source) => !heldBack.has(source));
  const profiles = used.map(({ profile }) => profile);
  const chunks = chooseChunks(profiles, space, options);
  let chunkBytes = 0;
  for (const chunk of chunks) chunkBytes += space.stored(chunk);
  const report = [...heldBack].map(({ name, profile }) => ({
    image: name,
    storedBytes: storedBytes(profile),
    savedBytes: savedBytes(profile, chunks, space),
  }));
  const choice = {
    sources: used.map(({ name }) => name),
    heldBack: report,
    chunks: chunks.size,
    chunkBytes,
    saving: savingOf(report),
  };
  return { platform, space, sources, used, chunks, choice };
}

function savingOf(heldBack: readonly HeldBack[]): number | undefined {
  const stored = heldBack.reduce((sum, image) => sum + image.storedBytes, 0);
  return stored === 0 ? undefined : heldBack.reduce((sum, image) => sum + image.savedBytes, 0) / stored;
}

/** An image of several platforms is named once. */
function together(choices: readonly Choice[]): Choice {
  const heldBack = choices.flatMap((choice) => choice.heldBack);
  return {
    sources: [...new Set(choices.flatMap(({ sources }) => sources))],
    heldBack,
    chunks: choices.reduce((sum, { chunks }) => sum + chunks, 0),
    chunkBytes: choices.reduce((sum, { chunkBytes }) => sum + chunkBytes, 0),
    saving: savingOf(heldBack),
  };
}

/** Files in each folder of a dictionary. */
const IN_FOLDER = 1000;

/** A file for each chosen chunk, in the order in which they lie in the sources' blobs, so that neighbours stay neighbours. */
async function* members({ used, chunks, space }: Chosen, call: CallOptions): AsyncGenerator<PackedEntry> {
  yield { name: 'chunks', mode: 0o755 };
  const taken = new Set<number>();
  let count = 0;
  for (const source of used) {
    const wanted = locate(source, chunks, taken, space);
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
