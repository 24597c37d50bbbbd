/** Whether a target was made from what its source's tag points to now. */
import { recordedSource } from '../../image/kinds.js';
import { readReferenceAt, type ReferenceTree } from '../../image/reference-tree.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { isSelected, type PlatformSelection } from '../../oci/platform.js';
import type { ImageSource } from '../../registry/stores/store.js';
import type { CallOptions } from '../../reporter.js';

/** Digests of the images of a source that a conversion would take. */
export async function sourceDigests(
  source: ImageSource,
  root: Descriptor,
  platforms: PlatformSelection,
  call: CallOptions,
): Promise<ReadonlySet<Digest>> {
  const tree = await readReferenceAt(source, root, call);
  return new Set(
    tree.entries
      .filter(({ kind, platform }) => kind === 'oci' && isSelected(platforms, platform))
      .map(({ descriptor }) => descriptor.digest),
  );
}

/** True if the target holds a Nydus image of each of these, and of no other. */
export async function isMadeFrom(
  wanted: ReadonlySet<Digest>,
  target: ImageSource,
  root: Descriptor,
  call: CallOptions,
): Promise<boolean> {
  if (wanted.size === 0) return false;
  const found = await recordedDigests(await readReferenceAt(target, root, call), call);
  return found.size === wanted.size && [...wanted].every((digest) => found.has(digest));
}

/** The sources that the Nydus images of a target name. */
async function recordedDigests(tree: ReferenceTree, call: CallOptions): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const entry of tree.entries) {
    if (entry.kind !== 'nydus' && entry.kind !== 'oci') continue;
    const image = await tree.image(entry, call);
    const { digest } = recordedSource(image.manifest.value);
    if (image.kind === 'nydus' && digest !== undefined) found.add(digest);
  }
  return found;
}
