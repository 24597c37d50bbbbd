import { openBootstrapInTurns } from '../native/judge.js';
import type { CallOptions } from '../reporter.js';

/** The ids of the blobs that a bootstrap names, in its order. */
export async function allBlobIds(bytes: Uint8Array, { signal }: CallOptions): Promise<readonly string[]> {
  const { bootstrap } = await openBootstrapInTurns(bytes, signal);
  return bootstrap.blobs.map(({ record }) => record.id);
}
