/** The images that are measured: given as an OCI layout or in a registry, or made here. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from '../../test/support/run-tool.js';
import { writeBenchLayout } from './make.js';

export interface BenchLayer {
  readonly digest: string;
  readonly size: number;
  /** The layer as the registry stores it. */
  readonly file: string;
}

export interface BenchImage {
  readonly name: string;
  /** Digest of the manifest. */
  readonly digest: string;
  readonly layers: readonly BenchLayer[];
}

export interface ImageChoice {
  /** OCI layout with a tag an image. */
  readonly layout?: string | undefined;
  /** `HOST:PORT/PREFIX` of a plain-HTTP registry that has `PREFIX/NAME:latest`. */
  readonly registry?: string | undefined;
  /** All of the layout, or all that can be made, when undefined. */
  readonly names?: readonly string[] | undefined;
}

interface Manifest {
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}
interface Index {
  readonly manifests: readonly {
    readonly digest: string;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

/** Gives the images, and the layout that holds them; `folder` is where one is made when needed. */
export async function benchImages(
  choice: ImageChoice,
  folder: string,
  say: (text: string) => void,
): Promise<{ readonly layout: string; readonly images: readonly BenchImage[] }> {
  const layout = choice.layout ?? join(folder, choice.registry === undefined ? 'made' : 'given');
  if (choice.registry !== undefined) {
    for (const name of choice.names ?? []) {
      say(`fetching ${name}`);
      const from = `docker://${choice.registry}/${name}:latest`;
      await runTool('skopeo', ['copy', '-q', '--src-tls-verify=false', from, `oci:${layout}:${name}`]);
    }
  } else if (choice.layout === undefined) {
    await writeBenchLayout(layout, choice.names, say);
  }
  const all = await imagesOf(layout);
  const names = choice.names ?? all.map(({ name }) => name);
  const images = names.map((name) => {
    const image = all.find((other) => other.name === name);
    if (image === undefined) throw new Error(`${layout} has no image ${name}`);
    return image;
  });
  return { layout, images };
}

async function imagesOf(layout: string): Promise<BenchImage[]> {
  const file = (digest: string): string => join(layout, 'blobs', ...digest.split(':'));
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as Index; // ours, or skopeo's
  const images: BenchImage[] = [];
  for (const { digest, annotations } of index.manifests) {
    const name = annotations?.['org.opencontainers.image.ref.name'];
    if (name === undefined) continue;
    const manifest = JSON.parse(await readFile(file(digest), 'utf8')) as Manifest; // the same
    const layers = manifest.layers.map((layer) => ({
      digest: layer.digest,
      size: layer.size,
      file: file(layer.digest),
    }));
    images.push({ name, digest, layers });
  }
  return images;
}
