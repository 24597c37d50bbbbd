/** Prefetch lists from the command line: what `prefetch` says of them, and what `convert` makes of them. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nydusify, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { dir, file, hardlink, layer, symlink } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';

const words = (word: string): string => `${word} `.repeat(2000);
const image = buildImage({
  layers: [
    layer(
      dir('bin'),
      file('bin/app', words('app')),
      hardlink('bin/again', 'bin/app'),
      dir('lib'),
      file('lib/a.so', words('a')),
      file('lib/b.so', words('b')),
      file('lib/\u202etxt.exe', words('odd')),
      file('empty', ''),
      dir('usr'),
      symlink('usr/lib', '../lib'),
    ),
    layer(dir('data'), file('data/large', Buffer.alloc(3_000_000, 'x')), file('lib/a.so', words('new a'))),
  ],
});

interface Listed {
  readonly lists: readonly {
    readonly files: Part;
    readonly bytes: Part;
    readonly chunks: Part;
    readonly verdict: string;
  }[];
}
interface Part {
  readonly listed: number;
  readonly all: number;
}

test('a list means the same on an image before and after it is converted, and in the report of the conversion', async (t) => {
  const lab = await registry(t);
  const source = await lab.put('app:1', image);
  const target = `${lab.host}/app:1-nydus`;
  const folder = await tempFolder(t);
  const list = join(folder, 'list.txt');
  await writeFile(list, '/usr/lib/*.so\n/bin/again\n/bin/app\n/empty\n/none\n/\u001b[31m\n');
  const made = await nydusify(['convert', '--json', '--prefetch-file', list, source, target]);
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stderr, /^note: .*list\.txt is a list of globs: 6 paths$/m);
  assert.match(made.stderr, /2 of 6 patterns of the prefetch list are not there: \/none, \/\\x1b\[31m$/m);
  assert.match(
    made.stderr,
    /prefetch list: 6 patterns \(2 not there, 1 without content\): 4 entries, 3 files of 6/,
  );
  const document = JSON.parse(made.stdout) as { platforms: readonly [{ prefetch: Listed['lists'][number] }] };
  const [{ prefetch }] = document.platforms;
  const before = JSON.parse((await nydusify(['prefetch', '--json', source, list])).stdout) as Listed;
  const after = JSON.parse((await nydusify(['prefetch', '--json', target, list])).stdout) as Listed;
  for (const { files, bytes, verdict } of [prefetch, ...before.lists, ...after.lists]) {
    assert.deepEqual(files, { listed: 3, all: 6 });
    assert.equal(bytes.listed, words('new a').length + words('b').length + words('app').length);
    assert.equal(verdict, 'some');
  }
  assert.deepEqual(after.lists[0]?.chunks, prefetch.chunks);
  const checked = await nydusify(['check', target, source]);
  assert.equal(checked.status, 0, checked.stdout);
});

test('several lists are told one by one, from files and standard input, with what they are good for', async (t) => {
  const lab = await registry(t);
  const source = await lab.put('app:1', image);
  const list = join(await tempFolder(t), 'list.json');
  await writeFile(list, '["/none"]');
  const told = await nydusify(['prefetch', source, '-', list], { input: '/data\n/none/\u202e\n' });
  assert.equal(told.status, 0, told.stderr);
  assert.match(told.stdout, /^standard input is a plain list of absolute paths: 2 paths$/m);
  assert.match(told.stdout, /advice: most of the image is loaded first/);
  assert.match(told.stdout, /^ {2}not there: \/none\/\\xe2\\x80\\xae$/m);
  assert.match(told.stdout, /advice: no file is loaded first/);
  const unknown = await nydusify(['prefetch', source, '-'], { input: 'what is this\n' });
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /standard input is no prefetch list of a known form/);
});

test('patterns on standard input are those of upstream: no links, no globs, and an empty list is the whole image', async (t) => {
  const lab = await registry(t);
  const source = await lab.put('app:1', image);
  const convert = async (tag: string, argv: readonly string[], input: string): Promise<string> => {
    const made = await nydusify(['convert', ...argv, source, `${lab.host}/app:${tag}`], { input });
    assert.equal(made.status, 0, made.stderr);
    return made.stdout.replace(/^.*@/, '');
  };
  const plain = await convert('plain', [], '');
  assert.equal(await convert('empty', ['--prefetch-patterns'], '\n'), plain);
  assert.equal(await convert('root', ['--prefetch-dir', '/'], ''), plain);
  const link = await nydusify(['convert', '--json', '--prefetch-patterns', source, `${lab.host}/app:link`], {
    input: '/usr/lib\n/lib/*\n',
  });
  const document = JSON.parse(link.stdout) as { platforms: readonly [{ prefetch: Listed['lists'][number] }] };
  assert.deepEqual(document.platforms[0].prefetch.files, { listed: 0, all: 6 });
  assert.match(link.stderr, /1 of 2 patterns of the prefetch list are not there: \/lib\/\*/);
});
