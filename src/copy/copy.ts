/**
 * `copyImage` copies an image as it is. Blobs go first, then manifests, then indexes and what refers to them, and last the tag, so
 * that no client can pull an incomplete image and an interrupted run does not move the tag.
 */
import { UsageError } from '../errors.js';
import { readReferenceAt, type ReferenceTree } from '../image/reference-tree.js';
import type { Descriptor } from '../oci/descriptor.js';
import { COPY_CONCURRENCY } from '../io/concurrency.js';
import { contentOf } from '../io/streams.js';
import { allPlatforms, type PlatformSelection } from '../oci/platform.js';
import { refuseMovedTag, tagOf } from '../registry/moved-tag.js';
import { hasBackend, type ImageSource, type ImageTarget, isMirrored } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { Copier, type CopiedContent } from './copier.js';
import { rootToCopy } from './root.js';

export interface CopyImages {
  readonly source: ImageSource;
  readonly target: ImageTarget;
}

export interface CopyOptions {
  /** The entries of an index to copy; all by default, which keeps every byte. */
  readonly platforms: PlatformSelection;
  /** Copy also what refers to the image and its manifests: signatures, attestations, Nydus images. */
  readonly referrers: boolean;
  /** Blobs in flight. */
  readonly concurrency: number;
}

export interface CopyResult {
  /** The manifest or index that the target's tag now points to. */
  readonly root: Descriptor;
  readonly source: string;
  readonly target: string;
  /** True when the target's tag led to this root before the run. */
  readonly unchanged: boolean;
  /** In the order in which the target got them; the root is the last. */
  readonly contents: readonly CopiedContent[];
  /** Bytes of blobs that were sent. */
  readonly sentBytes: number;
  readonly milliseconds: number;
}

/** Fills in defaults; throws UsageError for values out of range. */
export function copyOptions({ platforms, referrers, concurrency }: Partial<CopyOptions>): CopyOptions {
  const options = {
    platforms: platforms ?? allPlatforms,
    referrers: referrers ?? false,
    concurrency: concurrency ?? COPY_CONCURRENCY,
  };
  if (!Number.isInteger(options.concurrency) || options.concurrency < 1 || options.concurrency > 64)
    throw new UsageError(`concurrency should be 1 to 64, not ${options.concurrency}`);
  return options;
}

/** Throws a NydusError, or the signal's reason once it has fired; the target's tag is then unchanged. */
export async function copyImage(
  images: CopyImages,
  given: Partial<CopyOptions> = {},
  call: CallOptions = {},
): Promise<CopyResult> {
  const options = copyOptions(given);
  const { target } = images;
  const source = await namingAllBlobs(images.source, call);
  const started = performance.now();
  for (;;) {
    const before = distrustedBy(source);
    try {
      const copied = await copyOnce({ source, target }, options, call);
      return { ...copied, milliseconds: performance.now() - started };
    } catch (error) {
      call.signal?.throwIfAborted();
      // A new start leaves out a mirror that sent wrong bytes. Each start has one mirror less, so the loop ends.
      if (distrustedBy(source) === before) throw error;
      call.reporter?.emit({ type: 'step', message: 'starting over, without the mirror' });
    }
  }
}

/** A source whose blobs lie in a storage backend, as one that names them all; any other source as it is. */
export async function namingAllBlobs(source: ImageSource, call: CallOptions): Promise<ImageSource> {
  if (!hasBackend(source)) return source;
  const { selfContained } = await import('./self-contained.js');
  return selfContained(source, call);
}

/** A source with all of its blobs named, and what its reference leads to. */
export async function readWhole(
  from: ImageSource,
  call: CallOptions,
): Promise<{ readonly source: ImageSource; readonly tree: ReferenceTree }> {
  const source = await namingAllBlobs(from, call);
  const root = await source.resolve(call);
  call.reporter?.emit({ type: 'resolved', source: source.location, manifest: root });
  const tree = await readReferenceAt(source, root, call);
  await tree.loadJson(call.signal);
  return { source, tree };
}

function distrustedBy(source: ImageSource): number {
  return isMirrored(source) ? source.distrusted : 0;
}

async function copyOnce(
  { source, target }: CopyImages,
  { platforms, referrers, concurrency }: CopyOptions,
  call: CallOptions,
): Promise<Omit<CopyResult, 'milliseconds'>> {
  call.signal?.throwIfAborted();
  const asked = tagOf(target, call);
  asked.catch(() => undefined); // the failure is thrown where `asked` is awaited
  const root = await rootToCopy(source, platforms, call);
  const before = await asked;
  call.reporter?.emit({ type: 'step', message: 'copying' });
  const { descriptor, bytes } = root;
  const copier = new Copier({ source, target }, { concurrency, referrers });
  await copier.copyBelow(descriptor, bytes, call);
  if (referrers) {
    // Some registries take no referrer of a manifest that they do not have.
    await target.push(descriptor, contentOf(bytes), call);
    await copier.copyReferrers(descriptor, call);
  }
  call.signal?.throwIfAborted();
  await refuseMovedTag(target, before, descriptor.digest, call);
  await target.tag(descriptor, bytes, call);
  const unchanged = before === descriptor.digest;
  return {
    root: descriptor,
    source: source.location,
    target: target.location,
    unchanged,
    contents: [
      ...copier.copied,
      { ...descriptor, outcome: unchanged ? 'present' : 'pushed', isReferrer: false },
    ],
    sentBytes: copier.sentBytes,
  };
}
