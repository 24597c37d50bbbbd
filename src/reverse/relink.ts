/** Brings the original of an image into the target: its config and its layers, each found there, mounted or copied. */
import { liesOutside } from '../image/obstacles.js';
import { counted, contentOf, type ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { DiffId } from '../oci/digest.js';
import type { ListedDescriptor } from '../oci/manifest.js';
import { type ImageSource, isMountable, type PushOutcome } from '../registry/stores/store.js';
import { reportRead, type CallOptions } from '../reporter.js';
import type { Original } from './original.js';
import type { ReversedLayer, ReverseRun } from './rebuild.js';

/** Returns when all of it is in the target. Throws what fetching and pushing throw. */
export async function relink(run: ReverseRun, original: Original): Promise<readonly ReversedLayer[]> {
  const { manifest, config } = original.image;
  const { layers } = manifest.value;
  run.uploads.push(config.descriptor, contentOf(config.bytes)).catch(() => undefined); // `settle` reports it
  const placed = new Map<string, Promise<PushOutcome>>();
  for (const layer of layers) {
    if (!placed.has(layer.digest)) placed.set(layer.digest, place(run, original, layer));
  }
  const outcomes = await Promise.all(layers.map(async ({ digest }) => placed.get(digest)));
  return layers.map((layer, i) => ({
    layer: { mediaType: layer.mediaType, digest: layer.digest, size: layer.size },
    diffId: config.value.diffIds[i] ?? (layer.digest as string as DiffId), // an image whose config lists too few layers
    blob: undefined,
    tarBytes: undefined,
    exact: 'layer' as const,
    outcome: outcomes[i] ?? 'present',
  }));
}

async function place(run: ReverseRun, { store }: Original, layer: ListedDescriptor): Promise<PushOutcome> {
  const descriptor: Descriptor = { mediaType: layer.mediaType, digest: layer.digest, size: layer.size };
  // Clients fetch such a layer from elsewhere, and not every registry may hold it.
  if (liesOutside(layer) && !(await store.exists(descriptor, run.uploads.call))) return 'present';
  return placeLayer(run, store, descriptor);
}

/** Finds an original layer in the target, mounts it from the store or copies it. */
export async function placeLayer(
  { target, uploads }: Pick<ReverseRun, 'target' | 'uploads'>,
  store: ImageSource,
  descriptor: Descriptor,
): Promise<PushOutcome> {
  const { call } = uploads;
  const content: ReplayableContent = {
    size: descriptor.size,
    open: (range) =>
      counted(store.fetch(descriptor, { ...call, range }), (done) => {
        reportRead(call, descriptor, (range?.start ?? 0) + done);
      }),
  };
  return uploads.push(descriptor, content, async (own: CallOptions) => {
    if (await target.exists(descriptor, own)) return 'present';
    if (isMountable(target) && (await target.mount(descriptor, store.place, own))) return 'mounted';
    return target.push(descriptor, content, own);
  });
}
