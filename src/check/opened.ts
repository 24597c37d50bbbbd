/** A Nydus image with its bootstrap unpacked, audited and read. */
import { ANNOTATION } from '../oci/media-types.js';
import { digestHex } from '../oci/digest.js';
import { audit } from '../rafs-builder/audit.js';
import { rafsFormats, type SparseChunkTable } from '../rafs-builder/index.js';
import { type Blob, type Bootstrap } from '../rafs-builder/tree.js';
import { type CallOptions } from '../reporter.js';
import { bootstrapOf, readBootstrapLayer, type BootstrapLayer } from './bootstrap-layer.js';
import { finding, type Finding } from './finding.js';
import { attempt } from './rule.js';
import { placeIn, type ImageSubject } from './subject.js';

/** A blob of a bootstrap, with those of its chunks that files refer to. */
export type UsedBlob = Blob & { readonly chunks: SparseChunkTable };

export interface ReadBootstrap {
  readonly bootstrap: Bootstrap;
  /** By number. */
  readonly blobs: readonly UsedBlob[];
}

export interface OpenedImage {
  readonly image: ImageSubject;
  readonly layer: BootstrapLayer;
  readonly bootstrap: Bootstrap;
  /** The blobs of the bootstrap, by number. */
  readonly blobs: readonly UsedBlob[];
}

/** What was found on the way, and the image unless that stood in the way. */
export interface Opening {
  readonly findings: readonly Finding[];
  readonly opened: OpenedImage | undefined;
  /** The unpacked layer, even when the bootstrap in it is broken. */
  readonly layer: BootstrapLayer | undefined;
}

export async function openImage(image: ImageSubject, call: CallOptions): Promise<Opening> {
  const { layers } = image.manifest.value;
  const descriptor = layers.at(-1);
  const place = placeIn(image, `layer ${layers.length}`);
  if (descriptor?.annotations?.[ANNOTATION.nydusBootstrap] === undefined) {
    return { findings: [], opened: undefined, layer: undefined }; // a rule about layers says so
  }
  const looked = await attempt(place, 'BOOTSTRAP-LAYER', () =>
    readBootstrapLayer(image.store.fetch(descriptor, call)),
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
  const where = placeIn(image, 'bootstrap');
  const faults = auditBootstrap(bytes).map((found) => ({ ...found, where: { ...where, ...found.where } }));
  findings.push(...faults);
  const read = await attempt(where, 'BOOTSTRAP-READ', () => readBootstrap(bytes));
  if (read.finding !== undefined) {
    // The audit has told it better.
    if (!faults.some((found) => found.severity === 'error')) findings.push(read.finding);
    return { findings, opened: undefined, layer };
  }
  return { findings, opened: { image, layer, ...read.value }, layer };
}

/** Throws FormatError. */
export function readBootstrap(bytes: Uint8Array): ReadBootstrap {
  const { bootstrap } = rafsFormats[6].read(bytes);
  return { bootstrap, blobs: bootstrap.blobs };
}

/** Everything that is wrong inside a bootstrap, with places inside it. */
export function auditBootstrap(bytes: Uint8Array): Finding[] {
  return [...audit(bytes)].map(({ id, severity, message, path, offset, expected, found }) => ({
    id,
    severity,
    where: { path, offset },
    message,
    expected,
    found,
  }));
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

/** Ids of all data layers, as the blob table has them. */
export function blobIdsOf(image: ImageSubject): ReadonlySet<string> {
  return new Set(image.manifest.value.layers.slice(0, -1).map((layer) => digestHex(layer.digest)));
}
