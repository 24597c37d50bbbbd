import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc } from '../../../support/properties.js';
import * as tar from 'tar-stream';
import { FormatError } from '../../../../src/errors.js';
import { collect, contentOf } from '../../../../src/io/streams.js';
import { indexMembers, indexTar } from '../../../../src/io/tar/index.js';
import { writeTar } from '../../../../src/io/tar/archive.js';
import { tempFolder } from '../../../support/temp-folder.js';

async function tarOf(
  ...entries: readonly (readonly [
    header: Partial<tar.Header> & { readonly name: string },
    content?: string,
  ])[]
): Promise<Buffer> {
  const pack = tar.pack();
  for (const [header, content] of entries) pack.entry(header, content ?? '');
  pack.finalize();
  return collect(pack as AsyncIterable<Buffer>, 1 << 24, 'tar'); // a Readable of Buffers
}

test('members are found by name, and links lead to their targets', async (t) => {
  const path = join(await tempFolder(t), 'x.tar');
  const long = `${'d'.repeat(90)}/${'é'.repeat(80)}`;
  const bytes = await tarOf(
    [{ name: './a/layer.tar' }, 'first'],
    [{ name: 'b/', type: 'directory' }],
    [{ name: 'b/layer.tar', type: 'symlink', linkname: '../a/layer.tar' }],
    [{ name: 'c', type: 'link', linkname: 'b/layer.tar' }],
    [{ name: 'dangling', type: 'symlink', linkname: 'nowhere' }],
    [{ name: 'loop', type: 'symlink', linkname: 'loop' }],
    [{ name: long }, 'long'],
    [{ name: 'a/layer.tar' }, 'second'],
  );
  await writeFile(path, bytes);
  const members = await indexTar(path);
  const content = (name: string): string | undefined => {
    const member = members.get(name);
    return member && bytes.subarray(member.start, member.start + member.size).toString();
  };
  assert.deepEqual(['a/layer.tar', 'b/layer.tar', 'c', 'dangling', 'loop', long].map(content), [
    'second',
    'second',
    'second',
    undefined,
    undefined,
    'long',
  ]);
});

test('a written archive is read back the same by our reader and by tar-stream', async (t) => {
  const folder = await tempFolder(t);
  const files = fc.dictionary(
    fc.stringMatching(/^[a-z0-9/]{0,20}[a-z0-9]$/),
    fc.uint8Array({ maxLength: 1500 }),
    { maxKeys: 6 },
  );
  await fc.assert(
    fc.asyncProperty(files, async (content) => {
      const unique = new Map(
        Object.entries(content).map(([name, bytes]) => [
          name.replace(/^\/+/, '').replace(/\/+/g, '/'),
          bytes,
        ]),
      );
      const path = join(folder, 'x.tar');
      const list = [...unique].map(([name, bytes]) => ({
        name,
        size: bytes.length,
        open: () => contentOf(bytes).open(),
      }));
      const bytes = await collect(writeTar(list), 1 << 24, 'tar');
      await writeFile(path, bytes);
      const members = await indexTar(path);
      assert.equal(members.size, unique.size);
      for (const [name, expected] of unique) {
        const { start, size } = members.get(name) ?? { start: 0, size: -1 };
        assert.deepEqual(new Uint8Array(bytes.subarray(start, start + size)), new Uint8Array(expected));
      }
      const seen = new Map<string, Buffer>();
      const extract = tar.extract();
      extract.end(bytes);
      for await (const entry of extract)
        seen.set(entry.header.name, await collect(entry as AsyncIterable<Buffer>, 1 << 20, 'entry'));
      assert.deepEqual([...seen.keys()], [...unique.keys()]);
    }),
    { numRuns: 60 },
  );
});

test('sizes beyond eight gigabytes are written in base 256', async () => {
  const size = 2 ** 33 + 5;
  const empty = { name: 'big', size, open: () => contentOf(new Uint8Array()).open() };
  for await (const header of writeTar([empty])) {
    assert.equal(Buffer.from(header).readBigUInt64BE(128), BigInt(size));
    return;
  }
});

test('bytes that are no tar, a cut tar and a damaged header are errors with an offset', async (t) => {
  const path = join(await tempFolder(t), 'x.tar');
  const bytes = await tarOf([{ name: 'a' }, 'x'.repeat(600)], [{ name: 'b' }, 'y']);
  await writeFile(path, 'not a tar at all'.repeat(100));
  await assert.rejects(indexTar(path), (error) => error instanceof FormatError && error.offset === 0);
  for (const end of [600, 1100, 2048]) {
    await writeFile(path, bytes.subarray(0, end));
    await assert.rejects(indexTar(path), FormatError, `cut at ${end}`);
  }
  for (let at = 0; at < 512; at += 7) {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 0x41, at);
    await writeFile(path, damaged);
    await assert.rejects(indexTar(path), FormatError, `byte ${at}`);
  }
});

void test('a signal ends the look through a long archive, which is read in large pieces', async (t) => {
  const header = (await tarOf([{ name: 'a' }])).subarray(0, 512);
  const archive = Buffer.concat([...Array<Buffer>(50_000).fill(header), Buffer.alloc(1024)]);
  let reads = 0;
  const read = (start: number, end: number): Promise<Buffer> => {
    reads += 1;
    return Promise.resolve(archive.subarray(start, end));
  };
  await indexMembers({ size: archive.length, read }, 'archive');
  assert.ok(reads < 500, `${reads} reads`);
  t.mock.method(performance, 'now', (() => (reads += 1_000)) as typeof performance.now);
  const stop = AbortSignal.abort(new Error('stopped'));
  await assert.rejects(indexMembers({ size: archive.length, read }, 'archive', stop), /stopped/);
});
