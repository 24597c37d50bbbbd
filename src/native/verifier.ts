/** Verifies every chunk of a blob while its bytes arrive. */
import { addon, asBuffer } from './addon.js';
import type { NativeBlobVerifier } from './addon-types.js';
import { unwrap } from './outcome.js';
import { PackedChunkTable } from './tables.js';
import type { Digest } from '../oci/digest.js';
import type { ChunkTable, CompressorName } from '../rafs-builder/model/tree.js';

export interface BlobVerifierOptions {
  readonly chunks: ChunkTable;
  readonly compressor: CompressorName;
  readonly digester: 'blake3' | 'sha256';
  readonly threads: number;
  /** Also digest this many bytes from the start of the blob. */
  readonly prefix?: number | undefined;
  /**
   * If the bytes are a gzip layer that chunks stay in: the contexts from which it is inflated. The records then have the number of
   * a context, and the offset in what it makes, in place of the offset in the address space.
   */
  readonly contexts?: VerifierContexts | undefined;
}

export interface VerifierContexts {
  /** The contexts, then their dictionaries. */
  readonly bytes: Buffer;
  readonly count: number;
}

export interface ChunkFault {
  readonly index: number;
  readonly message: string;
}

/** Takes a blob's bytes in order, and decodes, measures and digests every chunk of the table. */
export interface BlobVerifier {
  write(bytes: Uint8Array): Promise<void>;
  /** Returns digest and size of all bytes written, and the faults in chunk order. */
  finish(): Promise<{
    readonly digest: Digest;
    /** SHA-256 of the prefix; undefined when the caller wanted none, or the blob is shorter. */
    readonly prefixDigest: Digest | undefined;
    readonly size: number;
    readonly faults: readonly ChunkFault[];
  }>;
  abort(): void;
}

/** Throws UnsupportedError for a compressor that the addon cannot decode. */
export function openBlobVerifier(options: BlobVerifierOptions): BlobVerifier {
  const { bytes } = PackedChunkTable.from(options.chunks);
  const { compressor, digester, threads, prefix, contexts } = options;
  const native = { chunks: bytes, compressor, digester, threads, prefix };
  return new NativeVerifier(
    unwrap(
      addon().openBlobVerifier(
        contexts === undefined
          ? native
          : { ...native, contexts: contexts.bytes, contextCount: contexts.count },
      ),
    ),
  );
}

class NativeVerifier implements BlobVerifier {
  readonly #native: NativeBlobVerifier;

  constructor(native: NativeBlobVerifier) {
    this.#native = native;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!unwrap(this.#native.write(asBuffer(bytes)))) unwrap(await this.#native.room());
  }

  async finish(): ReturnType<BlobVerifier['finish']> {
    const { digest, prefixDigest, size, faults } = unwrap(await this.#native.finish());
    return { digest: digest as Digest, prefixDigest: prefixDigest as Digest | undefined, size, faults }; // canonical digests, as in `seal`
  }

  abort(): void {
    this.#native.abort();
  }
}
