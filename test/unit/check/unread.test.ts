/** Images of which a part cannot be read here, among others that can. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImage } from '../../../src/check/check.js';
import { formatFinding } from '../../../src/check/finding.js';
import type { CheckResult } from '../../../src/check/result.js';
import { UnsupportedError } from '../../../src/errors.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { entry, file, layer, type TarItem } from '../../support/images/tar.js';
import {
  converted,
  type manifestOf,
  respelled,
  sourceImage,
} from '../../support/images/memory-conversion.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

const ARCHITECTURES = ['amd64', 'arm64', 'riscv64'] as const;

/** What becomes of the image for arm64. */
type Spoil = (manifest: ReturnType<typeof manifestOf>, config: object, copy: MemoryStore) => void;

/** An index of three sound images, but for one. */
async function indexWith(spoil: Spoil): Promise<MemoryStore> {
  const index = new MemoryStore('memory.test/target:1');
  const manifests: object[] = [];
  for (const architecture of ARCHITECTURES) {
    const sound = await converted(sourceImage([layer(file('a', architecture))], { architecture }));
    const image = architecture === 'arm64' ? respelled(sound, spoil) : sound;
    for (const [digest, bytes] of image.content) index.content.set(digest, bytes);
    manifests.push({ ...image.root, platform: { os: 'linux', architecture } });
  }
  index.root = index.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests });
  return index;
}

/** A first layer that leads clients elsewhere. */
function annotated(name: string): Spoil {
  return (manifest) => {
    const [first, ...rest] = manifest.layers;
    if (first === undefined) assert.fail();
    manifest.layers = [{ ...first, annotations: { ...first.annotations, [name]: 'x' } }, ...rest];
  };
}

function unreadOf({ findings }: CheckResult): readonly string[] {
  return findings.filter(({ id }) => id === 'CONTENT-UNREAD').map(formatFinding);
}

for (const [name, words] of [[ANNOTATION.nydusEncryptedBlob, 'encrypted images']] as const) {
  test(`an image with the annotation ${name} is a finding, and the other images of its index are checked`, async () => {
    const result = await checkImage({ target: await indexWith(annotated(name)) });
    assert.equal(result.verdict, 'bad');
    assert.match(unreadOf(result).join(), new RegExp(`^error +CONTENT-UNREAD +linux/arm64: .*${words}`));
    assert.deepEqual(
      result.platforms.map(({ platform, dataRead }) => [platform, dataRead]),
      ARCHITECTURES.map((architecture) => [`linux/${architecture}`, architecture !== 'arm64']),
    );
  });
}

test('a bootstrap beyond the limits is a finding with its remedy, and the other images of its index are checked', async () => {
  const target = await indexWith(() => undefined);
  const limits = { maxMetadata: 1 };
  await assert.rejects(
    checkImage({ target }, {}, { limits }),
    (error) => error instanceof UnsupportedError && /^linux\/amd64: /.test(error.message),
  );
});

test('an index that is nested without end is a finding, and the images beside it are checked', async () => {
  const target = await indexWith(() => undefined);
  let nested: Descriptor = target.putJson(MEDIA.ociIndex, { schemaVersion: 2, manifests: [] });
  for (let depth = 0; depth < 12; depth++)
    nested = target.putJson(MEDIA.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA.ociIndex,
      manifests: [nested],
    });
  const root = target.root;
  const listed = JSON.parse(String(target.content.get(root?.digest ?? assert.fail()))) as {
    manifests: object[];
  };
  target.root = target.putJson(MEDIA.ociIndex, { ...listed, manifests: [...listed.manifests, nested] });
  const result = await checkImage({ target });
  assert.match(unreadOf(result).join(), /^error +CONTENT-UNREAD .*nested more than 8 deep/);
  assert.equal(result.platforms.filter(({ dataRead }) => dataRead).length, 3);
});

test('a layer of the source that cannot be read is a finding about that image alone', async () => {
  const target = await indexWith(() => undefined);
  const source = new MemoryStore('memory.test/source:1');
  const manifests: object[] = [];
  for (const architecture of ARCHITECTURES) {
    const odd: readonly TarItem[] = architecture === 'arm64' ? [entry('odd', 'M')] : [];
    const image = sourceImage([layer(file('a', architecture), ...odd)], { architecture });
    for (const [digest, bytes] of image.content) source.content.set(digest, bytes);
    manifests.push({ ...image.root, platform: { os: 'linux', architecture } });
  }
  source.root = source.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests });
  const result = await checkImage({ target, source });
  assert.equal(unreadOf(result).length, 1);
  assert.match(unreadOf(result).join(), /linux\/arm64 source layer 1: /);
  assert.ok(result.platforms.every(({ dataRead }) => dataRead));
});

test('an image that cannot be read and stands alone is refused in one sentence', async () => {
  const sound = await converted(sourceImage([layer(file('a', 'a'))]));
  await assert.rejects(
    checkImage({ target: respelled(sound, annotated(ANNOTATION.nydusEncryptedBlob)) }),
    (error) => error instanceof UnsupportedError && /^linux\/amd64: encrypted images/.test(error.message),
  );
});
