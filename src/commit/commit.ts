/**
 * `commitImage` puts a tar of changes on a Nydus image as one more layer. Of the base only its bootstrap is read; its blobs are mounted
 * or copied into the target. Blobs are pushed first and the tag last, so no client can pull an incomplete image.
 */
import { tmpdir } from 'node:os';
import { bootstrapLayer, type BlobMeta } from '../convert/bootstrap-layer.js';
import { familyOf } from '../convert/assemble.js';
import { type FormatOptions, formatOptions } from '../convert/format.js';
import { storedDocument, type StoredDocument } from '../convert/halves.js';
import { publish } from '../convert/publish.js';
import { entryFor, replacedIndex } from '../convert/merge-index.js';
import { stopwatch } from '../convert/stopwatch.js';
import { Uploads } from '../convert/uploads.js';
import { Copier, type CopiedContent } from '../copy/copier.js';
import { readWhole } from '../copy/copy.js';
import { FormatError, UnsupportedError } from '../errors.js';
import { type BootstrapLayer, fetchBootstrap } from '../image/bootstrap-layer.js';
import { chooseImage, imageEntries } from '../image/choose.js';
import { ownDigests } from '../image/identity.js';
import { type Image, platformOf, readConfig } from '../image/image.js';
import { bootstrapLayerOf, recordedSource } from '../image/kinds.js';
import { groupHalves, type PairableImage } from '../image/pairs.js';
import type { ReferenceTree } from '../image/reference-tree.js';
import { readFileRange } from '../io/file-range.js';
import { openScratch } from '../io/scratch.js';
import { type ByteStream, contentOf } from '../io/streams.js';
import { prefetchTableOf } from '../look/prefetch-table.js';
import { withBudget } from '../native/budget.js';
import { openBootstrapInTurns } from '../native/judge.js';
import type { SealedBlob } from '../native/packer.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { type DiffId, digestFromHex } from '../oci/digest.js';
import { jsonObjectSteps } from '../oci/json/value.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import { formatPlatform } from '../oci/platform.js';
import { formatOf } from '../optimize/format.js';
import { tagOf } from '../registry/moved-tag.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import { layerBlobs } from '../reverse/rebuild.js';
import { secondLook } from '../reverse/second-look.js';
import type { CallOptions, PackStats } from '../reporter.js';
import { inTurns } from '../turns.js';
import { commitsIn, committedConfig, committedManifest, type Place } from './documents.js';
import { packChanges } from './layer.js';
import { type CommitOptions, commitOptions } from './options.js';
import { commitOrdinary } from './ordinary.js';

/** The Nydus image that changes are put on, and the target of the result, which may be the same. */
export interface CommitImages {
  readonly base: ImageSource;
  readonly target: ImageTarget;
}

export interface CommitResult {
  /** The manifest or index that the target's tag now points to. */
  readonly root: Descriptor;
  readonly target: string;
  /** True when the target's tag led to this root before the run. */
  readonly unchanged: boolean;
  readonly platform: string;
  /** The manifest that the changes were put on. */
  readonly base: Descriptor;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly blob: Descriptor;
  /** The ordinary image beside it, and its new layer; undefined where the base is no merged index. */
  readonly ordinary: { readonly manifest: Descriptor; readonly layer: Descriptor } | undefined;
  /** How often something was put on the image in this way, this time included. */
  readonly times: number;
  readonly stats: PackStats;
  /** What the target got or had already of the base. */
  readonly contents: readonly CopiedContent[];
  readonly milliseconds: number;
}

/** `changes` is a tar. Throws a NydusError, or the signal's reason once it has fired; the target's tag is then unchanged. */
export async function commitImage(
  images: CommitImages,
  changes: ByteStream,
  given: Partial<CommitOptions> = {},
  from: CallOptions = {},
): Promise<CommitResult> {
  const options = commitOptions(given);
  const call = withBudget(from);
  const started = performance.now();
  const { target } = images;
  call.signal?.throwIfAborted();
  try {
    await using scratch = await openScratch(options.workDir ?? tmpdir());
    const span = stopwatch(() => performance.now()).push;
    await using uploads = new Uploads(target, options.concurrency, span, call);
    const before = await tagOf(target, uploads.call);
    const { source, tree } = await readWhole(images.base, uploads.call);
    const run = { target, uploads, options, path: scratch.file('changes.blob') };
    const made = await commitOn(run, await baseOf(tree, options, uploads.call), changes).catch(
      (error: unknown) => {
        throw uploads.blame(error);
      },
    );
    const contents = await copyRest(run, { source, tree }, made);
    const result = made.ordinary === undefined ? made.manifest : indexOf(tree, made);
    const manifests = [made.manifest, ...(made.ordinary === undefined ? [] : [made.ordinary.manifest])];
    const unchanged = await publish(target, { manifests, root: result, before }, uploads.call);
    return {
      root: result.descriptor,
      target: target.location,
      unchanged,
      platform: formatPlatform(made.base.platform),
      base: made.base.image.manifest.descriptor,
      manifest: made.manifest.descriptor,
      config: made.config,
      blob: made.blob,
      ordinary:
        made.ordinary === undefined
          ? undefined
          : { manifest: made.ordinary.manifest.descriptor, layer: made.ordinary.layer },
      times: made.times,
      stats: made.stats,
      contents,
      milliseconds: performance.now() - started,
    };
  } catch (error) {
    call.signal?.throwIfAborted();
    throw error;
  }
}

