/** `--flatten`, alone and with a value, and what it does not go together with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rewriteArgv } from '../../../../src/cli/flags/flags.js';
import { FLATTEN_FLAG, flattenOf } from '../../../../src/cli/flags/flatten.js';
import { FlagValues } from '../../../../src/cli/flags/flags.js';
import { leftOutLines } from '../../../../src/cli/text/left-out.js';
import { UsageError } from '../../../../src/errors.js';

test('without a value it takes no word, and a value stands behind an equals sign', () => {
  const words = (...argv: string[]): readonly string[] => rewriteArgv(argv, [FLATTEN_FLAG]);
  assert.deepEqual(words('--flatten', 'source', 'target'), ['--flatten=layers', 'source', 'target']);
  assert.deepEqual(words('-flatten=one', 'source'), ['--flatten=one', 'source']);
});

test('what it does not go together with is named, with both flags and a way out', () => {
  const values = (flatten: string, other: string): FlagValues =>
    new FlagValues(
      new Map<string, string | boolean>([
        ['flatten', flatten],
        [other, other === 'oci-ref' ? true : 'x'],
      ]),
      new Map(),
    );
  for (const other of ['build-cache', 'build-cache-tag', 'oci-ref']) {
    assert.throws(
      () => flattenOf(values('one', other)),
      (error) =>
        error instanceof UsageError &&
        error.message.startsWith(`--flatten conflicts with --${other}: `) &&
        error.hint === `leave out one of --flatten and --${other}`,
    );
    assert.equal(flattenOf(values('none', other)), 'none');
  }
  assert.throws(() => flattenOf(values('all', 'x')), /--flatten should be one of \[layers one none\]/);
});

test('the summary names the dearest directories of each layer, and what the layer itself replaces', () => {
  const none = { files: 0, bytes: 0 };
  const empty = { hidden: none, overwritten: none, directories: [], moreDirectories: 0, storedBytes: 0 };
  assert.deepEqual(leftOutLines([{}]), []);
  assert.deepEqual(leftOutLines([{ leftOut: empty }]), [
    'flattened: a container sees all that the layers hold',
  ]);
  const directory = (path: string): { path: string; files: number; bytes: number } => ({
    path,
    files: 1,
    bytes: 1000,
  });
  const leftOut = {
    ...empty,
    hidden: { files: 5, bytes: 5000 },
    overwritten: { files: 2, bytes: 2000 },
    directories: ['/a', '/b\u202e', '/c', '/d'].map(directory),
    moreDirectories: 1,
    storedBytes: 3000,
  };
  const [head, line] = leftOutLines([{ leftOut: empty }, { leftOut }]);
  assert.equal(head, 'flattened: 3.00 kB not stored that no container sees');
  assert.match(
    line ?? '',
    /^ {2}layer 2: 3\.00 kB, \/a \(1 file, 1\.00 kB\), \/b\S+ \(1 file, 1\.00 kB\), \/c \(1 file, 1\.00 kB\), 2 more directories, 2 files that the same layer replaces \(2\.00 kB\)$/,
  );
  assert.doesNotMatch(line ?? '', /\u202e/);
});
