/** Runs of the command that are killed while they send blobs to a storage backend, and the runs after them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ObjectServer } from '../support/backends/object-server.js';
import { KEYS } from '../support/backends/open.js';
import { nydusify } from '../support/command.js';
import { noise } from '../support/images/opaque-image.js';
import { dir, file, layer } from '../support/images/tar.js';
import { sourceImage } from '../support/images/memory-conversion.js';
import { copyImage } from '../../src/copy/copy.js';
import { openTarget } from '../../src/registry/open.js';
import { productCommand } from '../support/project.js';
import { tempFolder } from '../support/temp-folder.js';

/** Of each protocol. The requests at which a run is killed are spread over all of them. */
const MOMENTS = Number(process.env['KILL_MOMENTS'] ?? 3);
const MIB = 1024 * 1024;

for (const dialect of ['oss', 's3'] as const) {
  test(`a run that is killed at any request to ${dialect} leaves nothing for good, and the next one sends only what is missing`, async (t) => {
    const folder = await tempFolder(t);
    const source = sourceImage([
      layer(dir('./'), file('big', noise(20 * MIB, 1))),
      layer(file('middle', noise(9 * MIB, 2))),
      layer(file('small', noise(5000, 3))),
    ]);
    await using layout = openTarget(`oci:${folder}/source:1`);
    await copyImage({ source, target: layout });
    await using server = await ObjectServer.start({ dialect, bucket: 'blobs', keys: KEYS });
    const settings = join(folder, 'settings.json');
    await writeFile(settings, JSON.stringify(server.settings()));
    const args = (n: number): string[] => [
      'convert',
      ...['--backend-type', dialect, '--backend-config-file', settings],
      ...[`oci:${folder}/source:1`, `oci:${folder}/target:${n}`],
    ];
    const first = await nydusify(args(0));
    assert.equal(first.status, 0, first.stderr);
    const wanted = server.names();
    const bytes = new Map(Array.from(server.objects, ([key, object]) => [key, object.bytes]));
    const all = server.requests.length;
    for (let n = 1; n <= MOMENTS; n++) {
      server.objects.clear();
      server.uploads.clear();
      const before = server.requests.length;
      const at = Math.max(2, Math.round((n * all) / (MOMENTS + 1)));
      const child = spawn(process.execPath, [productCommand, ...args(n)], { stdio: 'ignore' });
      server.fault = ({ number }) => {
        if (number - before === at) child.kill('SIGKILL');
        return undefined;
      };
      await once(child, 'exit');
      server.fault = undefined;
      const isHere = (key: string, part?: number): boolean =>
        server.objects.has(key) ||
        (part !== undefined &&
          Array.from(server.uploads.values()).some((upload) => upload.key === key && upload.parts.has(part)));
      const there = new Set(
        [...wanted].flatMap((key) => [
          ...(isHere(key) ? [`PUT ${key}`] : []),
          ...[1, 2, 3].filter((part) => isHere(key, part)).map((part) => `PART ${key} ${part}`),
        ]),
      );
      const then = server.requests.length;
      const second = await nydusify(args(n));
      assert.equal(second.status, 0, second.stderr);
      const sent = server.requests
        .slice(then)
        .filter(({ verb }) => verb === 'PUT' || verb === 'PART')
        .map(({ verb, key, part }) => (part === undefined ? `${verb} ${key}` : `${verb} ${key} ${part}`));
      const again = sent.filter((one) => there.has(one));
      assert.deepEqual(again, [], `killed at request ${at} of ${all}`);
      assert.deepEqual(server.names(), wanted, `killed at request ${at} of ${all}`);
      for (const [key, content] of bytes) assert.ok(server.objects.get(key)?.bytes.equals(content), key);
    }
  });
}
