/** What a registry's folder holds below a tag, read without any code of the client. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ContentDigest } from '../../../src/embedded-registry/content-digest.js';
import { Storage } from '../../../src/embedded-registry/storage.js';

/**
 * Follows a tag through a registry's folder: every digest named must be there, and be that of its bytes. `hasSubject`: so must what is
 * named as subject.
 */
export async function inspectTarget(
  root: string,
  repository: string,
  tag: string,
  { hasSubject = false } = {},
): Promise<{ readonly tagged: string | undefined; readonly damage: readonly string[] }> {
  const storage = new Storage(root);
  const tagged = await storage.tagged(repository, tag);
  const damage: string[] = [];
  const visit = async (digest: ContentDigest, kind: 'manifest' | 'blob'): Promise<void> => {
    const held =
      kind === 'blob'
        ? await storage.holds(repository, digest)
        : (await storage.manifestType(repository, digest)) !== undefined;
    const bytes = held ? await readFile(storage.blobPath(digest)).catch(() => undefined) : undefined;
    if (bytes === undefined) {
      damage.push(`${kind} ${digest} is missing`);
      return;
    }
    if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== digest)
      damage.push(`${kind} ${digest} has other bytes`);
    if (kind === 'blob') return;
    const { manifests = [], subject, config, layers = [] } = JSON.parse(bytes.toString('utf8')) as Named; // as manifests and indexes are
    const below = hasSubject && subject !== undefined ? [...manifests, subject] : manifests;
    for (const child of below) await visit(child.digest, 'manifest');
    for (const child of config === undefined ? [] : [config, ...layers]) await visit(child.digest, 'blob');
  };
  if (tagged !== undefined) await visit(tagged, 'manifest');
  return { tagged, damage };
}

interface Named {
  readonly manifests?: readonly { readonly digest: ContentDigest }[];
  readonly subject?: { readonly digest: ContentDigest };
  readonly config?: { readonly digest: ContentDigest };
  readonly layers?: readonly { readonly digest: ContentDigest }[];
}
