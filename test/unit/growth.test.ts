/** Work that grows no faster than its input: the same code over n and over 4n items, by the CPU time that each takes. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { RegistryError } from '../../src/errors.js';
import { sourceOf, type PairableImage } from '../../src/image/pairs.js';
import { nydusConfig } from '../../src/oci/config-edit.js';
import { type DiffId, sha256 } from '../../src/oci/digest.js';
import { parseJsonText, removeChildren } from '../../src/oci/json/text.js';
import { parseJsonObject } from '../../src/oci/json/value.js';
import { anyOf, isSelected, type PlatformSelection } from '../../src/oci/platform.js';
import { entryNames, selectEntry } from '../../src/registry/stores/select-entry.js';
import { openSource } from '../../src/registry/open.js';
import { layer, file } from '../support/images/tar.js';
import { tempFolder, place } from '../support/temp-folder.js';
import { cpuMs } from '../support/images/layer-entries.js';
import { diffJson } from '../../src/check/json-diff.js';

const DIGEST = sha256(Buffer.from('x'));

function members(count: number): string {
  return Array.from({ length: count }, (_, i) => `"k${i}":"v${i}"`).join(',');
}

/** Each prepares its input of `count` items, and gives the work on it. */
const WORK: Readonly<Record<string, (count: number) => () => unknown>> = {
  'entries of a history that is longer than the layers': (count) => {
    const history = Array(count).fill('{"created_by":"x"}').join(',');
    const bytes = Buffer.from(`{"rootfs":{"diff_ids":["${DIGEST}"]},"history":[${history}]}`);
    const diffId = DIGEST as string as DiffId; // any digest will do
    return () => nydusConfig(bytes, [diffId], diffId, 'config');
  },
  'labels that are read and compared': (count) => {
    const one = Buffer.from(`{"Labels":{${members(count)}}}`);
    const other = Buffer.from(`{"Labels":{${members(count).replaceAll('"v', '"w')}}}`);
    return () => [...diffJson(parseJsonObject(one, 'one'), parseJsonObject(other, 'other'))];
  },
  'members that are removed from one object': (count) => {
    const doc = parseJsonText(Buffer.from(`{${members(count)}}`), 'text');
    const odd = (doc.root.children ?? []).filter((_, i) => i % 2 === 1);
    return () => removeChildren(doc.root, odd);
  },
  'platforms asked for, of as many entries': (count) => {
    const platforms = Array.from({ length: count }, (_, i) => ({ os: 'linux', architecture: `a${i}` }));
    const selection: PlatformSelection = { kind: 'list', platforms };
    return () => [platforms.filter((one) => isSelected(selection, one)), platforms.filter(anyOf(platforms))];
  },
  'tags of a layout that are listed in an error': (count) => {
    const entries = Array.from({ length: count }, (_, i) => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: DIGEST,
      size: 1,
      annotations: { 'org.opencontainers.image.ref.name': `t${i}` },
      raw: {},
    }));
    return () => {
      assert.throws(
        () => selectEntry(entries, { name: 'no' }, 'oci:x', entryNames),
        (error) => error instanceof RegistryError && error.hint?.endsWith(`and ${count - 50} more`) === true,
      );
    };
  },
  'images that are paired with their sources': (count) => {
    const images = Array.from({ length: count }, (_, i) => {
      const digest = sha256(Buffer.from(`${i}`));
      const manifest = {
        descriptor: { mediaType: 'm', digest, size: 1 },
        value: { annotations: {}, layers: [] },
      };
      return { kind: 'oci', platformName: `linux/a${i}`, manifest } as unknown as PairableImage; // all that pairing reads
    });
    return () => {
      for (const image of images)
        assert.equal(sourceOf({ platform: image.platformName, oci: [image], nydus: [] }, images), image);
    };
  },
};

test('work on an image takes time in proportion to what is listed in it', () => {
  const few = 4000;
  for (const [name, prepare] of Object.entries(WORK)) {
    prepare(few)(); // compiled
    const [short, long] = [few, 4 * few].map((count) => {
      const work = prepare(count);
      return Math.min(...Array.from({ length: 2 }, () => cpuMs(work)));
    });
    assert.ok(short !== undefined && long !== undefined);
    // A square would take 16 times as long; noise and the collector of garbage take their share.
    assert.ok(long <= 9 * short + 60, `${name}: ${short} ms for ${few}, ${long} ms for ${4 * few}`);
  }
});

test('an archive names a few of its images in an error, and counts the others', async (t) => {
  const saved = Array.from({ length: 3000 }, (_, i) => ({ Config: 'c', RepoTags: [`a:${i}`], Layers: [] }));
  const path = await place(await tempFolder(t), 'x.tar', layer(file('manifest.json', JSON.stringify(saved))));
  await using source = openSource(`docker-archive:${join(path)}:no`);
  await assert.rejects(
    source.resolve(),
    (error) => error instanceof RegistryError && /@49 \(a:49\) and 2950 more$/.test(error.hint ?? ''),
  );
});
