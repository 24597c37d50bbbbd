/** These rules compare the manifest of an image, and its place in the index, with its source. */
import { identityKeys, ownDigests } from '../image/identity.js';
import { platformText } from '../image/image.js';
import { dataLayersOf, isIsolated, recordedSource } from '../image/kinds.js';
import { sourceDigestOf } from '../image/pairs.js';
import { ANNOTATION } from '../oci/media-types.js';
import { type Json, memberOf } from '../oci/json/value.js';
import { finding, type Finding } from './finding.js';
import { diffJson } from './json-diff.js';
import type { Rule } from './rule.js';
import { placeIn, type PairSubject } from './subject.js';

export const manifestPairRules: readonly Rule<PairSubject>[] = [
  { name: 'source', check: checkSource },
  { name: 'platform of the source', check: checkSourcePlatform },
  { name: 'annotations', check: checkAnnotations },
  { name: 'OCI half', check: checkOciHalf },
];

/** The annotations of a document that has none, or has null for them. */
const NO_MEMBERS: Json = new Map();

/** Compares the source that the Nydus image records with the source that the caller gave. */
function* checkSource({ target, source, sourceNames }: PairSubject): Generator<Finding> {
  const { digest: recorded } = recordedSource(target.manifest.value);
  if (target.kind !== 'nydus' || source.kind !== 'oci' || recorded === undefined) return;
  if (sourceNames.has(recorded)) return;
  const expected = sourceDigestOf(source);
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

function* checkAnnotations({ target, source }: PairSubject): Generator<Finding> {
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
}

function* checkOciHalf({ target, source }: PairSubject): Generator<Finding> {
  if (target.kind !== 'oci' || source.kind !== 'oci') return;
  const where = placeIn(target, 'manifest');
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
    // Other rules compare the content and the config, so only the form of the documents is left.
    yield finding('MANIFEST-ORIGINAL', where, {
      message: 'OCI half without an empty layer is not the source manifest itself',
      expected: source.manifest.descriptor.digest,
      found: target.manifest.descriptor.digest,
      hint: `an isolated half begins with a layer annotated ${ANNOTATION.nydusEmptyLayer}`,
    });
  }
}
