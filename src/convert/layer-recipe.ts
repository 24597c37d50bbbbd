/** Makes the recipe of a layer's tar, and of its compression, while its blob is still on this machine. */
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import { UnsupportedError } from '../errors.js';
import { openFile, readFileRange, readPiece } from '../io/file-range.js';
import type { ByteRange } from '../io/streams.js';
import { decompress } from '../native/codec.js';
import { openBootstrapInTurns } from '../native/judge.js';
import type { NativeFrame } from '../native/addon-types.js';
import type { PackedLayer } from '../native/layer.js';
import type { SealedBlob } from '../native/packer.js';
import { ArchiveUnpacker } from '../native/unpack.js';
import { readBootstrapSection } from '../rafs-builder/blob/bootstrap.js';
import { sectionContent } from '../rafs-builder/blob/section.js';
import type { TreeNode } from '../rafs-builder/model/tree.js';
import { encodeRecipe } from '../recipe/encode.js';
import { type FramedRecipe, frameRecipe } from '../recipe/collection.js';
import type { CallOptions } from '../reporter.js';
import type { LayerContext, LayerJob } from './layer.js';

/** A layer that is packed, and the log of its tar. */
export interface PackedTar {
  readonly packed: PackedLayer;
  readonly sealed: SealedBlob;
  readonly structure: readonly NativeFrame[] | undefined;
  /** The record of its compression. */
  readonly compression: Buffer | undefined;
}

/** A record of more than this part of the layer is not kept; that of a small layer may have some more bytes. */
const PART = 64;
const MORE = 4096;

/** Undefined, with a warning, for a layer that can have no recipe. */
export async function recipeOfLayer(
  context: LayerContext,
  { number, descriptor }: LayerJob,
  { packed, sealed, structure, compression }: PackedTar,
  call: CallOptions,
): Promise<FramedRecipe | undefined> {
  const path = context.blobPath(number);
  const { mediaType, digest, size } = descriptor;
  try {
    if (structure === undefined) throw new UnsupportedError('its structure takes too much memory');
    const recipe = await encodeRecipe(
      {
        frames: structure,
        root: await ownRoot(path, sealed.size, call),
        head: { diffId: packed.diffId, tarSize: packed.stats.tarBytes, layer: { mediaType, digest, size } },
        read: async (ranges) =>
          readTar(
            context,
            { path: join(path, '..', `${number}.tar`), descriptor, size: packed.stats.tarBytes },
            ranges,
            call,
          ),
      },
      call.signal,
    );
    const frame = await frameRecipe(recipe);
    if (digest === (packed.diffId as string)) return { frame, form: 'tar' };
    if (compression === undefined) return { frame, form: mediaType.endsWith('zstd') ? 'zstd' : 'other' };
    const record = await frameRecipe(compression);
    return record.length > size / PART + MORE
      ? { frame, form: 'large' }
      : { frame, form: 'gzip', compression: record };
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    call.reporter?.emit({
      type: 'warning',
      code: 'NO_TAR_RECIPE',
      message: `layer ${number + 1} (${descriptor.digest}) gets no recipe of its tar: ${error.message}`,
    });
    return undefined;
  }
}

/** The root of the bootstrap inside a blob. */
async function ownRoot(path: string, size: number, { signal }: CallOptions): Promise<TreeNode> {
  const file = await openFile(path);
  try {
    const section = await readBootstrapSection(size, async (start, end) => readPiece(file, { start, end }));
    const { bootstrap } = await openBootstrapInTurns(await sectionContent(section, decompress), signal);
    return bootstrap.root;
  } finally {
    await file.close();
  }
}

/** Reads ranges of the tar, for which the layer is fetched once more: its first reading kept nothing. */
async function readTar(
  { source }: LayerContext,
  tar: { readonly path: string; readonly descriptor: LayerJob['descriptor']; readonly size: number },
  ranges: readonly ByteRange[],
  call: CallOptions,
): Promise<Buffer> {
  const unpacker = new ArchiveUnpacker(tar.path, call.budget);
  try {
    for await (const bytes of source.fetch(tar.descriptor, call)) await unpacker.write(bytes, tar.size);
    await unpacker.finish(tar.size);
    const pieces: Buffer[] = [];
    for (const range of ranges)
      for await (const bytes of readFileRange(tar.path, range)) pieces.push(Buffer.from(bytes));
    return Buffer.concat(pieces);
  } finally {
    await rm(tar.path, { force: true });
  }
}
