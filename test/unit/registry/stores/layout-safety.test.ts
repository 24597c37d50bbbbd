import assert from 'node:assert/strict';
import { lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FormatError, LocalIoError } from '../../../../src/errors.js';
import { contentOf } from '../../../../src/io/streams.js';
import { digestHex } from '../../../../src/oci/digest.js';
import { anonymous } from '../../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../../src/registry/open.js';
import { noise, pushImage, readImage, sampleImage } from '../../../support/images/opaque-image.js';
import { runTool } from '../../../support/run-tool.js';
import { tempFolder } from '../../../support/temp-folder.js';

const options = { credentials: anonymous };
const image = sampleImage([noise(70_000, 1)]);
const [part] = image.parts;
assert.ok(part);
const { descriptor, bytes } = part;

function blobPath(layout: string): string {
  return join(layout, 'blobs', 'sha256', digestHex(descriptor.digest));
}

test('a damaged blob of the right size is not present in a layout, and the next push mends it', async (t) => {
  const layout = await tempFolder(t);
  for (const damaged of [noise(70_000, 2), Buffer.alloc(70_000)]) {
    await using target = openTarget(`oci:${layout}:1`, options);
    await pushImage(target, image);
    await writeFile(blobPath(layout), damaged);
    assert.equal(await target.exists(descriptor), false);
    assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed');
    assert.ok((await readFile(blobPath(layout))).equals(bytes));
    await using again = openTarget(`oci:${layout}:1`, options);
    assert.equal(await again.push(descriptor, contentOf(bytes)), 'present');
  }
});

test('a link in place of a blob is not followed: it is no content, and a file takes its place', async (t) => {
  const folder = await tempFolder(t);
  const layout = join(folder, 'layout');
  await mkdir(join(layout, 'blobs', 'sha256'), { recursive: true });
  const victim = join(folder, 'victim');
  await writeFile(victim, bytes);
  await symlink(victim, blobPath(layout));
  await symlink(victim, join(layout, 'oci-layout'));
  await using target = openTarget(`oci:${layout}:1`, options);
  assert.equal(await target.exists(descriptor), false);
  await pushImage(target, image);
  assert.ok((await lstat(blobPath(layout))).isFile());
  assert.ok((await lstat(join(layout, 'oci-layout'))).isFile());
  assert.ok((await readFile(victim)).equals(bytes));
});

test('links in place of the folders of blobs are refused when a layout is written', async (t) => {
  const folder = await tempFolder(t);
  const victim = join(folder, 'victim');
  await mkdir(join(victim, 'sha256'), { recursive: true });
  for (const [name, at] of [
    ['blobs', 'blobs'],
    ['sha256', 'blobs/sha256'],
  ] as const) {
    const layout = join(folder, name);
    await mkdir(join(layout, at, '..'), { recursive: true });
    await symlink(victim, join(layout, at));
    await using target = openTarget(`oci:${layout}:1`, options);
    await assert.rejects(pushImage(target, image), (error) => {
      assert.ok(error instanceof LocalIoError);
      assert.match(error.message, /it is a link or a file/);
      return true;
    });
  }
  assert.deepEqual(await readdir(victim, { recursive: true }), ['sha256']);
});

test('an index without content stops no run that sets a tag, and reading it says what is wrong', async (t) => {
  const layout = await tempFolder(t);
  for (const empty of ['', '\0'.repeat(400)]) {
    await writeFile(join(layout, 'index.json'), empty);
    await assert.rejects(
      openSource(`oci:${layout}:1`, options).resolve(),
      (error) => error instanceof FormatError && /index\.json is empty/.test(error.message),
    );
    await using target = openTarget(`oci:${layout}:1`, options);
    assert.equal(await target.resolve(), undefined);
    await pushImage(target, image);
    assert.ok((await readImage(openSource(`oci:${layout}:1`, options))) > 70_000);
  }
});

test('pipes and endless files where a layout has documents and blobs are refused at once', async (t) => {
  const layout = await tempFolder(t);
  {
    await using target = openTarget(`oci:${layout}:1`, options);
    await pushImage(target, image);
  }
  const index = join(layout, 'index.json');
  const kept = `${index}.kept`;
  await rename(index, kept);
  await using source = openSource(`oci:${layout}:1`, options);
  const refused = async (path: string, read: () => Promise<unknown>): Promise<void> => {
    await runTool('mkfifo', [path]);
    await assert.rejects(read, /it is no regular file/);
    await rm(path);
    await symlink('/dev/zero', path);
    await assert.rejects(read, /it is no regular file/);
    await rm(path);
  };
  await refused(index, () => source.resolve());
  await rename(kept, index);
  await rm(blobPath(layout));
  await refused(blobPath(layout), () => readImage(source));
});
