/** Packs a tar of changes into a blob, and merges it over the bootstrap of an image, none of whose layers is read. */
import type { FormatOptions } from '../convert/format.js';
import type { ByteStream } from '../io/streams.js';
import { openImagePacker, type SealedBlob } from '../native/packer.js';
import type { CallOptions, PackStats } from '../reporter.js';

export interface PackedChanges {
  readonly sealed: SealedBlob;
  readonly stats: PackStats;
  readonly bootstrap: Buffer;
}

export interface ChangesToPack {
  /** The bootstrap of the base. */
  readonly base: Buffer;
  /** A tar, compressed or not, with whiteouts of any style. */
  readonly changes: ByteStream;
  readonly format: FormatOptions;
  readonly threads: number;
  /** The file of the blob. */
  readonly path: string;
}

/** The numbers of the layers in the packer. */
const BASE = 0;
const CHANGES = 1;

/** Throws FormatError and UnsupportedError for a tar that no layer can be made of. */
export async function packChanges(
  { base, changes, format, threads, path }: ChangesToPack,
  call: CallOptions,
): Promise<PackedChanges> {
  using packer = openImagePacker({ ...format, threads, layers: 1, budget: call.budget, limits: call.limits });
  await packer.base(BASE, { bootstrap: base });
  const layer = packer.openLayer(CHANGES, path);
  layer.takeOverlayMarks();
  try {
    for await (const piece of changes) {
      call.signal?.throwIfAborted();
      await layer.write(piece);
    }
    const { warnings, stats } = await layer.finish();
    for (const { code, message } of warnings) call.reporter?.emit({ type: 'warning', code, message });
    const sealed = await layer.seal();
    const { bootstrap } = await packer.bootstrap([BASE, CHANGES]);
    return { sealed, stats, bootstrap };
  } catch (error) {
    layer.abort();
    call.signal?.throwIfAborted();
    throw error;
  }
}
