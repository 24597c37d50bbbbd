/** Lists of every form are recognised by their content, and hostile ones are bounded. The samples lie in fixtures/prefetch. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../../src/errors.js';
import { upstreamPatterns } from '../../../src/prefetch/lines.js';
import { readPrefetchList } from '../../../src/prefetch/read.js';
import { fixturesFolder } from '../../support/images/fixtures.js';

const samples = join(fixturesFolder, 'prefetch');

interface Wanted {
  readonly form: RegExp;
  /** `kind path`, in order. */
  readonly patterns: readonly string[];
  readonly skipped: number;
}

const LIBC = 'file /lib/x86_64-linux-gnu/libc.so.6';
const E_ACUTE = '\u00c3\u00a9'; // as bytes

const SAMPLES: Readonly<Record<string, Wanted>> = {
  'plain.txt': {
    form: /plain list/,
    patterns: ['path /usr/bin/server', 'path /usr/lib/server', 'path /etc/server.conf'],
    skipped: 1,
  },
  'globs.txt': {
    form: /globs/,
    patterns: [
      'path /usr/bin/server',
      'glob /usr/lib/**/*.so*',
      'glob /etc/{server,client}.conf',
      'glob /usr/share/[a-c]*',
    ],
    skipped: 0,
  },
  'stargz-record.json': {
    form: /stargz/,
    patterns: ['file /usr/bin/server', 'file /usr/lib/libserver.so', `file /etc/caf${E_ACUTE}.conf`],
    skipped: 0,
  },
  'soci-files.json': {
    form: /soci/,
    patterns: ['file /usr/bin/server', 'file /etc/server.conf'],
    skipped: 0,
  },
  'optimizer.csv': {
    form: /optimizer/,
    patterns: ['file /usr/bin/server', 'file /srv/a, "b".txt', 'file /etc/server.conf'],
    skipped: 0,
  },
  'upstream.json': {
    form: /upstream/,
    patterns: ['file /usr/bin/server', 'file /etc/server.conf'],
    skipped: 0,
  },
  'strace.log': {
    form: /strace/,
    patterns: [
      'file /usr/bin/sh',
      'file /etc/ld.so.cache',
      'file /usr/bin/cat',
      'file /etc/hostname',
      'file /srv/data/rel.txt',
      `file /srv/data/a dir/${E_ACUTE} file`,
      'file /usr/bin/ls',
    ],
    skipped: 0,
  },
  'strace-y.log': {
    form: /strace/,
    patterns: [
      'file /usr/bin/sh',
      LIBC.replace('/lib/', '/usr/lib/'),
      'file /srv/run.sh',
      'file /usr/bin/cat',
      'file /etc/hostname',
      'file /srv/data/rel.txt',
      `file /srv/data/a dir/${E_ACUTE} file`,
      'file /usr/bin/ls',
    ],
    skipped: 0,
  },
  'fatrace.log': {
    form: /fatrace/,
    patterns: [
      'file /etc/ld.so.cache',
      'file /etc/locale.alias',
      'file /usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache',
      'file /usr/bin/dash',
      'file /srv/run.sh',
      'file /srv/data/out.txt',
      'file /usr/bin/ls',
      'file /usr/lib/x86_64-linux-gnu/libselinux.so.1',
      'file /usr/lib/x86_64-linux-gnu/libpcre2-8.so.0.11.2',
      'file /etc/ssl',
      'file /srv/data/a b',
    ],
    skipped: 1,
  },
};

for (const [name, { form, patterns, skipped }] of Object.entries(SAMPLES)) {
  test(`${name} is read as what it is`, () => {
    const list = readPrefetchList(readFileSync(join(samples, name)), name);
    assert.match(list.form, form);
    assert.deepEqual(
      list.patterns.map(({ kind, path }) => `${kind} ${path}`),
      patterns,
    );
    assert.equal(list.skipped, skipped);
  });
}

test('every sample is read by a test', () => {
  assert.deepEqual(
    readdirSync(samples).sort(),
    [...Object.keys(SAMPLES), 'README.md', 'soci-artifact.json'].sort(),
  );
});

const read = (text: string | Buffer): ReturnType<typeof readPrefetchList> =>
  readPrefetchList(Buffer.from(text), 'list');
const paths = (text: string | Buffer): readonly string[] => read(text).patterns.map(({ path }) => path);

