/**
 * This rule compares the filesystem of a Nydus image with that of its source. It overlays the source's layers and
 * compares the resulting tree with the bootstrap.
 */
import { chargeRepetition } from '../image/repeated-layers.js';
import { overlaySteps } from '../merge/overlay.js';
import { layerTreeSteps, type LayerTree } from '../merge/layer-tree.js';
import type { ScannedTables } from '../native/addon-types.js';
import { withBudget } from '../native/budget.js';
import type { ScannedLayer } from '../native/scanner.js';
import type { DiffId } from '../oci/digest.js';
import type { Bootstrap } from '../rafs-builder/model/tree.js';
import type { CallOptions } from '../reporter.js';
import { inTurns, Pace, type Steps } from '../turns.js';
import { finding, type Finding } from './finding.js';
import { attempt, type Looked } from './rule.js';
import { SourceScan } from './source-scan.js';
import { placeIn, type ImageSubject } from './subject.js';
import { diffTreesInSteps, type ComparableTree } from './tree-diff.js';

export interface FilesystemSubject {
  readonly target: ImageSubject;
  readonly bootstrap: Bootstrap;
  /** See `OpenedImage.isTreeOf`. Without it the rule compares the trees at once. */
  readonly isTreeOf?: ((layers: readonly ScannedTables[]) => Promise<boolean>) | undefined;
  /** Reads the tree of `bootstrap` in steps. */
  readonly readTree: () => Steps<void>;
  /** The image that `target` was made from, of the same platform. */
  readonly source: ImageSubject;
  /** The contents of the source: its bootstrap if it is a Nydus image, else its scanned layers. */
  readonly content: Bootstrap | SourceScan;
}

export async function* checkFilesystem(
  subject: FilesystemSubject,
  call: CallOptions,
): AsyncGenerator<Finding> {
  const { target, source, bootstrap, content } = subject;
  const digester = content instanceof SourceScan ? bootstrap.digester : content.digester;
  const contents = bootstrap.digester === digester;
  if (!contents) {
    yield finding('FS-DIGESTER', placeIn(target, 'bootstrap'), {
      message: 'contents are compared by chunk digest, and source and image use different ones',
      expected: digester,
      found: bootstrap.digester,
    });
  }
  let expected: ComparableTree;
  if (content instanceof SourceScan) {
    const scanned = await content.layers(bootstrap, call.signal);
    if (scanned.finding !== undefined) {
      yield scanned.finding;
      return;
    }
    const layers = scanned.value;
    const tables = layers.map((layer) => layer.tables);
    // Most images are right, and the judge sees that at much lower cost than a comparison of trees.
    const isSame = contents && (await subject.isTreeOf?.(tables)) === true;
    const unpacked = isSame ? undefined : await unpackSource(source, layers, call);
    if (unpacked?.finding !== undefined) {
      yield unpacked.finding;
      return;
    }
    const diffIds = layers.map(({ diffId }) => diffId);
    yield* diffIdFindings(source, diffIds);
    if (unpacked === undefined) return;
    expected = unpacked.value;
  } else {
    expected = treeOf(content);
  }
  await inTurns(subject.readTree(), call.signal);
  const pace = new Pace(call.signal);
  const options = { chunkSize: bootstrap.chunkSize, contents };
  for (const difference of diffTreesInSteps(expected, treeOf(bootstrap), options)) {
    if (pace.isDue) await pace.turn();
    if (difference === undefined) continue;
    const { id, path, ...details } = difference;
    yield finding(id, { ...placeIn(target, 'filesystem'), path }, details);
  }
}

/** The tree that a bootstrap shows. */
export function treeOf(bootstrap: Bootstrap): ComparableTree {
  return { root: bootstrap.root, tables: bootstrap.blobs.map((blob) => blob.chunks) };
}

/** Reports diffIDs of the config that differ from the layers': container engines refuse to unpack such an image. */
function* diffIdFindings(source: ImageSubject, diffIds: readonly DiffId[]): Generator<Finding> {
  const promised = source.config?.value.diffIds;
  if (promised?.length !== diffIds.length) return; // a rule about the config reports the count
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

/** Reads the source's layers, and returns the tree that they make together. */
async function unpackSource(
  source: ImageSubject,
  layers: readonly ScannedLayer[],
  given: CallOptions,
): Promise<Looked<ComparableTree>> {
  const trees: LayerTree[] = [];
  const { signal, budget } = withBudget(given);
  const listed = new Set<ScannedLayer>();
  for (const [index, layer] of layers.entries()) {
    const tree = await attempt(placeIn(source, `layer ${index + 1}`), 'FS-SOURCE', async () =>
      inTurns(layerTreeSteps(await layer.entries(), index), signal),
    );
    if (tree.finding !== undefined) return tree;
    // Layers that are listed again are the same object.
    if (listed.has(layer)) chargeRepetition(budget, tree.value.implied);
    listed.add(layer);
    trees.push(tree.value);
  }
  return await attempt(placeIn(source, 'filesystem'), 'FS-SOURCE', async () => ({
    root: await inTurns(overlaySteps(trees), signal),
    tables: layers.map(({ chunks }) => chunks),
  }));
}
