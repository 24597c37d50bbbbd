/**
 * Every command, flag and variable of the help of upstream's nydusify v2.4.4, and what becomes of each here. `docs/upstream.md` shows
 * the table, and test/unit/cli/upstream-surface.test.ts calls this program with every row of it.
 */

export type State =
  /** It means here what it means there. */
  | { readonly kind: 'works' }
  | { readonly kind: 'differs'; readonly why: string }
  /** It is taken, and a note says that it changes nothing; `note` is the note without the name of the flag. */
  | { readonly kind: 'noted'; readonly note: string }
  /** Its use ends the run; `sentence` is the error and its hint. */
  | { readonly kind: 'refused'; readonly sentence: string };

export interface UpstreamFlag {
  /** Without dashes, as in upstream's help. */
  readonly name: string;
  /** Other names; one letter stands behind one dash. */
  readonly aliases: readonly string[];
  readonly type: 'boolean' | 'string';
  readonly variable: string | undefined;
  readonly state: State;
}

export interface UpstreamCommand {
  readonly name: string;
  readonly alias?: string;
  /** The words that call it; the name alone, unless upstream has commands below it. */
  readonly words: readonly string[];
  /** What it needs here beside flags of upstream. */
  readonly beside?: readonly string[];
  readonly flags: readonly UpstreamFlag[];
}

const WORKS: State = { kind: 'works' };
const differs = (why: string): State => ({ kind: 'differs', why });
const noted = (note: string): State => ({ kind: 'noted', note });

interface More {
  readonly variable?: string;
  readonly aliases?: readonly string[];
  readonly state?: State;
}

function flag(type: UpstreamFlag['type'], name: string, more: More): UpstreamFlag {
  const { variable, aliases = [], state = WORKS } = more;
  return { name, aliases, type, variable, state };
}
const text = (name: string, variable?: string, more: More = {}): UpstreamFlag =>
  flag('string', name, { ...more, ...(variable === undefined ? {} : { variable }) });
const onOff = (name: string, variable?: string, more: More = {}): UpstreamFlag =>
  flag('boolean', name, { ...more, ...(variable === undefined ? {} : { variable }) });

const NO_BINARY = noted('has no effect: no second binary is needed');
const NYDUS_IMAGE = text('nydus-image', 'NYDUS_IMAGE', { state: NO_BINARY });
const PART_OF_CONTAINER = noted('has no effect without --container');
const INSECURE = 'HTTP is tried for this registry alone, with a warning';
const SOURCE_INSECURE = onOff('source-insecure', 'SOURCE_INSECURE', { state: differs(INSECURE) });
const TARGET_INSECURE = onOff('target-insecure', 'TARGET_INSECURE', { state: differs(INSECURE) });
const SOURCE = text('source', 'SOURCE');
const TARGET = text('target', 'TARGET');

/** What becomes of a work folder. */
const workDir = (why: string): UpstreamFlag => text('work-dir', 'WORK_DIR', { state: differs(why) });
const TEMPORARY = "the system's temporary folder by default; what lies in a folder that is given stays";

/** Settings of a backend are taken from variables that all sides share, as upstream does. */
function backend(side: string, state: State = WORKS): readonly UpstreamFlag[] {
  return [
    text(`${side}backend-type`, 'BACKEND_TYPE', { state }),
    text(`${side}backend-config`, 'BACKEND_CONFIG'),
    text(`${side}backend-config-file`, 'BACKEND_CONFIG_FILE'),
  ];
}
const LOCALFS = differs('localfs works, too');

/** Before the command; here behind it, too. */
export const GLOBAL: readonly UpstreamFlag[] = [
  onOff('debug', 'DEBUG_LOG_LEVEL', { aliases: ['D'], state: differs('--log-file holds beside it') }),
  text('log-level', 'LOG_LEVEL', { aliases: ['l'] }),
  text('log-file', 'LOG_FILE', { state: differs('errors are shown on standard error, too') }),
];

