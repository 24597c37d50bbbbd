/** The README's own examples, run as they stand there but for the names of registries and files. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { parseManifest } from '../../src/oci/manifest.js';
import { collect } from '../../src/io/streams.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { buildImage, putImage } from '../support/images/image-builder.js';
import { dir, file, layer, whiteout } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';
import { nydusify, registry } from '../support/command.js';
import { projectRoot } from '../support/project.js';

const readme = join(projectRoot, 'README.md');

/** Commands after `$ nydusify`, without comments. */
async function examples(): Promise<string[]> {
  const text = await readFile(readme, 'utf8');
  return Array.from(text.matchAll(/^\$ nydusify (.*)$/gm), (match) =>
    (match[1] ?? '').replace(/\s+#.*$/, ''),
  );
}

/** The bootstrap in the last layer of the Nydus manifest at `location`. */
async function bootstrapOf(location: string): Promise<Buffer> {
  await using source = openSource(location, { credentials: anonymous });
  const descriptor = await source.resolve();
  const manifest = parseManifest(await collect(source.fetch(descriptor), 1e7, location));
  const last = manifest.layers.at(-1);
  assert.ok(last !== undefined);
  const tar = extract();
  tar.end(gunzipSync(await collect(source.fetch(last), 1e8, location)));
  for await (const entry of tar) {
    const parts: Uint8Array[] = [];
    for await (const part of entry) parts.push(part as Uint8Array); // tar-stream types its pieces as unknown
    if (entry.header.name === 'image/image.boot') return Buffer.concat(parts);
  }
  throw new Error('no bootstrap in the last layer');
}

test('every command of the README does what it says, with exit code 0', async (t) => {
  const folder = await tempFolder(t);
  const lab = await registry(t);
  const image = buildImage({
    layers: [
      layer(dir('etc'), file('etc/motd', 'hello\n')),
      layer(whiteout('etc/motd'), file('etc/issue', 'bye\n')),
    ],
  });
  const source = await lab.put('library/app:1.0', image);
  const target = `${lab.host}/library/app:1.0-nydus`;
  for (const location of [
    `oci:${join(folder, 'build/image')}:v1`,
    `oci-archive:${join(folder, 'app.tar')}:v1`,
  ]) {
    await using layout = openTarget(location, { credentials: anonymous });
    await putImage(layout, image);
  }
  const plain = `${lab.host}/library/plain:1`;
  assert.equal((await nydusify(['convert', source, plain])).status, 0);
  for (const name of ['image.boot', 'a.boot', 'b.boot'])
    await writeFile(join(folder, name), await bootstrapOf(plain));

  const commands = await examples();
  assert.ok(commands.length >= 10, 'the README shows commands');
  for (const command of commands) {
    const args = command
      .replaceAll('registry.example/', `${lab.host}/library/`)
      // No docker here to save an archive with; the same command on an OCI archive.
      .replace('docker-archive:app.tar', 'oci-archive:app.tar:v1')
      .replace(/\bSOURCE\b/, source)
      .replace(/\bTARGET\b/, target)
      .split(' ');
    await t.test(`nydusify ${command}`, async () => {
      const { status, stderr } = await nydusify(args, { cwd: folder });
      assert.equal(status, 0, stderr);
    });
  }
});
