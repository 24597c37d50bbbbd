/**
 * Makes a layer and brings it into the target. No layer is stored on the way: a small one is held in memory; a large one is sent
 * while it is being made if the target takes such blobs, and else it is made twice, once for its digest and once to be sent. A
 * retry makes it again, since equal input gives equal bytes.
 */
import { UploadNote } from '../convert/upload-note.js';
import type { Uploads } from '../convert/uploads.js';
import { contentOf, type ByteRange, type ByteStream, type ReplayableContent } from '../io/streams.js';
import type { RebuiltLayer } from '../native/rebuilder.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import {
  type GrowingPush,
  type ImageTarget,
  type PushOutcome,
  takesGrowing,
  takesUnnamed,
} from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { OnePass } from './one-pass.js';

/** A layer of at most this many compressed bytes is held in memory. */
const HELD = 8 * 1024 * 1024;
/** Compressed bytes that wait for the target. */
const WINDOW = 4 * 1024 * 1024;

export interface LayerToMake {
  readonly mediaType: string;
  /** Makes the layer; each call begins anew. */
  readonly make: (call: CallOptions) => AsyncGenerator<Buffer, RebuiltLayer>;
  /** Something that stands for the layer before its digest is known, and how it is made: a note about it is left in the target. */
  readonly note: { readonly of: Digest; readonly how: string };
  readonly onBytes: (sent: number) => void;
  /** Throws for a layer that must not come into the target. */
  readonly verify?: (made: RebuiltLayer) => void;
}

export interface MadeLayer {
  readonly descriptor: Descriptor;
  readonly made: RebuiltLayer;
  /** Settles when the layer is in the target. */
  readonly placed: Promise<PushOutcome>;
}

/** Returns when the layer is made, and its rest is being sent. Throws what making it throws. */
export async function uploadLayer(
  { target, uploads }: { readonly target: ImageTarget; readonly uploads: Uploads },
  layer: LayerToMake,
  call: CallOptions,
): Promise<MadeLayer> {
  const note = new UploadNote(target, layer.note.of, layer.note.how);
  const held: Buffer[] = [];
  let size = 0;
  let pass: Pass | undefined;
  const making = layer.make(call);
  try {
    let next = await making.next();
    for (; next.done !== true; next = await making.next()) {
      size += next.value.length;
      layer.onBytes(size);
      held.push(next.value);
      if (size <= HELD) continue;
      pass ??= await beginPass(target, note, uploads.call);
      for (const bytes of held.splice(0)) await pass.content?.push(bytes);
    }
    const made = next.value;
    layer.verify?.(made);
    pass?.content?.end();
    const descriptor: Descriptor = { mediaType: layer.mediaType, digest: made.digest, size: made.size };
    const content =
      pass === undefined ? contentOf(Buffer.concat(held)) : madeAgain(layer, made.size, uploads.call);
    const begun = pass;
    const placed = uploads.push(descriptor, content, async (own) => {
      await begun?.noted;
      const growing = begun?.growing;
      return growing === undefined
        ? target.push(descriptor, content, own)
        : growing.finish(descriptor, content, own);
    });
    placed
      .catch(() => undefined) // `settle` reports it
      .finally(() => begun?.growing?.cancel());
    return { descriptor, made, placed };
  } catch (error) {
    pass?.content?.abandon();
    pass?.growing?.cancel();
    await making.throw(error).catch(() => undefined);
    throw error;
  }
}

/** The push of a layer that is being made; without content nothing is sent before the layer's digest is known. */
interface Pass {
  readonly content: OnePass | undefined;
  readonly growing: GrowingPush | undefined;
  readonly noted: Promise<void>;
}

/** A registry that may have the layer from an earlier run is asked when the digest is known, instead of being sent it again. */
async function beginPass(target: ImageTarget, note: UploadNote, call: CallOptions): Promise<Pass> {
  const noted = Promise.resolve();
  const content = new OnePass(WINDOW);
  if (takesUnnamed(target))
    return { content, growing: feeding(content, await target.pushUnnamed(content, call)), noted };
  if (!takesGrowing(target) || (await note.exists(call)))
    return { content: undefined, growing: undefined, noted };
  const growing = target.pushGrowing(content, call);
  if (growing === undefined) return { content: undefined, growing, noted };
  return { content, growing: feeding(content, growing), noted: note.place(call) };
}

function feeding(content: OnePass, growing: GrowingPush): GrowingPush {
  void growing.ended.then(() => {
    content.abandon();
  });
  return growing;
}

function madeAgain({ make }: LayerToMake, size: number, call: CallOptions): ReplayableContent {
  return {
    size,
    open: ({ start, end }: ByteRange = { start: 0, end: size }) => between(make(call), start, end),
  };
}

/** The bytes of a range, for which those before it are made too. */
async function* between(stream: ByteStream, start: number, end: number): ByteStream {
  let at = 0;
  for await (const bytes of stream) {
    const [from, to] = [Math.max(start - at, 0), Math.min(end - at, bytes.length)];
    if (from < to) yield bytes.subarray(from, to);
    at += bytes.length;
    if (at >= end) return;
  }
}
