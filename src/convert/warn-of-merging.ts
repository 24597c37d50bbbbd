/** Warns before a conversion of what its result cannot keep, or cannot keep apart. */
import { ANNOTATION } from '../oci/media-types.js';
import type { Remedy } from '../remedy.js';
import { originalIn, type There } from './join-index.js';
import { homeOf } from './homes.js';
import type { Run } from './run.js';
import type { ForeignEntry, SourceImage, SourceImages } from './source-images.js';

/** `there` is what the target's tag holds, if the images are added to that. */
export function warnOfMerging(
  { options, uploads }: Run,
  { foreign, images }: SourceImages,
  there: There | undefined,
): void {
  const warn = (code: string, message: string, remedy?: Remedy): void => {
    uploads.call.reporter?.emit({
      type: 'warning',
      code,
      message,
      ...(remedy === undefined ? {} : { remedy }),
    });
  };
  if (there !== undefined) {
    warnOfPlainHalves(images, there, warn);
    return;
  }
  const sourceStays = options.mergePlatform && options.mergeIsolation === 'none';
  if (sourceStays) {
    warn('NOT_ISOLATED', SHARED_LAYERS, { kind: 'isolate-half' });
  }
  // An annotation of any entry may name the image, as SOCI's indexes do.
  const sources = new Set<string>(images.map(({ manifest }) => manifest.descriptor.digest));
  const speaks = ({ descriptor: { annotations = {} } }: ForeignEntry): boolean =>
    ANNOTATION.dockerReferenceDigest in annotations ||
    Object.values(annotations).some((value) => sources.has(value));
  if (!sourceStays && foreign.some(speaks)) {
    warn(
      'ATTESTATION_SUBJECT',
      'attestations are kept, but they describe the source manifests, which are not in the result',
      { kind: 'keep-manifests' },
    );
  }
}

const SHARED_LAYERS =
  'the OCI half shares its layers with other images: on a node that runs Nydus, an unrelated image with the same layers may start empty';

/** An original in the target that has no layer of its own stays so, since it may be signed. */
function warnOfPlainHalves(
  images: readonly SourceImage[],
  there: There,
  warn: (code: string, message: string) => void,
): void {
  const isPlain = (image: SourceImage): boolean =>
    originalIn(there, image)?.descriptor.digest === image.manifest.descriptor.digest;
  if (images.some(isPlain)) warn('NOT_ISOLATED', SHARED_LAYERS);
}

/**
 * Warns that registries list referrers by repository: clients that ask the source's repository do not find this one.
 */
export function warnOfReferring({ options, source, target, uploads }: Run): void {
  if (!options.withReferrer) return;
  const [from, to] = [homeOf(source.place), homeOf(target.place)];
  if (from === to) return;
  uploads.call.reporter?.emit({
    type: 'warning',
    code: 'REFERRER_ELSEWHERE',
    message: `the subject of the Nydus manifest is in ${from}, but the Nydus manifest goes to ${to}: registries list referrers by repository, so clients find it only if both manifests are in one repository`,
  });
}
