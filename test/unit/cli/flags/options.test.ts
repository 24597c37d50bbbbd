import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { parseByteSize } from '../../../../src/cli/flags/byte-size.js';
import { addFlags, readFlags, rewriteArgv } from '../../../../src/cli/flags/flags.js';
import { CONVERT_FLAGS, LATER_FLAGS } from '../../../../src/cli/flags/convert.js';
import { GLOBAL_FLAGS } from '../../../../src/cli/flags/global.js';
import { convertRequest, type ConvertRequest } from '../../../../src/cli/flags/options.js';
import { parseGoDuration } from '../../../../src/cli/flags/push-retry.js';
import { NydusError, UsageError } from '../../../../src/errors.js';
import { allPlatforms } from '../../../../src/oci/platform.js';
import { formatLocation, parseLocation } from '../../../../src/registry/location.js';

const ALL = [...GLOBAL_FLAGS, ...CONVERT_FLAGS, ...LATER_FLAGS];
const INPUT = { text: '' };
const FILES = {
  fileProblem: (path: string): string | undefined =>
    path.includes('missing') ? 'no such file or folder' : undefined,
  standardInput: (): Buffer => Buffer.from(INPUT.text),
  fileBytes: (): Buffer => Buffer.from(INPUT.text),
  parentProblem: (path: string): string | undefined =>
    path.includes('missing') ? 'no such file or folder' : undefined,
};

const BY_FLAGS = ['--source', 'a', '--target', 'b'];

function request(argv: readonly string[], env: Record<string, string> = {}): ConvertRequest {
  const command = new Command('convert').exitOverride().argument('[source]').argument('[target]');
  command.configureOutput({ outputError: () => undefined }).action(() => undefined);
  addFlags(command, ALL);
  command.parse(rewriteArgv(argv, ALL), { from: 'user' });
  return convertRequest(
    readFlags(command, ALL, { env, upstream: command.args.length === 0 }),
    command.args,
    FILES,
  );
}

function refusal(argv: readonly string[], env: Record<string, string> = {}): string {
  try {
    request(argv, env);
  } catch (error) {
    assert.ok(error instanceof NydusError, String(error));
    assert.equal(error.exitCode, 2);
    return error.message;
  }
  return 'accepted';
}

test('source and target are flags or arguments', () => {
  for (const argv of [
    ['app', 'app:n'],
    ['--source', 'app', '--target', 'app:n'],
    ['--target', 'app:n', 'app'],
  ]) {
    const { source, target } = request(argv);
    assert.deepEqual([source, target], [parseLocation('app'), parseLocation('app:n')]);
  }
  assert.match(refusal(['app', 'b', '--source', 'c']), /given twice/);
});

test('words win over the environment, with a note; upstream names count only without words', () => {
  const { target, source, notes } = request(['app', 'b'], {
    SOURCE: 'c',
    OCI: 'no boolean',
    NYDUSIFY_SOURCE: 'd',
    NYDUSIFY_TARGET_SUFFIX: '-n',
  });
  assert.deepEqual([source, target], [parseLocation('app'), parseLocation('b')]);
  assert.deepEqual(notes, [
    'the source is "app", and not "d" of $NYDUSIFY_SOURCE',
    'the target is "b"; the suffix of $NYDUSIFY_TARGET_SUFFIX is not used',
  ]);
  assert.deepEqual(request([], { SOURCE: 'c', TARGET: 'e' }).source, parseLocation('c'));
  assert.deepEqual(
    request([], { SOURCE: 'c', TARGET: 'e', NYDUSIFY_SOURCE: 'd' }).source,
    parseLocation('d'),
  );
  assert.equal(request(['app', 'b'], { NYDUSIFY_MERGE_PLATFORM: '1' }).options.mergePlatform, true);
  assert.equal(request(['app', 'b'], { NYDUSIFY_PLATFORM: 'all' }).options.platforms, allPlatforms);
  assert.match(refusal(['app', 'b'], { NYDUSIFY_OCI: 'x' }), /variable NYDUSIFY_OCI: "x" is no boolean/);
});