export const COMMANDS: readonly UpstreamCommand[] = [
  {
    name: 'convert',
    words: ['convert'],
    flags: [
      SOURCE,
      text('source-archive', 'SOURCE_ARCHIVE'),
      TARGET,
      text('target-suffix', 'TARGET_SUFFIX'),
      text('target-archive', 'TARGET_ARCHIVE'),
      SOURCE_INSECURE,
      TARGET_INSECURE,
      text('source-backend-type', 'BACKEND_TYPE', {
        state: differs(
          "with --reverse the kind of storage of the source's blobs; modelfile and model-artifact are refused, since models are not read",
        ),
      }),
      text('source-backend-config', 'BACKEND_CONFIG'),
      ...backend(''),
      onOff('backend-force-push', 'BACKEND_FORCE_PUSH'),
      text('build-cache', 'BUILD_CACHE'),
      text('build-cache-tag', 'BUILD_CACHE_TAG'),
      text('build-cache-version', 'BUILD_CACHE_VERSION', {
        state: differs('records of this version alone are used; upstream passes over the flag'),
      }),
      onOff('build-cache-insecure', 'BUILD_CACHE_INSECURE'),
      text('build-cache-max-records', 'BUILD_CACHE_MAX_RECORDS', {
        state: differs('the records used last are kept; a full cache of upstream takes no more'),
      }),
      text('chunk-dict', 'CHUNK_DICT', { state: differs('an image alone will do, and files are taken') }),
      onOff('chunk-dict-insecure', 'CHUNK_DICT_INSECURE'),
      onOff('merge-platform', 'MERGE_PLATFORM', {
        aliases: ['multi-platform'],
        state: differs('Nydus images have both marks, and other entries of the index stay'),
      }),
      onOff('all-platforms', undefined, { state: differs('images with attestations, too') }),
      text('platform', undefined, {
        state: differs('a platform that is not there is an error, unless --allow-missing-platforms'),
      }),
      onOff('oci-ref', 'OCI_REF', {
        state: differs(
          'contexts of our own, unless --zran-compat; layers that cannot be referred to are stored',
        ),
      }),
      onOff('with-referrer', 'WITH_REFERRER', { state: differs('the fallback tag is kept, too') }),
      onOff('oci', 'OCI'),
      onOff('docker-v2-format', undefined, {
        state: noted('is deprecated: Docker media types are kept unless --oci is given'),
      }),
      onOff('reverse', 'REVERSE', { state: differs('the original manifest comes back where it can be had') }),
      text('fs-version', 'FS_VERSION'),
      onOff('fs-align-chunk', 'FS_ALIGN_CHUNK'),
      onOff('backend-aligned-chunk', 'BACKEND_ALIGNED_CHUNK'),
      text('prefetch-dir', 'PREFETCH_DIR'),
      onOff('prefetch-patterns', 'PREFETCH_PATTERNS'),
      text('compressor', 'COMPRESSOR', {
        state: differs('with a level, as zstd:19; a wrong name is an error'),
      }),
      text('fs-chunk-size', 'FS_CHUNK_SIZE', {
        aliases: ['chunk-size'],
        state: differs('1 MiB by default, as in upstream, whose help says otherwise; to 16 MiB'),
      }),
      text('batch-size', 'BATCH_SIZE', { state: differs('auto chooses by the files') }),
      workDir(TEMPORARY),
      NYDUS_IMAGE,
      text('output-json', 'OUTPUT_JSON', {
        state: differs('one more number; a file that cannot be written is an error'),
      }),
      onOff('plain-http', 'PLAIN_HTTP', { state: differs('needless for registries on this machine') }),
      text('push-retry-count', 'PUSH_RETRY_COUNT', {
        state: differs('five attempts, ever further apart, without the flag'),
      }),
      text('push-retry-delay', 'PUSH_RETRY_DELAY'),
    ],
  },
  {
    name: 'check',
    words: ['check'],
    flags: [
      SOURCE,
      TARGET,
      SOURCE_INSECURE,
      TARGET_INSECURE,
      ...backend('source-', LOCALFS),
      ...backend('target-', LOCALFS),
      onOff('multi-platform', 'MULTI_PLATFORM', {
        state: noted('has no effect: every platform of the target is checked anyway'),
      }),
      text('platform', undefined, { state: differs('lists, and all platforms by default') }),
      workDir('nothing in it is removed'),
      NYDUS_IMAGE,
      text('nydusd', 'NYDUSD', { state: noted('has no effect: nothing is mounted') }),
    ],
  },
  {
    name: 'chunkdict generate',
    words: ['chunkdict', 'generate'],
    flags: [
      text('sources', 'SOURCES'),
      TARGET,
      SOURCE_INSECURE,
      TARGET_INSECURE,
      ...backend('', LOCALFS),
      workDir(TEMPORARY),
      NYDUS_IMAGE,
      onOff('all-platforms', undefined, { state: differs('a dictionary for each platform, in one index') }),
      text('platform'),
    ],
  },
  {
    name: 'mount',
    alias: 'view',
    words: ['mount'],
    flags: [
      TARGET,
      TARGET_INSECURE,
      ...backend(''),
      onOff('prefetch', 'PREFETCH'),
      text('mount-path', 'MOUNT_PATH'),
      text('platform'),
      workDir('what lies in it stays'),
      text('nydusd', 'NYDUSD'),
    ],
  },
  {
    name: 'build',
    alias: 'pack',
    words: ['build'],
    flags: [
      text('source-dir', 'SOURCE_DIR', { aliases: ['target-dir'] }),
      text('output-dir', 'OUTPUT_DIR', { aliases: ['o'] }),
      text('name', 'BOOTSTRAP', { aliases: ['meta', 'bootstrap'] }),
      onOff('backend-push', 'BACKEND_PUSH'),
      ...backend(''),
      text('chunk-dict', 'CHUNK_DICT'),
      text('parent-bootstrap', 'PARENT_BOOTSTRAP'),
      onOff('compact', 'COMPACT', {
        state: differs('not with --parent-bootstrap, whose blobs stay as they are'),
      }),
      text('compact-config-file', 'COMPACT_CONFIG_FILE', {
        state: differs(
          'numbers or texts, by either spelling of the names; what upstream could not read is refused',
        ),
      }),
      text('fs-version', 'FS_VERSION'),
      text('compressor', 'COMPRESSOR'),
      text('chunk-size', 'CHUNK_SIZE'),
      text('nydus-image', 'NYDUS_IMAGE'),
    ],
  },
  {
    name: 'copy',
    words: ['copy'],
    flags: [
      SOURCE,
      TARGET,
      SOURCE_INSECURE,
      TARGET_INSECURE,
      ...backend('source-', LOCALFS),
      onOff('all-platforms', undefined, { state: differs('the default') }),
      text('platform', undefined, { state: differs('a platform that is not there is an error') }),
      text('push-chunk-size', 'PUSH_CHUNK_SIZE'),
      workDir('beside the archive by default, and only for archives'),
      NYDUS_IMAGE,
    ],
  },
  {
    name: 'optimize',
    words: ['optimize'],
    flags: [
      SOURCE,
      TARGET,
      SOURCE_INSECURE,
      TARGET_INSECURE,
      text('policy', 'OPTIMIZE_POLICY', {
        state: differs('another value than the one that there is is an error'),
      }),
      text('prefetch-files', 'PREFETCH_FILES', { state: differs('lists of many tools') }),
      workDir(TEMPORARY),
      NYDUS_IMAGE,
      text('push-chunk-size', 'PUSH_CHUNK_SIZE', {
        state: differs('it has no effect on what upstream pushes'),
      }),
      ...backend('source-', LOCALFS),
    ],
  },
  {
    name: 'commit',
    words: ['commit'],
    beside: ['--base', 'oci:/nowhere:1', '--diff-tar', '/dev/stdin'],
    flags: [
      workDir(TEMPORARY),
      NYDUS_IMAGE,
      text('containerd-address', 'CONTAINERD_ADDR', { state: PART_OF_CONTAINER }),
      text('namespace', 'NAMESPACE', { aliases: ['n'], state: PART_OF_CONTAINER }),
      text('container', 'CONTAINER', {
        state: {
          kind: 'refused',
          sentence:
            '--container is not supported: nothing here speaks with containerd; ctr snapshots diff writes the changes of a container as a tar; give it with --diff-tar',
        },
      }),
      TARGET,
      SOURCE_INSECURE,
      TARGET_INSECURE,
      text('maximum-times', 'MAXIMUM_TIMES', {
        state: differs('every commit counts; upstream counts the blobs of the last one'),
      }),
      text('with-path', 'WITH_PATH', { aliases: ['with-mount-path'], state: PART_OF_CONTAINER }),
    ],
  },
];
