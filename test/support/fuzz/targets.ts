/** The readers of foreign bytes that the fuzzer runs. Each takes any bytes, and returns or throws one of our errors. */
import { gzipSync } from 'node:zlib';
import { indexMembers } from '../../../src/io/tar/index.js';
import { judgeBootstrap, openBootstrap, readAndJudge } from '../../../src/native/judge.js';
import { openImageScanner } from '../../../src/native/scanner.js';
import { nydusConfig } from '../../../src/oci/config-edit.js';
import type { DiffId } from '../../../src/oci/digest.js';
import { compactJson, parseJson, printJson } from '../../../src/oci/json/value.js';
import { parseConfig, parseDocument } from '../../../src/oci/manifest.js';
import { parsePlatforms } from '../../../src/oci/platform.js';
import { familiarName, formatReference, parseReference } from '../../../src/oci/reference.js';
import { readBlobFrameV5 } from '../../../src/rafs-builder/blob/frame-v5.js';
import { readBlobFrame } from '../../../src/rafs-builder/blob/frame.js';
import { readBootstrap } from '../../../src/rafs-builder/versions.js';
import { parseChallenges } from '../../../src/registry/auth/challenge.js';
import { parseConfig as parseLogins } from '../../../src/registry/auth/config-json.js';
import { credentialsIn } from '../../../src/registry/auth/credentials.js';
import { parseHostsToml } from '../../../src/registry/distribution/hosts-toml.js';
import { formatLocation, parseLocation } from '../../../src/registry/location.js';
import { PACK_DEFAULTS } from '../images/pack.js';

export interface FuzzTarget {
  readonly name: string;
  /** Words of the format, which mutations put in. */
  readonly words: readonly string[];
  readonly run: (input: Buffer) => unknown;
}

const DIGEST = `sha256:${'ab'.repeat(32)}` as DiffId; // written in its canonical form
const JSON_WORDS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  'null',
  'true',
  '1e999',
  '-0',
  '9007199254740993',
  '"__proto__"',
  '"\\ud800"',
  '\ufeff',
  '"layers"',
  '"manifests"',
  '"config"',
  '"digest"',
  '"size"',
  '"mediaType"',
  '"annotations"',
  '"rootfs"',
  '"diff_ids"',
  '"history"',
  '"empty_layer"',
  `"${DIGEST}"`,
];
const NAME_WORDS = [
  '/',
  ':',
  '@',
  '.',
  '..',
  '[::1]',
  ':5000',
  'docker.io',
  'oci:',
  'localhost',
  `@${DIGEST}`,
  '__',
];

function text(name: string, words: readonly string[], run: (input: string) => unknown): FuzzTarget {
  return { name, words, run: (input) => run(input.toString('utf8')) };
}

export function fuzzTargets(): readonly FuzzTarget[] {
  const scanner = openImageScanner({ ...PACK_DEFAULTS, dedup: 'layer', keep: false, threads: 1 });
  const scan = async (bytes: Uint8Array): Promise<void> => {
    const layer = scanner.openLayer(0);
    try {
      await layer.write(bytes);
      const scanned = await layer.finish();
      await scanned.entries();
    } finally {
      layer.abort();
    }
  };
  return [
    text('references', NAME_WORDS, (input) => {
      const reference = parseReference(input);
      const again = parseReference(formatReference(reference));
      if (formatReference(again) !== formatReference(reference))
        throw new Error('a reference changes when it is read again');
      return familiarName(reference);
    }),
    text('locations', NAME_WORDS, (input) => formatLocation(parseLocation(input))),
    text('platforms', ['linux', '/', ',', 'arm64', 'v8', 'all', '*'], (input) =>
      parsePlatforms(input, 'amd64'),
    ),
    text(
      'challenges',
      ['Bearer ', 'Basic ', 'realm="', '"', ',', '=', '\\', 'scope="', 'service='],
      parseChallenges,
    ),
    text(
      'hosts.toml',
      ['[host."', '"]', 'server', '=', 'capabilities', 'ca', 'header', '__proto__', '\n'],
      (input) => parseHostsToml(input, '/etc/hosts.toml', '/etc'),
    ),
    {
      name: 'docker config',
      words: [...JSON_WORDS, '"auths"', '"auth"', '"credHelpers"', '"credsStore"', '"registry.test"'],
      run: (input) => {
        const config = parseLogins(input.toString('utf8'), 'config.json');
        const options = { searched: 'config.json', ask: () => Promise.resolve(undefined) };
        return credentialsIn(() => Promise.resolve([config]), options).get('registry.test');
      },
    },
    { name: 'manifests and indexes', words: JSON_WORDS, run: (input) => parseDocument(input) },
    { name: 'configs', words: JSON_WORDS, run: (input) => parseConfig(input) },
    {
      name: 'JSON',
      words: JSON_WORDS,
      run: (input) => {
        const value = parseJson(input, 'input');
        compactJson(value);
        return printJson(value);
      },
    },
    {
      name: 'JSON edits',
      words: JSON_WORDS,
      run: (input) => {
        parseConfig(input);
        return parseConfig(nydusConfig(input, [DIGEST, DIGEST], DIGEST, 'input'));
      },
    },
    {
      name: 'bootstraps judged',
      words: [],
      run: (input) => [judgeBootstrap(input), readAndJudge(input).findings],
    },
    { name: 'bootstraps read', words: [], run: (input) => openBootstrap(input) },
    { name: 'bootstraps read unjudged', words: [], run: (input) => readBootstrap(input) },
    {
      name: 'blob sections',
      words: ['image.blob', 'blob.meta', 'image.boot', 'rafs.blob.toc'],
      run: (input) =>
        readBlobFrame(input.length, (start, end) => Promise.resolve(input.subarray(start, end))),
    },
    {
      name: 'blob sections of v5',
      words: ['image.blob', 'image.boot'],
      run: (input) =>
        readBlobFrameV5(input.length, (start, end) => Promise.resolve(input.subarray(start, end))),
    },
    {
      name: 'archives of images',
      words: ['ustar', 'manifest.json', 'oci-layout', '\0\0\0\0', '././@LongLink', '12 path=a\n'],
      run: (input) => {
        const read = (start: number, end: number): Promise<Buffer> =>
          Promise.resolve(input.subarray(start, end));
        return indexMembers({ size: input.length, read }, 'archive');
      },
    },
    {
      name: 'layers as tar',
      words: ['ustar', '\0\0\0\0', '0000644', 'SCHILY.xattr.', 'GNU.sparse.'],
      run: scan,
    },
    { name: 'layers as gzip', words: [], run: (input) => scan(gzipSync(input, { level: 1 })) },
  ];
}