test('upstream texts for what is missing or in conflict, in its order of validation', () => {
  assert.equal(refusal([]), 'Required flag "source" not set');
  assert.equal(refusal(['app']), '--target or --target-suffix is required');
  assert.equal(refusal(['app', 'b', '--target-suffix', '-n']), '--target conflicts with --target-suffix');
  const archive = ['--source-archive', '/missing/a.tar'];
  assert.equal(refusal(['app', ...archive]), 'source archive not accessible: no such file or folder');
  assert.equal(
    refusal(['app', '--target-archive', '/missing/a.tar']),
    'target archive directory not accessible: no such file or folder',
  );
  assert.equal(refusal(['app', 'b', '--platform', 'amd46']), 'invalid platform: "amd46"');
  assert.match(refusal(['app', 'b', '--fs-version', '7']), /^--fs-version should be one of \[5 6\]/);
});

test('a suffix goes behind the tag, which is added where it is missing', () => {
  assert.equal(
    formatLocation(request(['nginx', '--target-suffix', '-nydus']).target),
    'docker.io/library/nginx:latest-nydus',
  );
  assert.equal(formatLocation(request(['h:5000/a:1', '--target-suffix', '-n']).target), 'h:5000/a:1-n');
  // A folder is no registry, and a suffix goes behind its tag.
  assert.equal(formatLocation(request(['oci:/a:1', '--target-suffix', '-n']).target), 'oci:/a:1-n');
  for (const source of ['oci:/a', 'oci-archive:/a.tar:1', 'docker-archive:/a.tar:1'])
    assert.match(refusal([source, '--target-suffix', '-n']), /has no tag in a folder that a suffix/);
  const digested = `app@sha256:${'0'.repeat(64)}`;
  assert.match(
    refusal([digested, '--target-suffix', '-n']),
    /^unsupported digested image reference: docker.io/,
  );
});

test('a flag whose feature does not exist yet is refused by name, from wherever it comes', () => {
  assert.equal(refusal(['a', 'b', '--encrypt']), '--encrypt is not supported yet');
  const models = '--source-backend-type: models are not converted';
  for (const kind of ['modelfile', 'model-artifact']) {
    assert.equal(refusal(['a', 'b', '--source-backend-type', kind]), models);
    assert.equal(refusal(BY_FLAGS, { BACKEND_TYPE: kind }), models);
  }
});

test('chunks stay in their layers with --oci-ref, and what cannot be combined with it is refused by both names', () => {
  const of = (...argv: readonly string[]): unknown => {
    const { ociRef, ociRefStrict, zranSpan, digester } = request(['a', 'b', ...argv]).options;
    return [ociRef, ociRefStrict, zranSpan, digester];
  };
  assert.deepEqual(of(), ['off', false, 2 << 20, 'blake3']);
  // Upstream's such images have SHA-256, which `ociRef` makes the default.
  assert.deepEqual(of('--oci-ref'), ['zran', false, 2 << 20, undefined]);
  assert.deepEqual(of('--oci-ref=strict', '--zran-span', '4M'), ['zran', true, 4 << 20, undefined]);
  assert.deepEqual(of('--oci-ref', '--zran-compat', '--digester', 'blake3'), [
    'upstream',
    false,
    2 << 20,
    'blake3',
  ]);
  const conflicts = [
    '--fs-version 5',
    '--chunk-dict x/y:1',
    '--fs-chunk-size 8M',
    '--docker-v2-format',
    '--backend-type s3 --backend-config {}',
  ];
  for (const flag of conflicts)
    assert.match(
      refusal(['a', 'b', '--oci-ref', ...flag.split(' ')]),
      new RegExp(`^--oci-ref conflicts with ${flag.split(' ')[0] ?? ''}`),
    );
  assert.match(refusal(['a', 'b', '--batch-size', '1M', '--oci-ref']), /--batch-size/);
  const unkeyed = ['--build-cache', 'x/y:1', '--build-cache-trust-unkeyed'];
  assert.match(refusal(['a', 'b', '--oci-ref', ...unkeyed]), /^--oci-ref conflicts with --build-cache-trust/);
  assert.match(
    refusal(['a', 'b', '--oci-ref', '--zran-compat', '--dedup', 'image']),
    /--zran-compat.*--dedup/,
  );
  for (const flag of ['--dedup image', '--build-cache x/y:1', '--cache-dir /x'])
    assert.equal(request(['a', 'b', '--oci-ref', ...flag.split(' ')]).options.ociRef, 'zran', flag);
  assert.equal(refusal(['a', 'b', '--zran-compat']), '--zran-compat has no effect without --oci-ref');
});

