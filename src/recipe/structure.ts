/** Reads the log of a tar's structure, which the addon writes while it packs a layer (native/core/src/structure.rs). */
import type { NativeFrame } from '../native/addon-types.js';
import { decompress } from '../native/codec.js';
import type { RawPath } from '../oci/raw-name.js';
import { ByteReader } from './bytes.js';

/**
 * `bytes`: the next bytes of the tar; `data`: bytes of the file whose entry came last; `hole`: bytes of that file which the tar
 * does not have; `entry`: an entry whose header begins at `offset`, and may come later.
 */
export type StructureRecord =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'data' | 'hole'; readonly length: number }
  | { readonly kind: 'entry'; readonly path: RawPath; readonly offset: number };

export async function* structureRecords(frames: readonly NativeFrame[]): AsyncGenerator<StructureRecord> {
  for (const { bytes, size } of frames) {
    const reader = new ByteReader(await decompress(bytes, 'zstd', size));
    while (!reader.isAtEnd) yield nextRecord(reader);
  }
}

function nextRecord(reader: ByteReader): StructureRecord {
  const head = reader.number();
  const length = Math.floor(head / 4);
  switch (head % 4) {
    case 0:
      return { kind: 'bytes', bytes: reader.raw(length) };
    case 1:
      return { kind: 'data', length };
    case 2:
      return { kind: 'hole', length };
    default: {
      const offset = reader.number();
      return { kind: 'entry', path: reader.raw(length).toString('latin1') as RawPath, offset }; // latin1 has one character a byte
    }
  }
}
