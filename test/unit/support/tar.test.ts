import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { needs } from '../../support/needs.js';
import {
  char,
  dir,
  fifo,
  file,
  gzipEvery,
  gzipMembers,
  hardlink,
  layer,
  opaque,
  symlink,
  tarBytes,
  whiteout,
} from '../../support/images/tar.js';

/** Reads a tar with Python's tarfile, which shares no code with ours. */
function readByPython(tar: Buffer): unknown {
  const script = `import io, json, sys, tarfile
out = []
for m in tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())):
    out.append([m.name, m.type.decode(), oct(m.mode), m.uid, m.gid, m.mtime, m.size, m.linkname, m.devmajor, m.devminor])
print(json.dumps(out))`;
  return JSON.parse(execFileSync('python3', ['-c', script], { input: tar, encoding: 'utf8' }));
}

test('layers read as they were written', (t) => {
  if (!needs(t, 'python3')) return;
  const long = 'n'.repeat(150);
  const tar = layer(
    dir('etc', { mode: 0o700, uid: 1, gid: 2 }),
    file('etc/motd', 'hi', { mtime: 1.5, xattrs: { 'user.a': '1' } }),
    file(long, '', { mtime: -5 }),
    file(`g${long}`, 'x', { format: 'gnu', uid: 4294967294 }),
    symlink('l', long),
    hardlink('h', 'etc/motd'),
    whiteout('etc/gone'),
    opaque('etc'),
    opaque(''),
    fifo('p'),
    char('c', 1, 3),
  );
  const time = 1_700_000_000;
  assert.deepEqual(readByPython(tar), [
    ['etc', '5', '0o700', 1, 2, time, 0, '', 0, 0],
    ['etc/motd', '0', '0o644', 0, 0, 1.5, 2, '', 0, 0],
    [long, '0', '0o644', 0, 0, -5, 0, '', 0, 0],
    [`g${long}`, '0', '0o644', 4294967294, 0, time, 1, '', 0, 0],
    ['l', '2', '0o777', 0, 0, time, 0, long, 0, 0],
    ['h', '1', '0o644', 0, 0, time, 0, 'etc/motd', 0, 0],
    ['etc/.wh.gone', '0', '0o644', 0, 0, time, 0, '', 0, 0],
    ['etc/.wh..wh..opq', '0', '0o644', 0, 0, time, 0, '', 0, 0],
    ['.wh..wh..opq', '0', '0o644', 0, 0, time, 0, '', 0, 0],
    ['p', '6', '0o644', 0, 0, time, 0, '', 0, 0],
    ['c', '3', '0o644', 0, 0, time, 0, '', 1, 3],
  ]);
});

test('names may be any bytes, and a header may be spoilt', () => {
  const tar = tarBytes([file(Buffer.from([0xff, 0x2f, 0xe9]), '', { checksum: 'wrong' })]);
  assert.deepEqual(tar.subarray(0, 4), Buffer.from([0xff, 0x2f, 0xe9, 0]));
  assert.equal(tar.toString('latin1', 148, 153), 'wrong');
});

test('several gzip members are one stream', () => {
  const tar = layer(file('f', 'x'.repeat(5000)));
  assert.deepEqual(gunzipSync(gzipMembers(tar.subarray(0, 100), tar.subarray(100))), tar);
  assert.deepEqual(gunzipSync(gzipEvery(1000, tar)), tar);
});