test('versions, codecs and digesters of the format are options, from flags and from variables', () => {
  const of = (argv: readonly string[], environment = {}): unknown => {
    const { fsVersion, compressor, compressionLevel, digester } = request(
      ['--source', 'a', '--target', 'b', ...argv],
      environment,
    ).options;
    return [fsVersion, compressor, compressionLevel, digester];
  };
  assert.deepEqual(of([]), [6, 'zstd', undefined, 'blake3']);
  assert.deepEqual(of(['--fs-version', '5', '--compressor', 'lz4_block', '--digester', 'sha256']), [
    5,
    'lz4_block',
    undefined,
    'sha256',
  ]);
  assert.deepEqual(of(['--compressor', 'zstd:9'], { FS_VERSION: '5' }), [5, 'zstd', 9, 'blake3']);
  assert.match(refusal(['a', 'b', '--digester', 'md5']), /^--digester should be one of \[blake3 sha256\]/);
});

test('a part of a feature asks for nothing when nothing asks for the feature, and is noted', () => {
  const parts: readonly (readonly [argv: readonly string[], owners: string])[] = [
    [['--build-cache-version', 'v1'], '--build-cache or --build-cache-tag'],
    [['--build-cache-max-records', '200'], '--build-cache or --build-cache-tag'],
    [['--build-cache-insecure'], '--build-cache or --build-cache-tag'],
    [['--chunk-dict-insecure'], '--chunk-dict'],
    [['--backend-config', '{}'], '--backend-type'],
    [['--backend-config-file', 'x.json'], '--backend-type'],
    [['--backend-force-push'], '--backend-type'],
    [['--source-backend-config', '{}'], '--source-backend-type'],
  ];
  for (const [argv, owners] of parts)
    assert.deepEqual(request(['a', 'b', ...argv]).notes, [
      `${argv[0] ?? ''} has no effect without ${owners}`,
    ]);
  const { notes } = request(['--source', 'a', '--target', 'b'], {
    BACKEND_CONFIG: '{}',
    BUILD_CACHE_VERSION: 'v1',
  });
  assert.deepEqual(
    notes.map((note) => note.split(' ')[0]),
    ['--source-backend-config', '--backend-config', '--build-cache-version'],
  );
});

