/** Archives that upstream's flags name without their kind, as locations. */
import { stat } from 'node:fs/promises';
import type { Budget } from '../../limits.js';
import type { Location } from '../../registry/location.js';

/** A file of which only its content shows which kind of archive it is. */
export interface UnopenedArchive {
  readonly kind: 'archive';
  readonly path: string;
}

export interface OpeningOptions {
  readonly workDir: string | undefined;
  readonly budget: Budget;
  readonly signal: AbortSignal;
}

/** The content of an archive decides its kind. Throws what opening an archive throws. */
export async function sourceLocation(
  source: Location | UnopenedArchive,
  { workDir, budget, signal }: OpeningOptions,
): Promise<Location> {
  if (source.kind !== 'archive') return source;
  const { path } = source;
  // A pipe can be read only once, and a Docker archive may hold either kind.
  if (!(await stat(path)).isFile()) return { kind: 'docker-archive', path };
  const { ArchiveFile } = await import('../../registry/stores/archive-file.js');
  await using archive = await ArchiveFile.open(path, { workDir, budget }, signal);
  // Newer versions of `docker save` write both; the OCI side holds the manifest as it was pushed.
  return { kind: archive.member('index.json') === undefined ? 'docker-archive' : 'oci-archive', path };
}
