/**
 * These rules check that the image config fits its manifest, and keeps everything of the source's config but the
 * documented fields.
 */
import { identityKeys, ownDigests } from '../image/identity.js';
import { platformText } from '../image/image.js';
import { dataLayersOf, isIsolated, recordedSource } from '../image/kinds.js';
import { sourceDigestOf } from '../image/pairs.js';
import { ANNOTATION } from '../oci/media-types.js';
import { digestHex } from '../oci/digest.js';
import { compactJson, isJsonArray, type Json, memberOf } from '../oci/json/value.js';
import { formatPlatform, normalizePlatform } from '../oci/platform.js';
import { finding, type Finding } from './finding.js';
import { diffJson } from './json-diff.js';
import type { Rule } from './rule.js';
import { placeIn, type ImageSubject, type PairSubject } from './subject.js';

export const configRules: readonly Rule<ImageSubject>[] = [
  { name: 'config platform', check: checkPlatform },
  { name: 'diffIDs and history', check: checkCounts },
];

export const configPairRules: readonly Rule<PairSubject>[] = [
  { name: 'config fields', check: checkFields },
  { name: 'source', check: checkSource },
  { name: 'platform of the source', check: checkSourcePlatform },
  { name: 'OCI half', check: checkOciHalf },
];

function* checkPlatform(image: ImageSubject): Generator<Finding> {
  const { config } = image;
  const { platform } = image.entry;
  if (config === undefined) return;
  const { os, architecture } = config.value.platform;
  if (os === '' || architecture === '') {
    yield finding('CONFIG-PLATFORM-MISSING', placeIn(image, 'config'), {
      message: `config names no ${os === '' ? 'os' : 'architecture'}`,
    });
    return;
  }
  if (platform === undefined) return;
  const named = normalizePlatform(config.value.platform);
  const listed = normalizePlatform(platform);
  // Older builders left the variant out of the config.
  const variants = config.value.platform.variant === undefined || named.variant === listed.variant;
  if (named.os !== listed.os || named.architecture !== listed.architecture || !variants) {
    // Clients use the platform of the index. If the source's entry has the same one, a rule about pairs finds nothing,
    // and this stays a warning.
    yield finding('CONFIG-PLATFORM', placeIn(image, 'config'), {
      message: 'config names another platform than the index entry',
      expected: formatPlatform(listed),
      found: formatPlatform(named),
    });
  }
}

function* checkCounts(image: ImageSubject): Generator<Finding> {
  const { config } = image;
  if (config === undefined) return;
  const where = placeIn(image, 'config');
  const type = memberOf(memberOf(image.configJson, 'rootfs'), 'type');
  // Every client accepts a missing or empty type.
  if (type !== undefined && type !== '' && type !== 'layers') {
    yield finding('CONFIG-ROOTFS-TYPE', where, {
      message: 'rootfs has another type',
      expected: '"layers"',
      found: compactJson(type),
    });
  }
  const { layers } = image.manifest.value;
  const { diffIds } = config.value;
  if (diffIds.length !== layers.length) {
    yield finding('CONFIG-DIFF-ID-COUNT', where, {
      message: 'number of diffIDs is not the number of layers',
      expected: `${layers.length}`,
      found: `${diffIds.length}`,
    });
  }
  const history = memberOf(image.configJson, 'history');
  const counted = isJsonArray(history) ? history.filter((entry) => !isEmptyLayer(entry)).length : undefined;
  // An OCI image need not have a history, and the OCI half keeps that of its source.
  if (counted !== undefined && counted !== 0 && counted !== layers.length) {
    yield finding(image.kind === 'oci' ? 'CONFIG-HISTORY-OCI' : 'CONFIG-HISTORY-COUNT', where, {
      message: 'number of history entries with a layer is not the number of layers',
      expected: `${layers.length}`,
      found: `${counted}`,
    });
  }
  if (image.kind !== 'nydus') return;
  for (const [position, layer] of dataLayersOf(image.manifest.value).entries()) {
    const diffId = diffIds[position];
    // No client unpacks a blob, so its diffID is its digest.
    if (diffId !== undefined && digestHex(diffId) !== digestHex(layer.digest)) {
      yield finding('CONFIG-DIFF-ID', where, {
        message: `diffID ${position + 1} is not the digest of its blob`,
        expected: layer.digest,
        found: diffId,
      });
    }
  }
}

/** The annotations of a document that has none, or has null for them. */
const NO_MEMBERS: Json = new Map();

function isEmptyLayer(entry: Json): boolean {
  return memberOf(entry, 'empty_layer') === true;
}

/** Conversion rewrites these fields, and other rules check them. */
function isRewritten(path: string): boolean {
  return path === 'rootfs.diff_ids' || path === 'history';
}

function* checkFields({ target, source }: PairSubject): Generator<Finding> {
  if (target.configJson === undefined || source.configJson === undefined) return;
  const where = placeIn(target, 'config');
  for (const { path, expected, found } of diffJson(source.configJson, target.configJson, isRewritten)) {
    yield finding('CONFIG-FIELD', where, {
      message: `field ${path} differs from the source`,
      expected: expected ?? 'none',
      found: found ?? 'none',
    });
  }
  yield* checkHistory(target, source);
}

