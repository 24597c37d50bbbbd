/** `--merge-into-target` with several writers at once, against a real registry and a layout, and as a command. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { convertImage } from '../../src/convert/convert.js';
import { collect } from '../../src/io/streams.js';
import { type Index, parseIndex } from '../../src/oci/manifest.js';
import { MEDIA } from '../../src/oci/media-types.js';
import { parsePlatforms } from '../../src/oci/platform.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import type { ImageTarget } from '../../src/registry/stores/store.js';
import { nydusify } from '../support/command.js';
import { type BuiltImage, buildImage, buildIndex, putImage } from '../support/images/image-builder.js';
import { file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { QUICK_DISK, tempFolder } from '../support/temp-folder.js';

const open = { credentials: anonymous };
const ARCHITECTURES = ['amd64', 'arm64', 'riscv64', 's390x'];

const index = buildIndex(
  ARCHITECTURES.map((architecture) => {
    const platform = { os: 'linux', architecture };
    return {
      image: buildImage({ layers: [layer(file('name', architecture))], platform }),
      fields: { platform },
    };
  }),
);

async function put(location: string, image: BuiltImage): Promise<void> {
  await using target = openTarget(location, open);
  await putImage(target, image);
}

async function get(location: string): Promise<Index> {
  await using source = openSource(location, open);
  return parseIndex(await collect(source.fetch(await source.resolve()), 1e6, location), MEDIA.ociIndex);
}

/** Opens when all writers have come for the first time, so that each has read what the tag held before any has set it. */
class Barrier {
  #left: number;
  #open = (): void => undefined;
  readonly #opened = new Promise<void>((resolve) => (this.#open = resolve));

  constructor(writers: number) {
    this.#left = writers;
  }

  async pass(): Promise<void> {
    if (--this.#left <= 0) this.#open();
    await this.#opened;
  }
}

/** Every writer adds the image of one platform. */
async function race(t: TestContext, source: string, to: string, isWorst: boolean): Promise<void> {
  const barrier = new Barrier(isWorst ? ARCHITECTURES.length : 0);
  const workDir = await tempFolder(t, QUICK_DISK);
  await Promise.all(
    ARCHITECTURES.map(async (architecture) => {
      await using from = openSource(source, open);
      await using opened = openTarget(to, open);
      const target: ImageTarget = Object.create(opened) as ImageTarget; // all but `tag` is that of the store
      target.push = (...args) => opened.push(...args);
      target.exists = (...args) => opened.exists(...args);
      target.fetch = (...args) => opened.fetch(...args);
      target.resolve = (...args) => opened.resolve(...args);
      target.tag = async (...args) => {
        await barrier.pass();
        await opened.tag(...args);
      };
      const platforms = parsePlatforms(`linux/${architecture}`);
      await convertImage({ source: from, target }, { mergeIntoTarget: true, platforms, threads: 1, workDir });
    }),
  );
}

function demandAll({ manifests }: Index, halves: number, round: string): void {
  assert.equal(manifests.length, halves * ARCHITECTURES.length, round);
  const nydus = manifests.filter(({ artifactType }) => artifactType === MEDIA.nydusArtifact);
  assert.deepEqual(nydus.map(({ platform }) => platform?.architecture).sort(), ARCHITECTURES, round);
}

test('four writers at once lose nothing, even if all have read before any has written', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using registry = await startDockerRegistry();
  const folder = await tempFolder(t, QUICK_DISK);
  for (const place of [`${registry.host}/team/app`, `oci:${join(folder, 'layout')}`]) {
    const source = `${place}:source`;
    await put(source, index);
    for (const isWorst of [true, false]) {
      // Into the index that is there, and into nothing.
      const [there, fresh] = [`${place}:there-${isWorst}`, `${place}:fresh-${isWorst}`];
      await put(there, index);
      await Promise.all([race(t, source, there, isWorst), race(t, source, fresh, isWorst)]);
      demandAll(await get(there), 2, there);
      demandAll(await get(fresh), 2, fresh);
      const originals = (await get(there)).manifests.filter(({ artifactType }) => artifactType === undefined);
      assert.deepEqual(
        originals.map(({ digest }) => digest),
        (await get(source)).manifests.map(({ digest }) => digest),
      );
    }
  }
});

test('the command adds to its own source, says so, and changes nothing the next time', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using registry = await startDockerRegistry();
  const app = `${registry.host}/team/app:1`;
  await put(app, index);
  const args = ['convert', '--merge-into-target', '--all-platforms', app, app];
  const first = await nydusify(args);
  assert.equal(first.status, 0, first.stderr);
  demandAll(await get(app), 2, 'command');
  const again = await nydusify(args);
  assert.deepEqual([again.status, again.stdout], [0, first.stdout]);
  assert.match(again.stderr, /already there/);
  const check = await nydusify(['check', app]);
  assert.equal(check.status, 0, check.stdout);
  await put(`${registry.host}/team/other:1`, buildImage({ layers: [layer(file('x', 'other'))] }));
  const refused = await nydusify(['convert', '--merge-into-target', app, `${registry.host}/team/other:1`]);
  assert.equal(refused.status, 5);
  assert.match(refused.stderr, /holds another image for linux\/\w+, sha256:/);
});
