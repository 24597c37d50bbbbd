/** Opens a Nydus image: unpacks its bootstrap, has it judged and reads it. */
import type { Steps } from '../turns.js';
import { bootstrapLayerOf, dataLayersOf } from '../image/kinds.js';
import { dataBlobs, type DataBlobs, isBacked } from '../image/stored-blobs.js';
import type { ScannedTables } from '../native/addon-types.js';
import { type JudgedBootstrap, readAndJudge } from '../native/judge.js';
import { digestHex } from '../oci/digest.js';
import type { AuditFinding } from '../rafs-builder/rules/rules.js';
import { readBootstrap, type SparseChunkTable } from '../rafs-builder/index.js';
import { type Blob, type Bootstrap, rafsBlobOf } from '../rafs-builder/model/tree.js';
import type { CallOptions } from '../reporter.js';
import { bootstrapOf, readBootstrapLayer, type BootstrapLayer } from '../image/bootstrap-layer.js';
import { finding, type Finding, type Place } from './finding.js';
import { attempt } from './rule.js';
import { placeIn, type ImageSubject } from './subject.js';

/** A blob of a bootstrap, with the chunks that files refer to. */
export interface UsedBlob extends Blob {
  readonly chunks: SparseChunkTable;
  /** The position in the blob table. */
  readonly number: number;
}

export interface ReadBootstrap {
  /** The RAFS version. */
  readonly version: 5 | 6;
  readonly bootstrap: Bootstrap;
  /** The faults that the judge found in the bootstrap. */
  readonly faults: readonly Finding[];
  /**
   * True if these layers, lowest first, unpack to the bootstrap's tree, contents included. False means unknown; then
   * the trees are compared.
   */
  readonly isTreeOf: (layers: readonly ScannedTables[]) => Promise<boolean>;
  /** Judges a blob beside the bootstrap. */
  readonly judgeBlob: JudgedBootstrap['judgeBlob'];
  /** Reads the tree of the bootstrap in steps. Without it the tree is read at once, where it is used first. */
  readonly readTree: () => Steps<void>;
  /** By the blob's number in the bootstrap. */
  readonly blobs: readonly UsedBlob[];
}

export interface OpenedImage extends ReadBootstrap {
  readonly image: ImageSubject;
  /** The blobs that hold the data, be they listed in the manifest or in a storage backend. */
  readonly data: DataBlobs;
  readonly layer: BootstrapLayer;
}

/** The findings of opening, and the image unless one of them prevented it. */
export interface Opening {
  readonly findings: readonly Finding[];
  readonly opened: OpenedImage | undefined;
  /** The unpacked layer; it is there even when its bootstrap is broken. */
  readonly layer: BootstrapLayer | undefined;
}

/**
 * Unpacks and reads the bootstrap. The judge's findings about a readable bootstrap stay in `faults`; the rules report
 * them in their turn.
 */
export async function openImage(image: ImageSubject, call: CallOptions): Promise<Opening> {
  const { layers } = image.manifest.value;
  const descriptor = bootstrapLayerOf(image.manifest.value);
  const place = placeIn(image, `layer ${layers.length}`);
  if (descriptor === undefined || descriptor !== layers.at(-1)) {
    return { findings: [], opened: undefined, layer: undefined }; // a rule about layers reports the missing layer
  }
  const looked = await attempt(place, 'BOOTSTRAP-LAYER', () =>
    readBootstrapLayer(image.store.fetch(descriptor, call), { limits: call.limits, budget: call.budget }),
  );
  if (looked.finding !== undefined)
    return { findings: [looked.finding], opened: undefined, layer: undefined };
  const layer = looked.value;
  const findings = [...checkDiffId(image, layer)];
  const bytes = bootstrapOf(layer);
  if (bytes === undefined) {
    findings.push(
      finding('BOOTSTRAP-MISSING', place, {
        message: 'there is no image/image.boot in the bootstrap layer',
        found: [...layer.files.keys()].slice(0, 5).join(', ') || 'no file',
      }),
    );
    return { findings, opened: undefined, layer };
  }
  const { findings: faults, read } = inspectBootstrap(bytes, placeIn(image, 'bootstrap'));
  if (read === undefined) findings.push(...faults);
  if (read === undefined) return { findings, opened: undefined, layer };
  const ids = read.blobs.map(({ record }) => rafsBlobOf(record));
  const data = await dataBlobs(image, ids, call);
  return { findings, opened: { image, layer, data, ...read }, layer };
}

/** A bootstrap, read and judged; `place` is its place in findings. */
export interface InspectedBootstrap {
  readonly findings: readonly Finding[];
  /** Undefined when the bootstrap cannot be read; the findings say why. */
  readonly read: ReadBootstrap | undefined;
}

export function inspectBootstrap(bytes: Uint8Array, place: Place): InspectedBootstrap {
  const { findings: judged, isTreeOf, judgeBlob } = readAndJudge(bytes);
  const findings = judged.map((found) => toFinding(found, place));
  if (judged.some(({ id }) => id === 'RAFS-READ')) return { findings, read: undefined };
  const image = readBootstrap(bytes);
  const { version, bootstrap } = image;
  const readTree = (): Steps<void> => image.readTree();
  const blobs = bootstrap.blobs.map(({ record, chunks }, number) => ({ record, chunks, number }));
  return { findings, read: { version, bootstrap, faults: findings, isTreeOf, judgeBlob, readTree, blobs } };
}

export function toFinding({ path, offset, ...rest }: AuditFinding, place: Place): Finding {
  return { ...rest, where: { ...place, path, offset } };
}

function* checkDiffId(image: ImageSubject, layer: BootstrapLayer): Generator<Finding> {
  const diffIds = image.config?.value.diffIds;
  const last = diffIds?.at(-1);
  if (last === undefined || diffIds?.length !== image.manifest.value.layers.length || last === layer.diffId)
    return;
  yield finding('CONFIG-DIFF-ID', placeIn(image, 'config'), {
    message: 'last diffID is not that of the bootstrap layer',
    expected: layer.diffId,
    found: last,
  });
}

/** True if the blobs lie in a storage backend that is not at hand: the manifest lists the bootstrap alone. */
export function hasBlobsElsewhere({ image, blobs }: OpenedImage): boolean {
  return blobs.length > 0 && dataLayersOf(image.manifest.value).length === 0 && !isBacked(image);
}

/** The ids of all data layers, in the form that the blob table uses. */
export function blobIdsOf({ data }: OpenedImage): ReadonlySet<string> {
  return new Set([...data.blobs.map(({ digest }) => digest), ...data.missing].map(digestHex));
}