test('a list of no known form is refused with the forms, and one that names spans with the way out', () => {
  for (const text of [
    '',
    '# nothing\n\n',
    'hello\n',
    '{"a":1}',
    '[1,2]',
    '\x1f\x8b\x08\x00',
    'usr/bin/a\n',
  ]) {
    assert.throws(
      () => read(text),
      (error) => error instanceof UsageError && /fatrace.*strace.*plain list/.test(error.hint ?? ''),
      text,
    );
  }
  assert.throws(
    () => read(readFileSync(join(samples, 'soci-artifact.json'))),
    (error) => error instanceof UsageError && /JSON array of paths/.test(error.hint ?? ''),
  );
});

test('lines end in every way, and names may hold line breaks where a NUL ends them', () => {
  assert.deepEqual(paths('\ufeff/a\r\n/b\r\n'), ['/a', '/b']);
  assert.deepEqual(paths('/a\nb\0/c\0'), ['/a\nb', '/c']);
  assert.deepEqual(paths(Buffer.from([0x2f, 0xff, 0x0a])), ['/\xff']);
});

test('a path is listed once, at its first place', () => {
  assert.deepEqual(paths('/b\n/a\n/b\n/a\n'), ['/b', '/a']);
});

test('calls that fail, only ask, write, or open directories name nothing', () => {
  const log = [
    'openat(AT_FDCWD, "/no", O_RDONLY) = -1 ENOENT (No such file or directory)',
    'stat("/asked", {st_mode=S_IFREG|0644, st_size=5, ...}) = 0',
    'openat(AT_FDCWD, "/dir", O_RDONLY|O_DIRECTORY) = 4',
    'openat(4, "in-dir", O_RDONLY|O_CLOEXEC) = 5',
    'openat(9, "somewhere", O_RDONLY) = 5',
    'open("/written", O_WRONLY|O_CREAT, 0644) = 3',
    'open("/a = b) = -1", O_RDWR) = 3',
    'open("/tab\\tquote\\"back\\\\hex\\x41", O_RDONLY) = 3',
    'openat2(AT_FDCWD, "/how", {flags=O_RDONLY, resolve=0}, 24) = 3',
    '  0.000012 execveat(AT_FDCWD, "/bin/x", ["x"], 0x0, 0) = 0',
    '+++ exited with 0 +++',
  ];
  const list = read(log.join('\n'));
  assert.deepEqual(
    list.patterns.map(({ path }) => path),
    ['/dir/in-dir', '/a = b) = -1', '/tab\tquote"back\\hexA', '/how', '/bin/x'],
  );
  assert.equal(list.skipped, 1);
});

test('long lists take linear time, and hostile ones are bounded', () => {
  const begun = performance.now();
  const many = Array.from({ length: 100_000 }, (_, i) => `/usr/share/some/folder/file-${i}`);
  assert.equal(paths(many.join('\n')).length, 100_000);
  const files = many.map((path) => ({ path, ranges: [[0, 4096]] }));
  assert.equal(paths(JSON.stringify({ version: 'v1', files })).length, 100_000);
  assert.equal(
    paths(many.map((path) => `openat(AT_FDCWD, "${path}", O_RDONLY) = 3`).join('\n')).length,
    100_000,
  );
  // Lines without an end, quotes that are never closed, and names that match for long.
  const long = 'a'.repeat(10_000_000);
  for (const text of [
    `openat(AT_FDCWD, "/a", O_RDONLY) = 3\nopenat(AT_FDCWD, "${long}`,
    `openat(AT_FDCWD, "/a", O_RDONLY) = 3\nopenat(AT_FDCWD, "${'\\\\'.repeat(30_000)}`,
    `cat(1): R /a\n${'(1'.repeat(30_000)}`,
    `cat(1): R /a\n${long}(1): R /a`,
  ])
    assert.deepEqual(paths(text), ['/a']);
  assert.throws(() => read(`path,size\n"${long}`), /never closed/);
  assert.throws(() => read('['.repeat(1000)), /levels deep/);
  assert.ok(performance.now() - begun < 20_000, `${performance.now() - begun} ms`);
});

test('the list of upstream trims as upstream does, and an empty one is the whole image', () => {
  assert.equal(upstreamPatterns(''), undefined);
  assert.equal(upstreamPatterns(' \n\t\n'), undefined);
  assert.deepEqual(upstreamPatterns(' /a \n\u0085/*\n# x\n'), [
    { path: '/a', kind: 'exact' },
    { path: '/*', kind: 'exact' },
    { path: '# x', kind: 'exact' },
  ]);
});
