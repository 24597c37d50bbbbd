/** A Nydus image with its bootstrap unpacked, read and audited. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FormatError, UnsupportedError } from '../errors.js';
import { bootstrapLayerOf, dataLayersOf } from '../image/kinds.js';
import { findingsOf, judgeBootstrap, type SoundBootstrap } from '../native/index.js';
import { digestHex } from '../oci/digest.js';
import { audit, auditSteps, type AuditFinding } from '../rafs-builder/rules/audit.js';
import { isV5 } from '../rafs-builder/read/v5/tables.js';
import type { RafsImage } from '../rafs-builder/versions.js';
import { readV5, readV6, type SparseChunkTable } from '../rafs-builder/index.js';
import type { Blob, Bootstrap } from '../rafs-builder/model/tree.js';
import type { CallOptions } from '../reporter.js';
import { bootstrapOf, readBootstrapLayer, type BootstrapLayer } from '../image/bootstrap-layer.js';
import { finding, type Finding, type Place } from './finding.js';
import { attempt } from './rule.js';
import { placeIn, type ImageSubject } from './subject.js';

/** A blob of a bootstrap, with those of its chunks that files refer to. */
export type UsedBlob = Blob & { readonly chunks: SparseChunkTable };

export interface ReadBootstrap {
  /** Of RAFS. */
  readonly version: 5 | 6;
  readonly bootstrap: Bootstrap;
  /** As it is stored. */
  readonly stored: RafsImage;
  /** Undefined when it is of v5, or in doubt: the rules then tell why. */
  readonly sound: SoundBootstrap | undefined;
  /** Findings of the judge about a v5 bootstrap; the rules over v6 are asked when their turn comes. */
  readonly judged: readonly AuditFinding[];
  /** By number. */
  readonly blobs: readonly UsedBlob[];
}

export interface OpenedImage extends ReadBootstrap {
  readonly image: ImageSubject;
  readonly layer: BootstrapLayer;
}

/** What was found on the way, and the image unless that stood in the way. */
export interface Opening {
  readonly findings: readonly Finding[];
  readonly opened: OpenedImage | undefined;
  /** The unpacked layer, even when the bootstrap in it is broken. */
  readonly layer: BootstrapLayer | undefined;
}

/** Reads the bootstrap, and leaves its rules to `auditOpened`. */
export async function openImage(image: ImageSubject, call: CallOptions): Promise<Opening> {
  const { layers } = image.manifest.value;
  const descriptor = bootstrapLayerOf(image.manifest.value);
  const place = placeIn(image, `layer ${layers.length}`);
  if (descriptor === undefined || descriptor !== layers.at(-1)) {
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
  const { findings: faults, read } = readChecked(bytes, placeIn(image, 'bootstrap'));
  findings.push(...faults);
  return { findings, opened: read === undefined ? undefined : { image, layer, ...read }, layer };
}

/** Everything that is wrong with the bootstrap of an opened image; others get their turn in between. */
export async function* auditOpened(opened: OpenedImage): AsyncGenerator<Finding> {
  yield* auditInTurns(opened, placeIn(opened.image, 'bootstrap'));
}

/** A bootstrap's meaning, and everything that is wrong with it; `place` is where it lies. */
export interface InspectedBootstrap {
  readonly findings: readonly Finding[];
  /** Undefined when it cannot be read; the findings say why. */
  readonly read: ReadBootstrap | undefined;
}

export function inspectBootstrap(bytes: Uint8Array, place: Place): InspectedBootstrap {
  const { findings, read } = readChecked(bytes, place);
  if (read === undefined) return { findings, read };
  return {
    findings: ruleSteps(read).flatMap((step) => Array.from(step(), (found) => toFinding(found, place))),
    read,
  };
}

/** The same, where others are to get their turn in between. */
export async function inspectInTurns(bytes: Uint8Array, place: Place): Promise<InspectedBootstrap> {
  const { findings, read } = readChecked(bytes, place);
  if (read === undefined) return { findings, read };
  const audited: Finding[] = [];
  for await (const found of auditInTurns(read, place)) audited.push(found);
  return { findings: audited, read };
}

/** What a bootstrap says, or why it cannot be read. */
function readChecked(bytes: Uint8Array, place: Place): InspectedBootstrap {
  return isV5(bytes) ? readJudged(bytes, place) : readV6Checked(bytes, place);
}

/** Reads a v5 bootstrap that the judge could follow. */
function readJudged(bytes: Uint8Array, place: Place): InspectedBootstrap {
  const judged = findingsOf(bytes);
  if (judged.some(({ id }) => id === 'RAFS-READ'))
    return { findings: judged.map((found) => toFinding(found, place)), read: undefined };
  const stored = readV5(bytes);
  const { version, bootstrap } = stored;
  return {
    findings: [],
    read: { version, bootstrap, stored, sound: undefined, judged, blobs: bootstrap.blobs },
  };
}

function readV6Checked(bytes: Uint8Array, place: Place): InspectedBootstrap {
  try {
    let sound: SoundBootstrap | undefined;
    const stored = readV6(bytes, (buffer, tables) => {
      sound = judgeBootstrap(buffer, tables);
      return sound !== undefined;
    });
    const { version, bootstrap } = stored;
    return { findings: [], read: { version, bootstrap, stored, sound, judged: [], blobs: bootstrap.blobs } };
  } catch (cause) {
    if (!(cause instanceof FormatError || cause instanceof UnsupportedError)) throw cause;
    return { findings: Array.from(audit(bytes), (found) => toFinding(found, place)), read: undefined };
  }
}

async function* auditInTurns(read: ReadBootstrap, place: Place): AsyncGenerator<Finding> {
  for (const step of ruleSteps(read)) {
    await nextTurn();
    for (const found of step()) yield toFinding(found, place);
  }
}

function ruleSteps({ stored, judged }: ReadBootstrap): readonly (() => Iterable<AuditFinding>)[] {
  return stored.version === 5 ? [() => judged] : auditSteps(stored);
}

function toFinding({ path, offset, ...rest }: AuditFinding, place: Place): Finding {
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

/** Ids of all data layers, as the blob table has them. */
export function blobIdsOf(image: ImageSubject): ReadonlySet<string> {
  return new Set(dataLayersOf(image.manifest.value).map((layer) => digestHex(layer.digest)));
}
