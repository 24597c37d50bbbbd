/**
 * Manifests, configs and indexes of {docker, oci} × {merged, not}, as text under review; GOLDEN_UPDATE=1 rewrites them. What
 * follows from gzip's output, which depends on Node's zlib, is masked: the digest of the bootstrap layer and those above it.
 */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUILDER_VERSION } from '../../src/convert/version.js';
import { MEDIA } from '../../src/oci/media-types.js';
import {
  buildAttestation,
  buildImage,
  buildIndex,
  type BuiltImage,
} from '../support/images/image-builder.js';
import { convert, type Converted } from '../support/images/folder-conversion.js';
import { dir, file, layer, symlink, whiteout } from '../support/images/tar.js';
import { projectRoot } from '../support/project.js';

const folder = join(projectRoot, 'test', 'golden', 'manifests');

const LAYERS = [
  layer(dir('etc'), file('etc/motd', 'hello\n'), file('etc/old', 'gone')),
  layer(whiteout('etc/old'), symlink('etc/link', 'motd')),
];

function source(docker: boolean): BuiltImage {
  const image = buildImage({
    layers: LAYERS,
    docker,
    rewriteConfig: (text) =>
      text.replace(
        '"config":{',
        '"x-big":12345678901234567890,"config":{"Healthcheck":{"Interval":30000000000},',
      ),
    manifest: { annotations: { 'org.example.note': 'kept' } },
  });
  const arm = buildImage({
    layers: LAYERS.slice(0, 1),
    docker,
    platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
  });
  return buildIndex(
    [
      { image, fields: { platform: { os: 'linux', architecture: 'amd64' } } },
      {
        image: arm,
        fields: {
          platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
          annotations: { 'org.example.entry': 'kept' },
        },
      },
      buildAttestation(image),
    ],
    { annotations: { 'org.example.index': 'kept' } },
    docker,
  );
}

/** Everything that is JSON, children after parents; what follows from gzip's output is masked, and so are sizes and digests above it. */
async function textOf(converted: Converted): Promise<string> {
  const parts: string[] = [];
  const masks = new Map([[BUILDER_VERSION, '<version of this builder>']]);
  const index = converted.root;
  assert.equal(index.kind, 'index');
  masks.set(converted.result.root.digest, '<index>');
  for (const [i, entry] of index.manifests.entries()) {
    const manifest = await converted.manifest(entry);
    const last = manifest.layers.at(-1);
    parts.push(`# manifest ${i}\n${(await converted.read(entry)).toString('utf8')}`);
    parts.push(`# config ${i}\n${(await converted.read(manifest.config)).toString('utf8')}`);
    if (manifest.layers.some(({ mediaType }) => mediaType === MEDIA.nydusBlob) && last !== undefined) {
      masks.set(last.digest, `<bootstrap ${i}>`);
      masks.set(`"size": ${last.size}`, '"size": <of the bootstrap>');
      masks.set(entry.digest, `<manifest ${i}>`);
      masks.set(`"size": ${entry.size}`, `"size": <of manifest ${i}>`);
    }
  }
  let text = [`# index\n${converted.bytes.toString('utf8')}`, ...parts].join('\n\n');
  for (const [from, to] of masks) text = text.replaceAll(from, to);
  return `${text}\n`;
}

for (const docker of [false, true]) {
  for (const mergePlatform of [false, true]) {
    const name = `${docker ? 'docker' : 'oci'}-${mergePlatform ? 'merged' : 'plain'}`;
    test(`manifests, configs and indexes of a conversion equal the stored ones: ${name}`, async (t) => {
      const text = await textOf(await convert(t, source(docker), { mergePlatform }));
      const path = join(folder, `${name}.txt`);
      if (process.env['GOLDEN_UPDATE'] === '1') {
        await mkdir(folder, { recursive: true });
        await writeFile(path, text);
      }
      assert.equal(text, await readFile(path, 'utf8'));
    });
  }
}
