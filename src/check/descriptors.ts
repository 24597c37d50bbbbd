/**
 * These rules check descriptors without reading content: one digest has one description, types are of one family, and
 * the subject is the source.
 */
import { recordedSource } from '../image/kinds.js';
import { sha256 } from '../oci/digest.js';
import { isDockerLayerType, isOciLayerType } from '../oci/media-types.js';
import type { CallOptions } from '../reporter.js';
import { finding, type Finding } from './finding.js';
import { isDockerFamily } from './manifest.js';
import type { Rule } from './rule.js';
import { placeIn, type ImageSubject, type NydusSubject } from './subject.js';

/** These rules apply to images of both kinds. */
export const descriptorRules: readonly Rule<ImageSubject>[] = [
  { name: 'descriptors', check: checkDescriptors },
  { name: 'layer family', check: checkLayerFamily },
  { name: 'presence of the subject', check: checkSubjectPresent },
];

function* checkDescriptors(image: ImageSubject): Generator<Finding> {
  const { config, layers } = image.manifest.value;
  const known = new Map<string, { readonly size: number; readonly part: string }>();
  for (const [position, descriptor] of [config, ...layers].entries()) {
    const part = position === 0 ? 'config' : `layer ${position}`;
    const first = known.get(descriptor.digest);
    if (first === undefined) {
      known.set(descriptor.digest, { size: descriptor.size, part });
    } else if (first.size !== descriptor.size) {
      yield finding('MANIFEST-DESCRIPTOR', placeIn(image, part), {
        message: `has the digest of ${first.part}, and another size`,
        expected: `${first.size}`,
        found: `${descriptor.size}`,
      });
    }
    const { data } = descriptor.raw;
    if (typeof data !== 'string') continue;
    const bytes = Buffer.from(data, 'base64');
    if (bytes.length !== descriptor.size || sha256(bytes) !== descriptor.digest) {
      yield finding('MANIFEST-DESCRIPTOR', placeIn(image, part), {
        message: 'bytes embedded in the descriptor are not those that it describes',
        expected: `${descriptor.digest} of ${descriptor.size} bytes`,
        found: `${sha256(bytes)} of ${bytes.length} bytes`,
        hint: 'clients that use embedded bytes read something else than the others',
      });
    }
  }
}

/** Checks ordinary images only: the layers of a Nydus image have a stricter rule. */
function* checkLayerFamily(image: ImageSubject): Generator<Finding> {
  if (image.kind !== 'oci') return;
  const docker = isDockerFamily(image.manifest.descriptor.mediaType);
  const isOther = docker ? isOciLayerType : isDockerLayerType;
  for (const [position, { mediaType }] of image.manifest.value.layers.entries()) {
    if (!isOther(mediaType)) continue;
    yield finding('MANIFEST-FAMILY-LAYER', placeIn(image, `layer ${position + 1}`), {
      message: `layer of the ${docker ? 'OCI' : 'Docker'} family in a manifest of the other`,
      found: mediaType,
    });
  }
}

async function* checkSubjectPresent(image: ImageSubject, call: CallOptions): AsyncGenerator<Finding> {
  const { subject } = image.manifest.value;
  if (subject === undefined || (await image.store.exists(subject, call))) return;
  yield finding('MANIFEST-SUBJECT-MISSING', placeIn(image, 'manifest'), {
    message: 'subject is not in this repository',
    expected: `${subject.digest} of ${subject.size} bytes`,
    hint: 'referrer detection starts from the subject: push it to this repository too',
  });
}

/** These rules apply to Nydus images, which refer to the image that they were made from. */
export const subjectRules: readonly Rule<NydusSubject>[] = [{ name: 'subject', check: checkSubject }];

/** An annotation may name the index in which the conversion found the image that the subject names. */
function* checkSubject(image: NydusSubject): Generator<Finding> {
  const { subject } = image.manifest.value;
  const { digest: recorded } = recordedSource(image.manifest.value);
  if (subject === undefined || recorded === undefined || recorded === subject.digest) return;
  const { sourceNames } = image;
  const named = sourceNames?.has(subject.digest);
  if (named === true) return;
  yield finding(
    named === undefined ? 'MANIFEST-SUBJECT-OTHER' : 'MANIFEST-SUBJECT',
    placeIn(image, 'manifest'),
    {
      message:
        named === undefined
          ? 'subject and annotation name different digests: one may be of an index that lists the other'
          : 'subject is not the source',
      expected: recorded,
      found: subject.digest,
      ...(named === undefined ? { remedy: { kind: 'give-source' } } : {}),
    },
  );
}
