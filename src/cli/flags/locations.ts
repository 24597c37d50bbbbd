/** Archives that upstream's flags name without their kind, as locations. */
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UsageError } from '../../errors.js';
import { localIoError } from '../../io/system-error.js';
import type { Budget } from '../../limits.js';
import { type Location, parseLocation } from '../../registry/location.js';

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
  const found = await stat(path).catch((error: unknown) => {
    throw localIoError(`cannot read ${path}`, error);
  });
  if (!found.isFile()) return { kind: 'docker-archive', path };
  const { ArchiveFile } = await import('../../registry/stores/archive-file.js');
  await using archive = await ArchiveFile.open(path, { workDir, budget }, signal);
  // Newer versions of `docker save` write both; the OCI side holds the manifest as it was pushed.
  return { kind: archive.member('index.json') === undefined ? 'docker-archive' : 'oci-archive', path };
}

/** The path behind upstream's `file://`; undefined for other text. */
function filePath(text: string): string | undefined {
  const path = /^file:\/\/(.*)$/s.exec(text)?.[1];
  if (path === '') throw new UsageError('"file://" names no file');
  return path === undefined ? undefined : resolve(path);
}

/** A folder is an OCI layout. The content of a file says which kind of archive it is. */
export function sourceOf(text: string): Location | UnopenedArchive {
  const path = filePath(text);
  if (path === undefined) return parseLocation(text);
  return isFolder(path) ? { kind: 'oci', path } : { kind: 'archive', path };
}

/** In a file the image is named as in the source. */
export function targetOf(text: string, source: Location | UnopenedArchive): Location {
  const path = filePath(text);
  if (path === undefined) return parseLocation(text);
  const name =
    source.kind === 'registry' ? source.reference.tag : source.kind === 'archive' ? undefined : source.name;
  const kind = isFolder(path) ? 'oci' : 'oci-archive';
  return { kind, path, ...(name === undefined || name.startsWith('@') ? {} : { name }) };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
