/** Upstream's archive flags as locations. */
import { stat } from 'node:fs/promises';
import type { Budget } from '../../limits.js';
import type { Location } from '../../registry/location.js';
import type { ConvertRequest } from './options.js';

/** `--source-archive` may hold either kind; its content decides. Throws what opening an archive throws. */
export async function sourceLocation(
  { source, options }: ConvertRequest,
  { budget, signal }: { readonly budget: Budget; readonly signal: AbortSignal },
): Promise<Location> {
  if (source.kind !== 'archive') return source;
  const { path } = source;
  // A pipe can be read only once, and a Docker archive may hold either kind.
  if (!(await stat(path)).isFile()) return { kind: 'docker-archive', path };
  const { ArchiveFile } = await import('../../registry/stores/archive-file.js');
  await using archive = await ArchiveFile.open(path, { workDir: options.workDir, budget }, signal);
  // Newer versions of `docker save` write both; the OCI side holds the manifest as it was pushed.
  return { kind: archive.member('index.json') === undefined ? 'docker-archive' : 'oci-archive', path };
}
