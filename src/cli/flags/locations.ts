/** Upstream's archive flags as locations. */
import { parseReference } from '../../oci/reference.js';
import type { ConvertRequest } from './options.js';

/** `--source-archive` may hold either kind; its content tells. Throws what opening an archive throws. */
export async function sourceLocation(request: ConvertRequest): Promise<string> {
  const { source, sourceArchive: path } = request;
  if (path === undefined) return source;
  const { ArchiveFile } = await import('../../registry/stores/archive-file.js');
  await using archive = await ArchiveFile.open(path, request.options.workDir, undefined);
  // Newer versions of `docker save` write both; the OCI side holds the manifest as it was pushed.
  return `${archive.member('index.json') === undefined ? 'docker-archive' : 'oci-archive'}:${path}`;
}

/** In an OCI archive a name is the tag alone. */
export function targetLocation({ target, targetArchive }: ConvertRequest): string {
  if (targetArchive === undefined) return target;
  const { tag } = parseReference(target);
  return `oci-archive:${targetArchive}${tag === undefined ? '' : `:${tag}`}`;
}
