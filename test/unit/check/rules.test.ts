/** Rules for documents that came after the first ones: what they find, one broken thing at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImage } from '../../../src/check/check.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import {
  MemoryStore,
  putMerged,
  type Json,
  type MergedParts,
} from '../../support/registries/memory-store.js';

/** Only these: the images of the memory store have no bootstrap to read. */
const LOOKED_AT = /^(?:MANIFEST|CONFIG|DETECT|INDEX)-/;

async function idsOf(change?: (parts: MergedParts) => void): Promise<string[]> {
  const { findings } = await checkImage({ target: putMerged(new MemoryStore(), change) });
  return [...new Set(findings.map(({ id }) => id).filter((id) => LOOKED_AT.test(id)))].sort();
}

function layersOf(manifest: Json): Json[] {
  return manifest['layers'] as Json[]; // put there by putMerged
}

/** Findings in the unchanged merged image of the memory store, which counts as made by another tool. */
const USUAL = ['MANIFEST-ORIGINAL'];

test('an OCI half that a tool has written anew cannot be turned back', async () => {
  assert.deepEqual(await idsOf(), USUAL);
});

const CASES: readonly [title: string, id: string, change: (parts: MergedParts) => void][] = [
  [
    'one digest with two sizes',
    'MANIFEST-DESCRIPTOR',
    ({ nydusManifest }) => Object.assign(layersOf(nydusManifest)[1] ?? {}, { size: 5 }),
  ],
  [
    'embedded bytes that are others',
    'MANIFEST-DESCRIPTOR',
    ({ nydusManifest }) =>
      Object.assign(layersOf(nydusManifest)[0] ?? {}, { data: Buffer.from('blub').toString('base64') }),
  ],
  [
    'a Docker layer in an OCI manifest',
    'MANIFEST-FAMILY-LAYER',
    ({ ociManifest }) => Object.assign(layersOf(ociManifest)[1] ?? {}, { mediaType: MEDIA.dockerLayerGzip }),
  ],
  [
    'a subject that may not be the source',
    'MANIFEST-SUBJECT-OTHER',
    ({ nydusManifest }) =>
      (nydusManifest['subject'] = {
        mediaType: MEDIA.ociManifest,
        digest: `sha256:${'0'.repeat(64)}`,
        size: 1,
      }),
  ],
  [
    'a subject that is not there',
    'MANIFEST-SUBJECT-MISSING',
    ({ nydusManifest }) =>
      (nydusManifest['subject'] = {
        mediaType: MEDIA.ociManifest,
        digest: `sha256:${'0'.repeat(64)}`,
        size: 1,
      }),
  ],
  ['a config without os', 'CONFIG-PLATFORM-MISSING', ({ nydusConfig }) => delete nydusConfig['os']],
  [
    'a rootfs of another type',
    'CONFIG-ROOTFS-TYPE',
    ({ ociConfig }) => Object.assign(ociConfig['rootfs'] as Json, { type: 'layerz' }),
  ],
  [
    'a mark that is gone',
    'DETECT-INDEX',
    ({ nydusEntry }) => {
      delete nydusEntry['artifactType'];
      nydusEntry['platform'] = { architecture: 'amd64', os: 'linux' };
    },
  ],
  ['an entry without platform', 'DETECT-INDEX', ({ ociEntry }) => delete ociEntry['platform']],
];

for (const [title, id, change] of CASES) {
  test(`${title} is found as ${id}`, async () => {
    assert.ok((await idsOf(change)).includes(id));
  });
}

test('a half without empty layer that names another source is found', async () => {
  const ids = await idsOf(({ ociManifest }) => {
    layersOf(ociManifest).shift();
    Object.assign(ociManifest['annotations'] as Json, {
      [ANNOTATION.nydusSourceDigest]: `sha256:${'1'.repeat(64)}`,
    });
  });
  assert.ok(ids.includes('MANIFEST-ORIGINAL'));
});

test('embedded bytes that are the right ones are no finding', async () => {
  const ids = await idsOf(({ nydusManifest }) =>
    Object.assign(layersOf(nydusManifest)[0] ?? {}, { data: Buffer.from('blob').toString('base64') }),
  );
  assert.deepEqual(ids, USUAL);
});
