/** `nydusify plan` and the flags whose effect it foretells. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConversionPlan } from '../../src/convert/plan.js';
import { buildImage } from '../support/images/image-builder.js';
import { dir, file, layer } from '../support/images/tar.js';
import { nydusify, registry } from '../support/command.js';

const image = buildImage({
  layers: [
    layer(dir('etc'), file('etc/motd', 'hello '.repeat(4000))),
    layer(file('etc/issue', 'words and words '.repeat(2000))),
  ],
});

async function planOf(args: readonly string[]): Promise<ConversionPlan> {
  const { status, stdout, stderr } = await nydusify(['plan', '--json', ...args]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as ConversionPlan; // the command's own schema
}

test('a plan tells bytes to pull and push, and writes nothing', async (t) => {
  const lab = await registry(t);
  const source = await lab.put('library/app:1.0', image);
  const target = `${lab.host}/library/app:1.0-nydus`;
  const before = lab.requests.length;
  const plan = await planOf([source, target]);
  const made = lab.requests.slice(before);
  assert.ok(made.length > 0);
  assert.ok(made.every(({ method }) => method === 'GET' || method === 'HEAD'));
  assert.equal(await lab.hasTag(target), false);
  const pull = plan.images.flatMap(({ layers }) => layers).reduce((sum, layer) => sum + layer.pull, 0);
  assert.equal(plan.totals.pull, pull);
  assert.equal(plan.totals.reuse, 0);
  assert.ok(plan.totals.push > 0 && plan.estimate.seconds > 0);
});

test('what an earlier conversion left in the target counts as reused, and a merged index as copies', async (t) => {
  const lab = await registry(t);
  const source = await lab.put('library/app:1.0', image);
  const target = `${lab.host}/library/other:1.0-nydus`;
  const first = await planOf(['--merge-platform', source, target]);
  assert.deepEqual(
    first.images[0]?.layers.map(({ blob, copy }) => [blob, copy]),
    [
      ['push', 'mount'],
      ['push', 'mount'],
    ],
  );
  assert.equal((await nydusify(['convert', '--merge-platform', source, target])).status, 0);
  const again = await planOf(['--merge-platform', source, target]);
  assert.deepEqual(
    again.images[0]?.layers.map(({ blob, copy }) => [blob, copy]),
    [
      ['present', 'present'],
      ['present', 'present'],
    ],
  );
  assert.equal(again.totals.push, 0);
  const { stdout } = await nydusify(['plan', '--merge-platform', source, target]);
  assert.match(stdout, /^linux\/amd64, sha256:[0-9a-f]{64}: 2 layers$/m);
  assert.match(stdout, /^to push +about 0 B$/m);
});

test('a sample tells what other formats cost or save, as a conversion with them does', async (t) => {
  const lab = await registry(t);
  const small = Array.from({ length: 40 }, (_, n) => file(`small/${n}`, `file ${n} of many `.repeat(30 + n)));
  const layers = [layer(...small), layer(file('text', 'words and words '.repeat(200_000)))];
  const source = await lab.put('library/app:3.0', buildImage({ layers }));
  const target = `${lab.host}/library/app:3.0-nydus`;
  const { sample } = await planOf(['--sample', '8M', source, target]);
  assert.ok(sample !== undefined);
  assert.deepEqual([sample.layers, sample.share], [2, 1]);
  const choices = new Map(
    sample.choices.map(({ change, blobBytes }) => [JSON.stringify(change), blobBytes] as const),
  );
  assert.deepEqual(
    [...choices.keys()],
    [
      '{}',
      '{"compressor":"none"}',
      '{"compressor":"lz4_block"}',
      '{"batchSize":"auto"}',
      '{"chunkSize":262144}',
      '{"chunkSize":4194304}',
    ],
  );
  for (const [change, flags] of [
    ['{}', []],
    ['{"compressor":"lz4_block"}', ['--compressor', 'lz4_block']],
    ['{"batchSize":"auto"}', ['--batch-size', 'auto']],
  ] as const) {
    const { status, stderr } = await nydusify(['convert', ...flags, source, target]);
    assert.equal(status, 0, stderr);
    const { document } = await lab.get(target);
    assert.equal(document.kind, 'manifest');
    const blobs = document.layers.slice(0, -1).reduce((sum, { size }) => sum + size, 0);
    assert.equal(choices.get(change), blobs, change);
  }
  const part = await planOf(['--sample', '1', source, target]);
  assert.equal(part.sample?.layers, 1);
  const { stdout } = await nydusify(['plan', '--sample', '1', source, target]);
  assert.match(stdout, /^with +blobs +change +processor$/m);
  assert.match(stdout, /^--batch-size auto +\S+ \S+ +[-+][\d.]+ % +[\d.]+ s$/m);
  assert.match(
    stdout,
    /^Measured on 1 layer, .*; the sizes are for all layers, if the others shrink alike\.$/m,
  );
});

test('a higher level of zstd makes other, smaller blobs; one that there is not is refused', async (t) => {
  const lab = await registry(t);
  const words = Array.from({ length: 60_000 }, (_, n) => `${(n * 2654435761) % 9973} `).join('');
  const source = await lab.put('library/app:2.0', buildImage({ layers: [layer(file('words', words))] }));
  const sizes: number[] = [];
  for (const compressor of ['zstd:1', 'zstd:19']) {
    const target = `${lab.host}/library/app:${compressor.replace(':', '-')}`;
    const { status, stderr } = await nydusify(['convert', '--compressor', compressor, source, target]);
    assert.equal(status, 0, stderr);
    const { document } = await lab.get(target);
    assert.equal(document.kind, 'manifest');
    sizes.push(document.layers[0]?.size ?? 0);
  }
  const [fast = 0, small = 0] = sizes;
  assert.ok(small > 0 && small < fast, `${small} < ${fast}`);
  const { status, stderr } = await nydusify(['convert', '--compressor', 'zstd:23', source, `${source}-n`]);
  assert.equal(status, 2);
  assert.match(stderr, /compression level 23 is not a whole number from 1 to 22/);
});
