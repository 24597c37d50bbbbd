/** Paths inside an image: where links lead, where they must not lead, and what is suggested when there is nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NoSuchPathError } from '../../../src/errors.js';
import { lookup, pathFromText, showPath } from '../../../src/look/lookup.js';
import { buildLayerTree } from '../../../src/merge/layer-tree.js';
import { directory, entries, file, symlink } from '../../support/images/layer-entries.js';

const { root } = buildLayerTree(
  entries(
    directory('etc'),
    file('etc/os-release', 1),
    file('etc/passwd', 2),
    directory('usr'),
    directory('usr/bin'),
    file('usr/bin/busybox', 3),
    symlink('usr/bin/sh', 'busybox'),
    symlink('bin', 'usr/bin'),
    symlink('abs', '/etc/passwd'),
    symlink('out', '../../../../etc/passwd'),
    symlink('loop', 'loop2'),
    symlink('loop2', 'loop'),
    symlink('dangling', 'nowhere'),
  ),
  0,
);

function find(text: string, follow = true): string {
  return showPath(lookup(root, pathFromText(text), { follow }).path);
}

test('a path means the same with and without slashes and dots', () => {
  for (const text of [
    '/etc/passwd',
    'etc/passwd',
    '//etc/./passwd',
    '/usr/../etc/passwd',
    '/../../etc/passwd',
  ])
    assert.equal(find(text), '/etc/passwd', text);
  for (const text of ['', '/', '.', '/..']) assert.equal(find(text), '/', text);
});

test('symbolic links are followed inside the image, however they are written', () => {
  assert.equal(find('/bin/sh'), '/usr/bin/busybox');
  assert.equal(find('/abs'), '/etc/passwd');
  assert.equal(find('/out'), '/etc/passwd');
});

test('a link that is the last component is itself when it is not to be followed, unless a slash stands behind it', () => {
  assert.equal(find('/bin', false), '/bin');
  assert.equal(find('/bin/', false), '/usr/bin');
  assert.equal(find('/bin/sh', false), '/usr/bin/sh');
});

test('links that go in circles end after forty', () => {
  assert.throws(() => find('/loop'), {
    name: 'NoSuchPathError',
    message: '/loop: more than 40 symbolic links on the way',
  });
});

test('the error about a missing path lists the names most like it', () => {
  const hintFor = (text: string): string | undefined => {
    try {
      find(text);
    } catch (error) {
      assert.ok(error instanceof NoSuchPathError);
      assert.equal(error.exitCode, 1);
      return error.hint;
    }
    throw new Error(`${text} was found`);
  };
  assert.equal(hintFor('/etc/paswd'), 'did you mean passwd?');
  assert.equal(hintFor('/etc/PASSWD'), 'did you mean passwd?');
  assert.equal(hintFor('/etc/os'), 'did you mean os-release?');
  assert.equal(hintFor('/etc/nothing-like-it'), undefined);
  assert.throws(() => find('/dangling'), { message: '/dangling: there is no nowhere in /' });
  assert.throws(() => find('/etc/passwd/x'), {
    message: '/etc/passwd/x: /etc/passwd is a file, not a directory',
  });
  assert.throws(() => find('/etc/passwd/'), {
    message: '/etc/passwd/: /etc/passwd is a file, not a directory',
  });
});

test('a name as it is shown is understood as it was', () => {
  const odd = buildLayerTree(entries(file('a\nb', 1), file('back\\slash', 2)), 0).root;
  for (const shown of ['a\\x0ab', 'back\\x5cslash', 'back\\slash']) {
    const { path } = lookup(odd, pathFromText(shown), { follow: true });
    assert.match(showPath(path), /^\/(a\\x0ab|back\\x5cslash)$/);
  }
});
