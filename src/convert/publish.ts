/** Publishes what a run has made: manifests by their digests, and the root, together with the tag, last. */
import { contentOf } from '../io/streams.js';
import { refuseMovedTag, type TagState } from '../registry/moved-tag.js';
import type { ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { StoredDocument } from './halves.js';

export interface Publication {
  /** The manifests that the root names; one of them may be the root itself. */
  readonly manifests: readonly StoredDocument[];
  readonly root: StoredDocument;
  /** What the tag named when the run began. */
  readonly before: TagState;
  /** Called when everything but the tag is in place; rejecting leaves the tag as it is. */
  readonly beforeTag?: ((call: CallOptions) => Promise<void>) | undefined;
}

/** Everything that the manifests name must be in the target. Returns true when the tag named the root before. */
export async function publish(
  target: ImageTarget,
  { manifests, root, before, beforeTag }: Publication,
  call: CallOptions,
): Promise<boolean> {
  for (const manifest of manifests) {
    // A manifest that is the root is pushed together with the tag.
    if (manifest !== root) await target.push(manifest.descriptor, contentOf(manifest.bytes), call);
  }
  call.signal?.throwIfAborted();
  await beforeTag?.(call);
  await refuseMovedTag(target, before, root.descriptor.digest, call);
  await target.tag(root.descriptor, root.bytes, call);
  return before === root.descriptor.digest;
}
