/** Command lines of upstream's smoke tests (smoke/tests), as they stand there, against a registry. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nydusify, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { dir, file, layer, symlink } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';

const LAYERS = [
  layer(dir('etc'), file('etc/app', 'app'.repeat(5000))),
  layer(dir('bin'), file('bin/sh', 'sh'.repeat(70_000)), symlink('lib', 'bin')),
];

test("the command lines of upstream's smoke tests run unchanged", async (t) => {
  const lab = await registry(t);
  const work = await tempFolder(t);
  const source = await lab.put('nginx:latest', buildImage({ layers: LAYERS }));
  const run = async (line: string): Promise<void> => {
    const { status, stderr, stdout } = await nydusify(line.split(' '), { cwd: work });
    assert.equal(status, 0, `${line}: ${stdout}${stderr}`);
  };
  const tools = `--nydus-image nydus-image --work-dir ${join(work, 'work')}`;
  for (const [name, flags] of [
    ['v5', '--fs-version 5'],
    ['v6', '--fs-version 6'],
    ['zran', '--fs-version 6 --oci-ref'],
  ] as const) {
    const target = `${lab.host}/nginx:${name}`;
    await run(
      `--log-level warn convert --source ${source} --target ${target} ${flags} ${tools} --compressor lz4_block`,
    );
    const checked = `--log-level warn check --source ${source} --target`;
    await run(`${checked} ${target} ${tools} --nydusd nydusd`);
    await run(`--log-level warn copy --source ${target} --target ${target}-copied ${tools}`);
    await run(`${checked} ${target}-copied ${tools} --nydusd nydusd`);
    const saved = join(work, `${name}.tar`);
    await run(`--log-level warn copy --source ${target} --target file://${saved} ${tools}`);
    assert.ok(existsSync(saved));
    await run(`--log-level warn copy --source file://${saved} --target ${target}-loaded ${tools}`);
    await run(`${checked} ${target}-loaded ${tools} --nydusd nydusd`);
  }
  // One call of upstream has the level behind the command.
  await run(
    `convert --log-level warn --source ${source} --target ${lab.host}/nginx:again ${tools} --compressor lz4_block`,
  );
  const images = `${lab.host}/nginx:v6,${lab.host}/nginx:again`;
  const insecure = '--source-insecure --target-insecure';
  await run(`chunkdict generate --sources ${images} --target ${lab.host}/dict:1 ${insecure} ${tools}`);
  await run(`--log-level warn check --target ${lab.host}/nginx:again ${tools}`);
});
