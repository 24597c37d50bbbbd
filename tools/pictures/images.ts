/** The images of the pictures: one that is sound, and one that is not, each beside its source. */
import { convertImage } from '../../src/convert/convert.js';
import { putImage, OCI } from '../../test/support/images/memory-conversion.js';
import { noise } from '../../test/support/images/opaque-image.js';
import { dir, file, layer } from '../../test/support/images/tar.js';
import { MemoryStore } from '../../test/support/registries/memory-store.js';

export interface Pair {
  readonly target: MemoryStore;
  readonly source: MemoryStore;
}

function sourceOf(name: string): MemoryStore {
  const store = new MemoryStore('registry.example/app:1.0');
  const layers = [
    layer(
      dir('etc'),
      file('etc/os-release', `NAME="${name}"\n`),
      dir('usr'),
      dir('usr/bin'),
      file('usr/bin/app', noise(2_400_000, 1)),
      dir('usr/lib'),
      file('usr/lib/libapp.so', noise(900_000, 2)),
    ),
    layer(file('usr/lib/libapp.so.1', noise(900_000, 2)), file('usr/lib/plugin.so', noise(400_000, 3))),
  ];
  store.root = putImage(store, layers, { family: OCI, architecture: 'amd64' });
  return store;
}

async function convert(source: MemoryStore): Promise<Pair & { readonly blobs: readonly string[] }> {
  const target = new MemoryStore('registry.example/app:1.0-nydus');
  const { images } = await convertImage({ source, target }, { mergePlatform: true });
  const blobs = images.flatMap(({ layers }) => layers.map(({ blob }) => blob.digest));
  return { source, target, blobs };
}

export async function goodImage(): Promise<Pair> {
  return convert(sourceOf('Example'));
}

/** A byte of the first blob is wrong, and a file of the source has changed since. */
export async function badImage(): Promise<Pair> {
  const { target, blobs } = await convert(sourceOf('Example'));
  for (const [digest, bytes] of target.content) {
    if (digest !== blobs[0]) continue;
    const spoiled = Buffer.from(bytes);
    const at = 1_500_000;
    spoiled.writeUInt8(spoiled.readUInt8(at) ^ 0xff, at);
    target.content.set(digest, spoiled);
  }
  return { target, source: sourceOf('Changed') };
}
