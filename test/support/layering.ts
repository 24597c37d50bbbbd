/**
 * The modules of `src`, each with the modules and packages that it may import. `test/unit/layering.test.ts` holds the
 * imports to this table, and `npm run docs` writes it into docs/ARCHITECTURE.md.
 */
export interface Module {
  readonly name: string;
  /** The module's task, for the table in docs/ARCHITECTURE.md. */
  readonly purpose: string;
  readonly mayImport: readonly string[];
  /** Packages of npm. Few modules share one, so that replacing a package stays a local change. */
  readonly packages: readonly string[];
}

const BASE = ['oci', 'errors', 'turns'];
const CONTENT = [
  'image',
  'native',
  'merge',
  'registry',
  'rafs-builder',
  'io',
  'reporter',
  ...BASE,
  'remedy',
  'limits',
];
const EVERYTHING = [
  'build',
  'mount',
  'serve',
  'commit',
  'extract',
  'optimize',
  'reverse',
  'dedup',
  'recipe',
  'convert',
  'copy',
  'backend',
  'cache',
  'check',
  'look',
  'prefetch',
  'embedded-registry',
  ...CONTENT,
];

export const MODULES: readonly Module[] = [
  module('limits', 'the most that one image may take of this machine', []),
  module('similar', 'finds the word that a person may have meant', []),
  module('html', 'markup in which texts of others stay texts', []),
  module('turns', 'long work in steps, between which the event loop turns', []),
  module('remedy', 'what can be done about a failure, as data', ['limits']),
  module('errors', 'every failure as a class, with a sentence, a hint and a remedy', ['remedy']),
  module(
    'oci',
    'references, digests, descriptors, manifests and configs',
    ['errors', 'turns'],
    ['valibot', 'jsonc-parser'],
  ),
  module('reporter', 'the events of a running conversion, as types', ['oci', 'remedy', 'limits']),
  module(
    'io',
    'streams, files, tar, retries and byte budgets; the addon removes the folders of terminated threads',
    ['native', 'reporter', ...BASE],
    ['tar-stream'],
  ),
  module(
    'rafs-builder',
    'RAFS structures: layouts, readers, rules and dumps; it knows no HTTP and no addon',
    BASE,
  ),
  module('merge', 'layers to one tree, for looking and comparing', ['rafs-builder', ...BASE]),
  module(
    'native',
    'the border to the Rust addon',
    ['rafs-builder', 'reporter', ...BASE, 'limits'],
    ['detect-libc'],
  ),
  module(
    'prefetch',
    'lists of files that clients load first, in the forms of many tools, and what a list means',
    ['native', ...BASE],
  ),
  module(
    'registry',
    'images in registries, layouts and archives; it knows no RAFS, and of the addon only how to unpack archives',
    ['native', 'io', 'reporter', ...BASE, 'remedy', 'limits'],
    ['undici', 'valibot', 'smol-toml'],
  ),
  module(
    'backend',
    'blobs in storage backends, and stores of images whose blobs lie there',
    ['registry', 'io', 'reporter', ...BASE, 'remedy'],
    ['@aws-sdk/client-s3'],
  ),
  module('embedded-registry', 'a registry of our own, for demonstrations and tests', ['io', ...BASE]),
  module(
    'image',
    'everything that a reference leads to, and how it belongs together: the one model of all verbs',
    ['registry', 'io', 'reporter', ...BASE, 'limits'],
  ),
  module('cache', 'build caches: records of blobs, by layer and options', [
    'registry',
    'io',
    'reporter',
    ...BASE,
    'remedy',
  ]),
  module('look', 'lists and reads inside an image', ['prefetch', 'backend', ...CONTENT]),
  module('copy', 'copies images as they are, and compares copies', [
    'image',
    'native',
    'registry',
    'io',
    'reporter',
    ...BASE,
    'limits',
  ]),
  module(
    'recipe',
    'what blobs lack of the tars of their layers: how it is kept, and how tars are made of both',
    ['native', 'rafs-builder', 'io', ...BASE],
  ),
  module('convert', 'plans and makes a Nydus image', ['recipe', 'copy', 'cache', 'prefetch', ...CONTENT]),
  module('dedup', 'finds the chunks that images share, and makes dictionaries of them', [
    'convert',
    'look',
    ...CONTENT,
  ]),
  module('reverse', 'makes ordinary images of Nydus images', ['convert', 'recipe', 'look', ...CONTENT]),
  module('extract', 'writes files of an image into a directory or a tar', ['reverse', 'look', ...CONTENT]),
  module('mount', 'what nydusd is told, and how it is started and stopped', ['registry', ...BASE]),
  module(
    'serve',
    'answers for the files of an image over HTTP and WebDAV',
    ['look', ...CONTENT],
    ['mime', 'range-parser', 'saxes'],
  ),
  module('optimize', 'gives the files that clients load first a blob of their own', [
    'reverse',
    'convert',
    'copy',
    'look',
    'prefetch',
    ...CONTENT,
  ]),
  module('commit', 'puts a tar of changes on a Nydus image as one more layer', [
    'optimize',
    'reverse',
    'convert',
    'copy',
    'look',
    'prefetch',
    ...CONTENT,
  ]),
  module('build', 'makes Nydus images of directories', [
    'optimize',
    'convert',
    'copy',
    'backend',
    'prefetch',
    ...CONTENT,
  ]),
  module('check', 'judges an image, alone or beside its source', CONTENT),
  module(
    'service',
    'converts what is pushed to registries: configuration, queue, HTTP and conversions in child processes',
    ['convert', 'copy', 'cache', 'prefetch', 'backend', ...CONTENT, 'similar', 'html'],
    [
      '@opentelemetry/api',
      '@valibot/to-json-schema',
      'croner',
      'fastify',
      'libsql',
      'prom-client',
      'valibot',
      'yaml',
    ],
  ),
  module(
    'cli',
    'the command line: the only module that knows flags, the environment and the terminal',
    ['service', ...EVERYTHING, 'similar', 'html'],
    ['commander', 'chalk', 'string-width', 'smol-toml'],
  ),
  module('rafs', 'the entry point for bootstraps', ['native', 'rafs-builder', 'oci']),
  module('testing', 'the entry point for tests of other programs', ['embedded-registry']),
  module('index', 'the main entry point of the library', [...EVERYTHING, 'rafs']),
];

function module(
  name: string,
  purpose: string,
  mayImport: readonly string[],
  packages: readonly string[] = [],
): Module {
  return { name, purpose, mayImport, packages };
}

/** Modules whose folders are layers themselves, lowest first: a folder may import those before it. */
export const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  registry: ['http', 'auth', 'distribution', 'upload', 'stores'],
};

/** How far above the ground a module stands: one more than the highest module that it may import. */
export function heightOf(name: string): number {
  const below = MODULES.find((module) => module.name === name)?.mayImport ?? [];
  return below.length === 0 ? 0 : 1 + Math.max(...below.map(heightOf));
}