interface Run {
  readonly target: ImageTarget;
  readonly uploads: Uploads;
  readonly options: CommitOptions;
  /** The file of the new blob. */
  readonly path: string;
}

interface Base {
  readonly image: Image;
  readonly platform: Platform;
  /** The ordinary image of a merged index. */
  readonly oci: Image | undefined;
}

interface Made {
  readonly base: Base;
  readonly manifest: StoredDocument;
  readonly config: Descriptor;
  readonly blob: Descriptor;
  readonly ordinary: { readonly manifest: StoredDocument; readonly layer: Descriptor } | undefined;
  readonly times: number;
  readonly stats: PackStats;
}

/** Throws UsageError where no Nydus image or several are meant. */
async function baseOf(
  tree: ReferenceTree,
  { platform: wanted, preferred }: CommitOptions,
  call: CallOptions,
): Promise<Base> {
  const image = await chooseImage(tree, { platform: wanted, preferred, half: 'nydus' }, call);
  const platform = await platformOf(image, call);
  if (tree.index === undefined) return { image, platform, oci: undefined };
  const name = formatPlatform(platform);
  const beside: PairableImage[] = [];
  let others = 0;
  for (const entry of imageEntries(tree)) {
    const one = await tree.image(entry, call);
    if (formatPlatform(await platformOf(one, call)) === name) beside.push({ ...one, platformName: name });
    else others += 1;
  }
  if (others > 0) {
    const message = `the result is for ${name} alone: the changes are not those of the other images of the index`;
    call.reporter?.emit({ type: 'warning', code: 'COMMIT_PLATFORM', message });
  }
  const group = groupHalves(beside).find(({ nydus }) =>
    nydus.some(({ manifest }) => manifest.descriptor.digest === image.manifest.descriptor.digest),
  );
  return { image, platform, oci: group?.oci[0] };
}

/** The blob, the bootstrap's layer and the config are being sent when it returns. */
async function commitOn(run: Run, base: Base, changes: ByteStream): Promise<Made> {
  const { uploads, options, path } = run;
  const { call } = uploads;
  const { image } = base;
  const { value, descriptor: source, bytes: text } = image.manifest;
  const last = bootstrapLayerOf(value);
  if (last === undefined) throw new FormatError(`manifest ${source.digest} has no bootstrap layer`);
  const times = commitsIn(last.annotations?.[ANNOTATION.nydusCommitBlobs]).length + 1;
  if (times > options.maximumTimes)
    throw new UnsupportedError(`reached maximum committed times ${options.maximumTimes}`, {
      hint: 'convert the image anew, so that its layers are few again',
    });
  const read = (): ReturnType<typeof fetchBootstrap> => fetchBootstrap(image, call, { blobMetas: true });
  const fetched = await secondLook(image.store, last, call, read);
  const { sealed, stats, bootstrap } = await packChanges(
    {
      base: fetched.bytes,
      changes,
      format: await formatOver(fetched.bytes, options, call),
      threads: options.threads,
      path,
    },
    call,
  );
  const blob: Descriptor = { mediaType: MEDIA.nydusBlob, digest: sealed.digest, size: sealed.size };
  uploads
    .push(blob, { size: sealed.size, open: (range) => readFileRange(path, range) })
    .catch(() => undefined); // `settle` reports it
  const layer = await bootstrapLayer(bootstrap, metasOf(fetched.layer, sealed));
  const config = await readConfig(image, call);
  const own = layerBlobs(value, config.value);
  const place: Place = {
    after: own.length === 0 ? 0 : value.layers.findLastIndex((one) => one === own.at(-1)) + 1,
    bootstrap: value.layers.indexOf(last),
  };
  const what = `manifest ${source.digest}`;
  const newConfig = storedDocument(
    base.oci === undefined ? familyOf(value.mediaType, false).config : value.config.mediaType,
    committedConfig(
      await inTurns(jsonObjectSteps(config.bytes, `config of ${what}`), call.signal),
      place,
      value.layers.length,
      // No client decompresses a blob, so its diffID is its digest.
      { blob: blob.digest as string as DiffId, bootstrap: layer.diffId },
      options,
    ),
  );
  const named = { digest: layer.digest, size: layer.bytes.length };
  const manifest = storedDocument(
    source.mediaType,
    committedManifest(await inTurns(jsonObjectSteps(text, what), call.signal), place, {
      config: newConfig.descriptor,
      layers: { blob, bootstrap: { ...named, diffId: layer.diffId } },
      gone: ownDigests(image.manifest),
    }),
  );
  uploads.push({ mediaType: last.mediaType, ...named }, contentOf(layer.bytes)).catch(() => undefined);
  uploads.push(newConfig.descriptor, contentOf(newConfig.bytes)).catch(() => undefined);
  const ordinary =
    base.oci === undefined
      ? undefined
      : await commitOrdinary(run, base.oci, { nydus: image, blob, path, bootstrap });
  return { base, manifest, config: newConfig.descriptor, blob, ordinary, times, stats };
}