/** The history without the entries that conversion adds. */
function ownHistory(image: ImageSubject): readonly Json[] {
  const member = memberOf(image.configJson, 'history');
  const history = isJsonArray(member) ? member : [];
  const start = isIsolated(image.manifest.value) ? 1 : 0;
  const end = image.kind === 'nydus' ? history.length - 1 : history.length;
  return history.slice(start, Math.max(start, end));
}

function* checkHistory(target: ImageSubject, source: ImageSubject): Generator<Finding> {
  const wanted = ownHistory(source);
  const counted = wanted.filter((entry) => !isEmptyLayer(entry)).length;
  const layers = dataLayersOf(source.manifest.value).length;
  // If the source's history does not fit its layers, the conversion repairs it instead of keeping it.
  if (counted !== layers) return;
  const present = ownHistory(target);
  for (let i = 0; i < Math.max(wanted.length, present.length); i++) {
    for (const { path, expected, found } of diffJson(wanted[i], present[i], undefined, `history[${i}]`)) {
      yield finding('CONFIG-FIELD', placeIn(target, 'config'), {
        message: `field ${path} differs from the source`,
        expected: expected ?? 'none',
        found: found ?? 'none',
      });
    }
  }
}

/** Compares the source that the Nydus image records with the source that the caller gave. */
function* checkSource({ target, source }: PairSubject): Generator<Finding> {
  const { digest: recorded } = recordedSource(target.manifest.value);
  if (target.kind !== 'nydus' || source.kind !== 'oci' || recorded === undefined) return;
  const expected = sourceDigestOf(source);
  if (recorded === expected) return;
  yield finding('MANIFEST-SOURCE-DIGEST', placeIn(target, 'manifest'), {
    message: 'the image says that it was made from another source',
    expected,
    found: recorded,
  });
}

/** Checks that the index offers the image to the same machines as the source's index. */
function* checkSourcePlatform({ target, source }: PairSubject): Generator<Finding> {
  const { platform } = target.entry;
  if (platform === undefined || source.platformName === platformText(undefined)) return;
  if (target.platformName === source.platformName) return;
  yield finding('SOURCE-PLATFORM', placeIn(target, 'index'), {
    message: 'the index lists the image for another platform than its source is for',
    expected: source.platformName,
    found: target.platformName,
  });
}

/**
 * Compares layers and annotations of the OCI half, and the annotations of the Nydus half, with the source's manifest.
 */
function* checkOciHalf({ target, source }: PairSubject): Generator<Finding> {
  const where = placeIn(target, 'manifest');
  // The Nydus half leaves out annotations about the source itself.
  const ownKeys =
    target.kind === 'nydus'
      ? identityKeys(source.manifest.value.annotations, ownDigests(source.manifest))
      : [];
  const kept = diffJson(
    memberOf(source.manifestJson, 'annotations') ?? NO_MEMBERS,
    memberOf(target.manifestJson, 'annotations') ?? NO_MEMBERS,
    (path) =>
      path.startsWith('annotations.containerd.io/snapshot/nydus-') ||
      ownKeys.some((key) => path === `annotations.${key}`),
    'annotations',
  );
  for (const { path, expected, found } of kept) {
    if (expected === undefined) continue; // an annotation that was added is allowed
    yield finding('MANIFEST-ANNOTATIONS', where, {
      message: `annotation ${path.slice('annotations.'.length)} differs from the source`,
      expected,
      found: found ?? 'none',
    });
  }
  if (target.kind !== 'oci' || source.kind !== 'oci') return;
  const left = dataLayersOf(source.manifest.value);
  const right = dataLayersOf(target.manifest.value);
  const isolated = { source: isIsolated(source.manifest.value), target: isIsolated(target.manifest.value) };
  const wantedIds = source.config?.value.diffIds.slice(isolated.source ? 1 : 0);
  const presentIds = target.config?.value.diffIds.slice(isolated.target ? 1 : 0);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const want = left[i];
    const have = right[i];
    if (want?.digest !== have?.digest || want?.size !== have?.size) {
      yield finding('MANIFEST-OCI-HALF', where, {
        message: `source layer ${i + 1} differs`,
        expected: want?.digest ?? 'no layer',
        found: have?.digest ?? 'no layer',
      });
    }
    if (wantedIds !== undefined && presentIds !== undefined && wantedIds[i] !== presentIds[i]) {
      yield finding('MANIFEST-OCI-HALF', placeIn(target, 'config'), {
        message: `diffID of source layer ${i + 1} differs`,
        expected: wantedIds[i] ?? 'none',
        found: presentIds[i] ?? 'none',
      });
    }
  }
  if (
    !isolated.target &&
    !isolated.source &&
    target.manifest.descriptor.digest !== source.manifest.descriptor.digest
  ) {
    yield finding('MANIFEST-OCI-HALF', where, {
      message: 'OCI half without an empty layer must be the source manifest itself',
      expected: source.manifest.descriptor.digest,
      found: target.manifest.descriptor.digest,
      hint: `an isolated half begins with a layer annotated ${ANNOTATION.nydusEmptyLayer}`,
    });
  }
}
