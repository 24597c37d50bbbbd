/** Makes the image of the program in a folder in the form of an OCI layout, and the merged Nydus index of it, as the program itself makes one. */
import { rmSync } from 'node:fs';
import { convertImage } from '../../src/convert/convert.js';
import { parseLocation } from '../../src/registry/location.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { putImage } from '../../test/support/images/image-builder.js';
import { ownManifest } from '../packages/manifest.js';
import { sourceDate } from '../packages/source-date.js';
import { ARCHITECTURES, type Architecture } from './architectures.js';
import { billOfImage } from './bill.js';
import { fetchPackages } from './debian.js';
import { imageIndex, type Labels, type PlatformImage } from './documents.js';
import { DEBIAN_PACKAGES, nodeLayer, programLayer, systemLayer } from './layers.js';
import type { Locked } from './lock.js';

export interface ImageOptions {
  readonly locked: readonly Locked[];
  /** Paths of packed packages: the main one, and those with the addon by their platforms. */
  readonly main: string;
  readonly addons: ReadonlyMap<string, string>;
  /** The folder to write. */
  readonly layout: string;
  /** The commit that the image is made of. */
  readonly revision: string;
}

export interface MadeImage {
  readonly tag: string;
  readonly digest: string;
  readonly nydusTag: string;
  readonly nydusDigest: string;
  readonly platforms: readonly {
    readonly platform: string;
    /** Compressed, with all layers. */
    readonly bytes: number;
    readonly programBytes: number;
  }[];
}

export async function makeImage(options: ImageOptions): Promise<MadeImage> {
  const { layout, addons, revision } = options;
  const { version, name, license, homepage, repository } = ownManifest();
  const address = repository?.['url'];
  const labels: Labels = {
    'org.opencontainers.image.title': name,
    'org.opencontainers.image.description': 'Converts OCI and Docker images to Nydus images',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.revision': revision,
    'org.opencontainers.image.created': sourceDate().toISOString().replace('.000Z', 'Z'),
    'org.opencontainers.image.licenses': license,
    ...(homepage === undefined ? {} : { 'org.opencontainers.image.url': homepage }),
    ...(address === undefined
      ? {}
      : { 'org.opencontainers.image.source': address.replace(/^git\+|\.git$/g, '') }),
  };
  const platforms = await Promise.all(
    ARCHITECTURES.filter(({ addon }) => addons.has(addon)).map((one) => platformImage(options, one, version)),
  );
  rmSync(layout, { recursive: true, force: true });
  const tag = `oci:${layout}:${version}`;
  const image = imageIndex(platforms, labels);
  await using target = openTarget(tag);
  await putImage(target, image);
  await using source = openSource(tag);
  await using nydus = openTarget(`${tag}-nydus`);
  const converted = await convertImage(
    { source, target: nydus },
    {
      mergePlatform: true,
      // The name in the result is not that of a folder of this machine.
      sourceLocation: parseLocation(`oci:${name}:${version}`),
    },
  );
  return {
    tag: version,
    digest: image.root.descriptor.digest,
    nydusTag: `${version}-nydus`,
    nydusDigest: converted.root.digest,
    platforms: platforms.map(({ architecture, layers }) => ({
      platform: `linux/${architecture.debian}`,
      bytes: layers.reduce((sum, { gzip }) => sum + gzip.length, 0),
      programBytes: layers.at(-1)?.gzip.length ?? 0,
    })),
  };
}

async function platformImage(
  { locked, main, addons }: ImageOptions,
  architecture: Architecture,
  version: string,
): Promise<PlatformImage> {
  const own = locked.filter((one) => one.architecture === architecture);
  const debian = own.filter(({ kind }) => kind === 'debian');
  const node = own.find(({ kind }) => kind === 'node');
  const absent = DEBIAN_PACKAGES.find((name) => !debian.some((one) => one.name === name));
  if (node === undefined || absent !== undefined)
    throw new Error(`tools/image/lock.txt has no ${absent ?? 'node'} for ${architecture.debian}`);
  const tarballs = { main, addon: addons.get(architecture.addon) ?? '' };
  return {
    architecture,
    layers: [
      await systemLayer(architecture, fetchPackages(architecture, debian)),
      await nodeLayer(node, architecture),
      await programLayer(version, architecture, tarballs),
    ],
    bill: await billOfImage(own, tarballs),
  };
}