/** The format of the base, but for what the caller chooses; what clients load first stays as it was. */
async function formatOver(
  bytes: Buffer,
  { format }: CommitOptions,
  call: CallOptions,
): Promise<FormatOptions> {
  const image = await openBootstrapInTurns(bytes, call.signal);
  const known = formatOf(bytes, image.bootstrap, prefetchTableOf(image) ?? [{ path: '/', kind: 'exact' }]);
  // The level is that of a compressor.
  const { compressionLevel, ...others } = known;
  return formatOptions({
    ...others,
    ...(format.compressor === undefined ? { compressionLevel } : {}),
    ...format,
  });
}

/** The chunk tables for nydusd's cache: those that the image has, and the new one. */
function metasOf({ files }: BootstrapLayer, { digest, blobMeta }: SealedBlob): readonly BlobMeta[] {
  const kept = [...files].flatMap(([path, bytes]): BlobMeta[] => {
    const id = /^image\/([0-9a-f]{64})\.blob\.meta$/.exec(path)?.[1];
    return id === undefined ? [] : [{ blob: digestFromHex(id), bytes }];
  });
  return blobMeta.length === 0 ? kept : [...kept, { blob: digest, bytes: blobMeta }];
}

/** Brings what the manifests name into the target, and what keeps the layers alive in which chunks stay. */
async function copyRest(
  { target, uploads, options }: Run,
  { source, tree }: { readonly source: ImageSource; readonly tree: ReferenceTree },
  { manifest, ordinary, base: { image } }: Made,
): Promise<readonly CopiedContent[]> {
  const { call } = uploads;
  const copier = new Copier(
    { source, target },
    { concurrency: options.concurrency, isPlaced: (digest) => uploads.has(digest) },
  );
  const documents = [manifest, ...(ordinary === undefined ? [] : [ordinary.manifest])];
  for (const { descriptor, bytes } of documents) await copier.copyBelow(descriptor, bytes, call);
  const { subject, layers } = image.manifest.value;
  const refers = layers.some(({ annotations }) => annotations?.[ANNOTATION.nydusRef] !== undefined);
  if (refers && subject !== undefined && (await tree.store.exists(subject, call)))
    await copier.copy(subject, call);
  await uploads.settle();
  return copier.copied;
}

/** Digests by which an image of the base, or what that was made from, can be meant. */
function goneOf({ manifest }: Image): ReadonlySet<string> {
  const { digest } = recordedSource(manifest.value);
  return new Set([...ownDigests(manifest), ...(digest === undefined ? [] : [digest])]);
}

/** The index of both images. */
function indexOf(tree: ReferenceTree, { base, manifest, ordinary }: Made): StoredDocument {
  const { index } = tree;
  if (index === undefined || ordinary === undefined || base.oci === undefined) return manifest;
  const made = [
    { image: base.oci, document: ordinary.manifest },
    { image: base.image, document: manifest },
  ];
  const entries = made.flatMap(({ image, document }) =>
    tree.entries
      .filter(({ descriptor }) => descriptor.digest === image.manifest.descriptor.digest)
      .map((entry) => entryFor(tree.entryJson(entry), goneOf(image), document.descriptor)),
  );
  const { mediaType } = index.value;
  return storedDocument(mediaType, replacedIndex(tree.indexJson(), mediaType, entries));
}
