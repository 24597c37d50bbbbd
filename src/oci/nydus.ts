/** Facts about Nydus images that the writer and the checker of manifests share. */
import type { Digest, DiffId } from './digest.js';

/**
 * The empty layer below the source layers of the OCI half (`--merge-isolation`): a gzip'd tar without entries, which
 * gives the OCI half a digest of its own. It is the same as in goharbor/acceleration-service, pkg/driver/nydus.
 */
export const EMPTY_LAYER_BYTES: Uint8Array = Buffer.from(
  '1f8b08000000000000ff621805a360148c5800080000ffff2eafb5ef00040000',
  'hex',
);
export const EMPTY_LAYER_DIGEST =
  'sha256:4f4fb700ef54461cfa02571ae0db9a0dc1e0cdb5577484a6d75e68dc38e8acc1' as Digest; // the digest of the bytes above; a test compares them
/** The digest of the 1024 zero bytes inside. */
export const EMPTY_LAYER_DIFF_ID =
  'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef' as DiffId; // the test covers it, too
