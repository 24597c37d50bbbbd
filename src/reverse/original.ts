/**
 * The image that a Nydus image was made from, where it can still be had: beside it in a merged index, in its own repository, or at the
 * place that it records.
 */
import { isGone, type Originals } from '../convert/originals.js';
import { RegistryError } from '../errors.js';
import type { SourceImage } from '../convert/source-images.js';
import { type Image, readConfig } from '../image/image.js';
import { recordedSource } from '../image/kinds.js';
import { liesOutside } from '../image/obstacles.js';
import { readReference } from '../image/reference-tree.js';
import { mapOrdered } from '../io/concurrency.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { type Digest, isDigest } from '../oci/digest.js';
import { platformMatches } from '../oci/platform.js';
import { type Location, withDigest } from '../registry/location.js';
import type { ContentSource, ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ReverseOptions } from './options.js';

/** An original image, and the store that holds its layers. The caller disposes of a store that was opened for it. */
export interface Original {
  readonly image: Pick<SourceImage, 'manifest' | 'config'>;
  readonly store: ImageSource;
}

/** The digest by which a Nydus image names its original: the one that its converter has recorded, or its subject. */
export function originalDigestOf({ manifest }: Image): Digest | undefined {
  const { digest } = recordedSource(manifest.value);
  if (digest !== undefined && isDigest(digest)) return digest;
  return manifest.value.subject?.digest;
}

/** Looks in the image's own repository, and then at the place that it records. Undefined when the original is at neither. */
export async function findOriginal(
  image: Image,
  platform: Platform,
  originals: Originals,
  { openOriginal }: ReverseOptions,
  call: CallOptions,
): Promise<Original | undefined> {
  const digest = originalDigestOf(image);
  if (digest === undefined || openOriginal === undefined) return undefined;
  const recorded = originals.placeOf(digest);
  const wanted = { digest, platform, openOriginal };
  // The repository of the image answers, or the run fails; the other place may be gone.
  const near = await openAt(withDigest(image.store.place, digest), wanted, isMissing, call);
  if (near !== undefined || recorded === undefined) return near;
  return openAt(withDigest(recorded, digest), wanted, isGone, call);
}

interface Wanted {
  readonly digest: Digest;
  readonly platform: Platform;
  readonly openOriginal: (location: Location) => ImageSource;
}

function isMissing(cause: unknown): boolean {
  return cause instanceof RegistryError && cause.status === 404;
}

async function openAt(
  location: Location,
  { digest, platform, openOriginal }: Wanted,
  isAbsence: (cause: unknown) => boolean,
  call: CallOptions,
): Promise<Original | undefined> {
  const store = openOriginal(location);
  let isKept = false;
  try {
    const tree = await readReference(store, call);
    // Upstream records the digest of the index when it has converted one of its images.
    const entry = tree.entries.find(
      (listed) =>
        listed.kind === 'oci' &&
        (tree.index === undefined ||
          (listed.platform !== undefined && platformMatches(platform, listed.platform))),
    );
    if (entry === undefined || tree.root.digest !== digest) return undefined;
    const image = await tree.image(entry, call);
    if (image.kind !== 'oci') return undefined;
    const config = await readConfig(image, call);
    isKept = true;
    return { image: { manifest: image.manifest, config }, store };
  } catch (cause) {
    if (isAbsence(cause)) return undefined;
    throw cause;
  } finally {
    if (!isKept) await store[Symbol.asyncDispose]();
  }
}

/** Requests at a time. */
const CONCURRENCY = 4;

/** The first layer that is neither in the target nor at the original's place. A layer that lies outside of registries is not asked for. */
export async function missingLayer(
  { image, store }: Original,
  target: ContentSource | undefined,
  call: CallOptions,
): Promise<Descriptor | undefined> {
  const stores: readonly ContentSource[] = target === undefined ? [store] : [target, store];
  const found = await mapOrdered(
    image.manifest.value.layers,
    CONCURRENCY,
    async (layer, _, signal) => {
      if (liesOutside(layer)) return true;
      for (const one of stores) if (await one.exists(layer, { ...call, signal })) return true;
      return false;
    },
    call.signal,
  );
  return image.manifest.value.layers[found.indexOf(false)];
}
