/** Calls of the caller's own code before an image is published, and after. Upstream's hook plugin has the same two moments. */
import { orAborted } from '../io/abort.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { CallOptions } from '../reporter.js';
import type { ConvertedImage } from './image.js';
import type { Run } from './run.js';

/** An image of one platform; its blobs, config and bootstrap are in the target. */
export interface HookedImage {
  readonly platform: string;
  /** The location that was converted. */
  readonly source: string;
  readonly target: string;
  /** The Nydus manifest. */
  readonly manifest: Descriptor;
  /** In the order of the manifest, without the bootstrap's layer. */
  readonly blobs: readonly Descriptor[];
}

export interface PublishHooks {
  /** Called with the bytes of the bootstrap before any manifest is pushed. When it rejects, the run ends with that, unpublished. */
  readonly beforePush?: ((image: HookedImage, bootstrap: Uint8Array) => Promise<void>) | undefined;
  /** Called once the tag is set. When it rejects, the run warns. */
  readonly afterPush?: ((image: HookedImage) => Promise<void>) | undefined;
}

function hookedImage({ source, target }: Run, image: ConvertedImage): HookedImage {
  const blobs = [...image.layers.map(({ blob }) => blob), ...image.dictionaryBlobs];
  return {
    platform: image.platform,
    source: source.location,
    target: target.location,
    manifest: image.nydus.descriptor,
    blobs: [...new Map(blobs.map((blob) => [blob.digest, blob])).values()],
  };
}

/** Ends with the signal, whether the hook does or not. */
export async function beforePush(
  run: Run,
  image: ConvertedImage,
  bootstrap: Uint8Array,
  { signal }: CallOptions,
): Promise<void> {
  const called = run.options.hooks?.beforePush?.(hookedImage(run, image), bootstrap);
  if (called !== undefined) await orAborted(called, signal);
}

/** The images are published, so a hook that fails changes nothing of that. */
export async function afterPush(
  run: Run,
  images: readonly ConvertedImage[],
  call: CallOptions,
): Promise<void> {
  const { hooks } = run.options;
  if (hooks?.afterPush === undefined) return;
  for (const image of new Set(images)) {
    try {
      await orAborted(hooks.afterPush(hookedImage(run, image)), call.signal);
    } catch (cause) {
      call.signal?.throwIfAborted();
      const reason = cause instanceof Error ? cause.message : String(cause);
      call.reporter?.emit({
        type: 'warning',
        code: 'HOOK_FAILED',
        message: `the image is published; ${reason}`,
      });
    }
  }
}
