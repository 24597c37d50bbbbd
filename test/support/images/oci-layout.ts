/** Writes a small image as an OCI layout, by hand: no code of `src` takes part. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface LayoutLayer {
  readonly tar: Uint8Array;
  readonly compression: 'gzip' | 'none';
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Makes `folder` a layout that holds one linux/amd64 image called `tag`; gives the digest of its manifest. */
export async function writeLayout(
  folder: string,
  tag: string,
  layers: readonly LayoutLayer[],
): Promise<string> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const add = async (mediaType: string, bytes: Uint8Array): Promise<object> => {
    await writeFile(join(blobs, sha256(bytes)), bytes);
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const listed: object[] = [];
  for (const { tar, compression } of layers) {
    const type = 'application/vnd.oci.image.layer.v1.tar';
    listed.push(
      compression === 'gzip' ? await add(`${type}+gzip`, gzipSync(tar)) : await add(type, Buffer.from(tar)),
    );
  }
  const config = await add(
    'application/vnd.oci.image.config.v1+json',
    json({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['/bin/app'], Labels: { made: 'by hand' } },
      rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => `sha256:${sha256(tar)}`) },
      history: layers.map((_, number) => ({ created_by: `layer ${number}` })),
    }),
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const text = json({ schemaVersion: 2, mediaType, config, layers: listed });
  const manifest = await add(mediaType, text);
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  const platform = { os: 'linux', architecture: 'amd64' };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, platform, annotations }] };
  await writeFile(join(folder, 'index.json'), json(index));
  await writeFile(join(folder, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  return `sha256:${sha256(text)}`;
}