test('the oldest reader is an option', () => {
  assert.equal(request(['a', 'b']).options.compat, 'latest');
  assert.equal(request(['a', 'b', '--compat', 'nydusd-2.2']).options.compat, 'nydusd-2.2');
  assert.match(refusal(['a', 'b', '--compat', 'nydusd-2.1']), /^--compat should be one of \[latest /);
});

test('alignment of chunks is that of RAFS v6 whether or not a flag asks for it', () => {
  for (const flag of ['--fs-align-chunk', '--backend-aligned-chunk']) {
    const { notes, options } = request(['a', 'b', flag]);
    assert.deepEqual(notes, [`${flag} has no effect: chunks of RAFS v6 are aligned anyway`]);
    assert.equal(options.alignChunks, false);
  }
});

test('either name aligns the chunks of RAFS v5, and the old one is noted', () => {
  const of = (...argv: readonly string[]): unknown => {
    const { notes, options } = request(['a', 'b', '--fs-version', '5', ...argv]);
    return [options.alignChunks, notes];
  };
  assert.deepEqual(of(), [false, []]);
  assert.deepEqual(of('--fs-align-chunk'), [true, []]);
  const note = '--backend-aligned-chunk is deprecated: the name is --fs-align-chunk now';
  assert.deepEqual(of('--backend-aligned-chunk'), [true, [note]]);
  assert.deepEqual(of('--fs-align-chunk=false', '--backend-aligned-chunk'), [true, [note]]);
});

test('what clients load first comes from a directory, from standard input as upstream reads it, or from a file', () => {
  const prefetched = (argv: readonly string[], input: string): unknown => {
    INPUT.text = input;
    try {
      return request(['a', 'b', ...argv]).options.prefetch?.map(({ kind, path }) => `${kind} ${path}`);
    } finally {
      INPUT.text = '';
    }
  };
  assert.equal(prefetched([], '/not/read'), undefined);
  assert.equal(prefetched(['--prefetch-patterns'], ''), undefined);
  assert.equal(prefetched(['--prefetch-patterns=false'], '/not/read'), undefined);
  assert.deepEqual(prefetched(['--prefetch-dir', '/bin'], ''), ['exact /bin']);
  assert.deepEqual(prefetched(['--prefetch-patterns'], '/\n /bin/*\nrelative\n'), [
    'exact /',
    'exact /bin/*',
  ]);
  assert.deepEqual(prefetched(['--prefetch-file', 'list'], '/b\n/bin/*\n'), ['path /b', 'glob /bin/*']);
  assert.deepEqual(prefetched(['--prefetch-file', '-'], '["/a"]'), ['file /a']);
  assert.equal(
    refusal(['a', 'b', '--prefetch-dir', 'bin']),
    '--prefetch-dir "bin" is not a path from the root of the image',
  );
  for (const [one, other] of [
    [['--prefetch-dir', '/'], ['--prefetch-patterns']],
    [
      ['--prefetch-dir', '/'],
      ['--prefetch-file', 'list'],
    ],
    [['--prefetch-patterns'], ['--prefetch-file', 'list']],
  ] as const)
    assert.equal(refusal(['a', 'b', ...other, ...one]), `${one[0]} conflicts with ${other[0]}`);
  assert.equal(refusal(['a', 'b', '--prefetch-file', 'list']), 'list is empty');
});

test('values that ask for nothing are fine', () => {
  assert.equal(
    refusal(['a', 'b', '--batch-size', '0', '--prefetch-dir', '/', '--oci-ref=false']),
    'accepted',
  );
  assert.equal(refusal(BY_FLAGS, { BATCH_SIZE: '0x0', REVERSE: 'false', BUILD_CACHE: '' }), 'accepted');
});

test('flags that lost their meaning are accepted with a note', () => {
  assert.equal(request(['a', 'b', '--nydus-image', '/usr/bin/nydus-image']).notes.length, 1);
  const old = request(['a', 'b', '--oci', '--docker-v2-format']);
  assert.equal(old.options.oci, false);
  assert.equal(old.notes.length, 1);
});

test('--all-platforms wins over --platform; without both it is linux on this machine', () => {
  assert.deepEqual(
    request(['a', 'b', '--all-platforms', '--platform', 'linux/arm64']).options.platforms,
    allPlatforms,
  );
  assert.deepEqual(request(['a', 'b', '--platform', 'all']).options.platforms, allPlatforms);
  const { platforms } = request(['a', 'b']).options;
  assert.equal(platforms?.kind, 'list');
  assert.equal(request(['a', 'b', '--platform', 'linux/amd64,linux/arm64']).options.platforms?.kind, 'list');
});

test('--multi-platform is --merge-platform', () => {
  assert.equal(request(['a', 'b', '--multi-platform']).options.mergePlatform, true);
  assert.equal(request(BY_FLAGS, { MERGE_PLATFORM: '1' }).options.mergePlatform, true);
});

test('sizes are hexadecimal, decimal, or have a unit', () => {
  for (const text of ['0x100000', '1048576', '1M', '1MiB', '1mb', '1024K']) {
    assert.equal(parseByteSize('fs-chunk-size', text), 1048576, text);
  }
  assert.equal(parseByteSize('max-size', '1G'), 2 ** 30);
  for (const text of ['', 'x', '1T', '1.5M', '-1'])
    assert.throws(() => parseByteSize('fs-chunk-size', text), UsageError, text);
  assert.equal(request(['a', 'b', '--chunk-size', '64K']).options.chunkSize, 65536);
});

test('durations are those of Go', () => {
  assert.equal(parseGoDuration('5s'), 5000);
  assert.equal(parseGoDuration('1m30s'), 90_000);
  assert.equal(parseGoDuration('1.5h'), 5_400_000);
  assert.equal(parseGoDuration('-2s'), -2000);
  assert.equal(parseGoDuration('0'), 0);
  for (const text of ['', '5', 's', '5 s', '1m x'])
    assert.throws(() => parseGoDuration(text), UsageError, text);
  assert.match(refusal(['a', 'b', '--push-retry-delay', 'soon']), /^parse push retry delay/);
});

test('retries are as asked for, and as the registry client has them otherwise', () => {
  assert.equal(request(['a', 'b']).pushRetry, undefined);
  assert.deepEqual(request(['a', 'b', '--push-retry-count', '7']).pushRetry, { attempts: 7, delayMs: 5000 });
  assert.deepEqual(request(['a', 'b', '--push-retry-count', '0', '--push-retry-delay', '-1s']).pushRetry, {
    attempts: 3,
    delayMs: 5000,
  });
});

test('fewer connections mean fewer layers at a time, and many layers mean more connections', () => {
  const of = (...args: string[]): [number | undefined, number | undefined] => {
    const { options, transfer } = request(['a', 'b', ...args]);
    return [options.concurrency, transfer.connections];
  };
  assert.deepEqual(of('--concurrency', '3'), [3, undefined]);
  assert.deepEqual(of('--concurrency', '3', '--max-connections', '4'), [1, 4]);
  assert.deepEqual(of('--concurrency', '3', '--max-connections', '6'), [2, 6]);
  assert.deepEqual(of('--concurrency', '20'), [20, 42]);
  assert.match(refusal(['a', 'b', '--max-connections', '3']), /4 or more/);
});

test('--push-chunk-size is a size, and 0 asks for nothing', () => {
  assert.equal(request(['a', 'b']).pushChunkSize, 0);
  assert.equal(request(['a', 'b', '--push-chunk-size', '16MiB']).pushChunkSize, 16 * 2 ** 20);
  assert.match(refusal(['a', 'b', '--push-chunk-size', 'big']), /not a size/);
});

test('what --compressor takes, refuses and says in its help follows from the table of codecs', () => {
  const { options } = request(['a', 'b', '--compressor', 'zstd:19']);
  assert.deepEqual([options.compressor, options.compressionLevel], ['zstd', 19]);
  assert.equal(request(['a', 'b', '--compressor', 'none']).options.compressor, 'none');
  for (const name of ['zstd:high', 'none:3', 'lz4_block:1', 'gzip:6', 'lz4', 'lzma']) {
    assert.equal(
      refusal(['a', 'b', '--compressor', name]),
      `--compressor should be one of [zstd lz4_block none], not "${name}"`,
    );
  }
  assert.equal(
    refusal(['a', 'b', '--compressor', 'gzip']),
    '--compressor gzip cannot be written: the format has gzip only for images whose chunks stay in gzip layers',
  );
  assert.equal(
    CONVERT_FLAGS.find(({ name }) => name === 'compressor')?.help,
    'zstd, zstd:LEVEL (1 to 22, 3 when not given; higher is smaller and slower), lz4_block or none',
  );
});

test('a storage backend has rules of upstream and its texts', () => {
  const of = (argv: readonly string[], env?: Record<string, string>): unknown => {
    const { backends, backendForce, notes } = request(argv, env);
    return [backends.target, backends.source, backendForce, notes];
  };
  const text = { type: 'oss', config: { text: '{}' } };
  assert.deepEqual(of(['a', 'b', '--backend-type', 'oss', '--backend-config', '{}']), [
    text,
    undefined,
    false,
    [],
  ]);
  assert.deepEqual(
    of(['a', 'b', '--backend-type', 's3', '--backend-config-file', 'f.json', '--backend-force-push']),
    [{ type: 's3', config: { file: 'f.json' } }, undefined, true, []],
  );
  // One variable names the backends of both sides.
  assert.deepEqual(of(BY_FLAGS, { BACKEND_TYPE: 'oss', BACKEND_CONFIG: '{}' }), [text, text, false, []]);
  for (const side of ['', 'source-']) {
    const type = [`--${side}backend-type`, 's3'];
    const config = [`--${side}backend-config`, '{}'];
    assert.equal(
      refusal(['a', 'b', ...type]),
      `backend configuration is empty, please specify option '--${side}backend-config'`,
    );
    assert.equal(
      refusal(['a', 'b', ...type, ...config, `--${side}backend-config-file`, 'f']),
      `--${side}backend-config conflicts with --${side}backend-config-file`,
    );
    assert.equal(
      refusal(['a', 'b', `--${side}backend-type`, 'gcs', ...config]),
      `--${side}backend-type should be one of [oss s3 localfs], not "gcs"`,
    );
  }
});
