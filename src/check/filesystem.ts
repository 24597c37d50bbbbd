/**
 * Rule: the filesystem of a Nydus image is that of its source image. The source's layers are read by the packer, which only
 * looks and stores nothing, and laid over each other as a conversion does; the result is compared with the bootstrap.
 */
import { overlay } from '../merge/overlay.js';
import { buildLayerTree, type LayerTree } from '../merge/layer-tree.js';
import { mapOrdered } from '../io/concurrency.js';
import { compareDigest } from '../io/streams.js';
import { openImageScanner, type ImageScanner } from '../native.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { DiffId } from '../oci/digest.js';
import type { RafsImage } from '../rafs-builder/image.js';
import type { Bootstrap, ChunkTable, Inode } from '../rafs-builder/tree.js';
import { nameOf } from '../registry/store.js';
import type { CallOptions } from '../reporter.js';
import { finding, type Finding } from './finding.js';
import { attempt, type Looked } from './rule.js';
import { placeIn, type ImageSubject } from './subject.js';
import { diffTrees, type ComparableTree } from './tree-diff.js';
import { isSameTree } from './tree-same.js';

/** Source layers in flight; their threads have little to keep. */
const CONCURRENCY = 3;

export interface FilesystemSubject {
  readonly target: ImageSubject;
  readonly bootstrap: Bootstrap;
  /** What the bootstrap was read from, which is quicker to compare; where it is not told, the tree is. */
  readonly stored?: RafsImage | undefined;
  /** The image that `target` was made from, of the same platform. */
  readonly source: ImageSubject;
  /** The tree of the source, when it is a Nydus image itself. */
  readonly sourceBootstrap: Bootstrap | undefined;
  readonly threads: number;
}

export async function* checkFilesystem(
  subject: FilesystemSubject,
  call: CallOptions,
): AsyncGenerator<Finding> {
  const { target, source, bootstrap, sourceBootstrap } = subject;
  const contents = bootstrap.digester === (sourceBootstrap?.digester ?? 'blake3');
  if (!contents) {
    yield finding('FS-DIGESTER', placeIn(target, 'bootstrap'), {
      message: 'contents are compared by chunk digest, and source and image use different ones',
      expected: sourceBootstrap?.digester ?? 'blake3',
      found: bootstrap.digester,
    });
  }
  const expected =
    sourceBootstrap === undefined
      ? await readSource(source, { chunkSize: bootstrap.chunkSize, threads: subject.threads }, call)
      : { value: { ...treeOf(sourceBootstrap), linked: undefined, diffIds: [] } };
  if (expected.finding !== undefined) {
    yield expected.finding;
    return;
  }
  yield* diffIdFindings(source, expected.value.diffIds);
  if (contents && isSame(expected.value, subject)) return;
  for (const { id, path, ...details } of diffTrees(expected.value, treeOf(bootstrap), {
    chunkSize: bootstrap.chunkSize,
    contents,
  })) {
    yield finding(id, { ...placeIn(target, 'filesystem'), path }, details);
  }
}

/** Most images are right, and to see only that is much cheaper. */
function isSame({ root, tables, linked }: ScannedImage, { stored }: FilesystemSubject): boolean {
  return linked !== undefined && stored?.version === 6 && isSameTree({ root, tables, linked }, stored);
}

/** The tree that a bootstrap shows. */
export function treeOf(bootstrap: Bootstrap): ComparableTree {
  return { root: bootstrap.root, tables: bootstrap.blobs.map((blob) => blob.chunks) };
}

/** A config that promises other layers than the image has: container engines refuse to unpack such an image. */
function* diffIdFindings(source: ImageSubject, diffIds: readonly DiffId[]): Generator<Finding> {
  const promised = source.config?.value.diffIds;
  if (promised?.length !== diffIds.length) return; // told by the rule that counts them
  for (const [position, found] of diffIds.entries()) {
    const expected = promised[position];
    if (expected === found) continue;
    yield finding('CONFIG-DIFF-ID', placeIn(source, `layer ${position + 1}`), {
      message: 'the content of the layer has another digest than the config promises',
      expected: expected ?? '',
      found,
    });
  }
}

interface ScanOptions {
  readonly chunkSize: number;
  readonly threads: number;
}

async function readSource(
  source: ImageSubject,
  options: ScanOptions,
  call: CallOptions,
): Promise<Looked<ScannedImage>> {
  const { layers } = source.manifest.value;
  // Every layer by itself, whatever order they come in: only digests are compared.
  using packer = openImageScanner({ ...options, dedup: 'layer' });
  const scanned: Looked<ScannedLayer>[] = [];
  await mapOrdered(
    largestFirst(layers),
    CONCURRENCY,
    async ([index, descriptor], _, signal) => {
      scanned[index] = await attempt(placeIn(source, `layer ${index + 1}`), 'FS-SOURCE', () =>
        scanLayer(packer, source, { descriptor, index }, { ...call, signal }),
      );
    },
    call.signal,
  );
  const trees: LayerTree[] = [];
  const tables: ChunkTable[] = [];
  const diffIds: DiffId[] = [];
  for (const layer of scanned) {
    if (layer.finding !== undefined) return layer;
    trees.push(layer.value.tree);
    tables.push(layer.value.chunks);
    diffIds.push(layer.value.diffId);
  }
  return await attempt(placeIn(source, 'filesystem'), 'FS-SOURCE', () => ({
    root: overlay(trees),
    linked: new Set(trees.flatMap(({ linked }) => Array.from(linked))),
    tables,
    diffIds,
  }));
}

/** With positions. One layer is inflated by one thread, and the longest is not to be the last to begin. */
function largestFirst(layers: readonly Descriptor[]): readonly [position: number, layer: Descriptor][] {
  return [...layers.entries()].sort(([, a], [, b]) => b.size - a.size);
}

/** What the layers of a source hold. */
interface ScannedImage extends ComparableTree {
  /** See LinkedTree; undefined when nobody knows. */
  readonly linked: ReadonlySet<Inode> | undefined;
  /** Of the uncompressed layers, lowest first. */
  readonly diffIds: readonly DiffId[];
}

interface ScannedLayer {
  readonly diffId: DiffId;
  readonly tree: LayerTree;
  readonly chunks: ChunkTable;
}

async function scanLayer(
  images: ImageScanner,
  source: ImageSubject,
  { descriptor, index }: { readonly descriptor: Descriptor; readonly index: number },
  call: CallOptions,
): Promise<ScannedLayer> {
  const packer = images.openLayer(index);
  try {
    const stream = source.store.fetch(descriptor, { ...call, digestedByCaller: true });
    for await (const bytes of stream) await packer.write(bytes);
    const table = await packer.finish();
    compareDigest(table.source.digest, descriptor, nameOf(descriptor, source.store.location));
    return { diffId: table.diffId, tree: buildLayerTree(table.entries, index), chunks: table.chunks };
  } catch (cause) {
    packer.abort();
    throw cause;
  }
}
