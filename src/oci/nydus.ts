/** Small facts of Nydus images that both the writer and the checker of manifests need. */
import type { Digest, DiffId } from './digest.js';

/**
 * The empty layer put below the source layers of the OCI half when source and target repository differ
 * (`--merge-isolation`): a gzip'd tar without entries, so that the OCI half has a digest of its own.
 * goharbor/acceleration-service, pkg/driver/nydus.
 */
export const EMPTY_LAYER_BYTES: Uint8Array = Buffer.from(
  '1f8b08000000000000ff621805a360148c5800080000ffff2eafb5ef00040000',
  'hex',
);
export const EMPTY_LAYER_DIGEST =
  'sha256:4f4fb700ef54461cfa02571ae0db9a0dc1e0cdb5577484a6d75e68dc38e8acc1' as Digest; // of the bytes above; a test compares
/** Of the 1024 zero bytes inside. */
export const EMPTY_LAYER_DIFF_ID =
  'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef' as DiffId; // as above
