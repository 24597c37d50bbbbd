/** Brings source layers into the target of a merged index, and reports the progress of layers. */
import { counted, type ReplayableContent } from '../io/streams.js';
import type { PushOutcome } from '../registry/stores/store.js';
import type { CallOptions, Stage } from '../reporter.js';
import type { LayerContext, LayerJob } from './layer.js';

/**
 * Starts to bring over a layer that nothing else of the run reads; settles when it is known how. `settle` of the uploads reports a
 * failure.
 */
export function copySourceLayer(
  context: LayerContext,
  job: LayerJob,
  call: CallOptions,
): Promise<PushOutcome | undefined> {
  const { descriptor } = job;
  const content: ReplayableContent = {
    size: descriptor.size,
    open: (range) => context.source.fetch(descriptor, { ...call, range }),
  };
  return context.uploads
    .once(descriptor.digest, () => placeSourceLayer(context, job, content, context.uploads.call))
    .catch(() => undefined);
}

/** Finds the layer in the target, mounts it from the source's repository, or pushes it. */
export async function placeSourceLayer(
  context: LayerContext,
  { number, descriptor }: LayerJob,
  content: ReplayableContent,
  call: CallOptions,
): Promise<PushOutcome> {
  const { source, target } = context;
  const { size } = descriptor;
  const copied = (done: number): void => {
    progress(context, number, 'copy', done, size, call);
  };
  copied(0);
  const outcome = await target.push(descriptor, countedContent(content, copied), {
    ...call,
    mountFrom: source.place,
  });
  copied(size);
  return outcome;
}

/** Content whose last byte counts only when the target has all of it, which the caller says. */
function countedContent(content: ReplayableContent, onRead: (done: number) => void): ReplayableContent {
  return {
    ...content,
    open: (range) =>
      counted(content.open(range), (done) => {
        onRead(Math.min((range?.start ?? 0) + done, content.size - 1));
      }),
  };
}

export function progress(
  { platform }: LayerContext,
  layer: number,
  stage: Stage,
  done: number,
  total: number,
  call: CallOptions,
): void {
  call.reporter?.emit({ type: 'layer.progress', platform, layer, stage, done, total });
}
