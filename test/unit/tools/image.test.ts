/** Parts of the container image: its lock file and its layers. */
import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { test } from 'node:test';
import { ARCHITECTURES } from '../../../tools/image/architectures.js';
import { directory, makeLayer, textFile } from '../../../tools/image/entries.js';
import { DEBIAN_PACKAGES } from '../../../tools/image/layers.js';
import { formatLock, parseLock, readLock } from '../../../tools/image/lock.js';

test('the lock file names every package of Debian, and Node, for each processor', () => {
  const locked = readLock();
  for (const architecture of ARCHITECTURES) {
    const own = locked.filter((one) => one.architecture === architecture);
    assert.deepEqual(own.map(({ name }) => name).sort(), [...DEBIAN_PACKAGES, 'node'].sort());
  }
  assert.deepEqual(parseLock(formatLock(locked)), locked);
});

test('a line of the lock file that names no file is refused', () => {
  const digest = 'a'.repeat(64);
  for (const line of [
    `debian libc6 2.36 amd64 ${'a'.repeat(63)}`,
    `debian libc6 2.36 sparc ${digest}`,
    `fedora glibc 2.36 amd64 ${digest}`,
    `debian libc6 amd64 ${digest}`,
  ])
    assert.throws(() => parseLock(`${line}\n`), /names no file/, line);
});

test('a layer does not depend on the order of its files, and brings the folders above them', async () => {
  const entries = [
    textFile('usr/share/doc/x', 'text'),
    directory('home/user', 0o755, 65532),
    { kind: 'symlink', path: 'a', mode: 0o777, target: 'usr/share' } as const,
  ];
  const made = await makeLayer('one', entries);
  const again = await makeLayer('one', [...entries].reverse());
  assert.deepEqual(again, made);
  const tar = gunzipSync(made.gzip);
  const names = Array.from({ length: tar.length / 512 }, (_, i) => tar.subarray(i * 512, i * 512 + 512))
    .filter((block) => block.toString('latin1', 257, 262) === 'ustar')
    .map(
      (block) =>
        `${block.toString('latin1', 0, 100).replace(/\0+$/, '')} ${parseInt(block.toString('latin1', 108, 115), 8)}`,
    );
  assert.deepEqual(names, [
    'a 0',
    'home 0',
    'home/user 65532',
    'usr 0',
    'usr/share 0',
    'usr/share/doc 0',
    'usr/share/doc/x 0',
  ]);
});
