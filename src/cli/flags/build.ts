/** The flags of `build`, after upstream's, and what those about entries and containers ask for. */
import { type BuildOptions, WHITEOUT_FORMS } from '../../build/options.js';
import type { ImageSettings } from '../../build/settings.js';
import { UsageError } from '../../errors.js';
import { COPY_CONCURRENCY } from '../../io/concurrency.js';
import { type Environment, given as variable } from '../../io/variables.js';
import { backendFlags } from './backend.js';
import { parseOwner, parsePort, parseTime, parseWords } from './build-values.js';
import { CHUNK_DICT_FLAGS } from './chunk-dict.js';
import { demandCompactSettings } from './compact.js';
import { ofConvert } from './convert.js';
import type { Flag, FlagValues } from './flags.js';
import { FORMAT_FLAGS } from './format.js';
import { LIMIT_FLAGS } from './limits.js';
import { PREFETCH_FLAGS } from './prefetch.js';
import { REGISTRY_FLAGS } from './registry.js';

const INPUT = 'Directory:';
const FILES = 'Result in files:';
const IMAGE = 'Result as an image:';
const CONTAINER = 'What a container is told:';
const MACHINE = 'Work:';

/** Upstream's folder of the result. */
export const OUTPUT_DIR = './.nydus-build-output';

/** Of the flags about the format those that are about one tree. Upstream's `build` has another variable for the size of chunks. */
const OWN_FORMAT = [
  'fs-version',
  'compressor',
  'fs-chunk-size',
  'batch-size',
  'fs-align-chunk',
  'digester',
  'compat',
];
const FORMAT = FORMAT_FLAGS.filter(({ name }) => OWN_FORMAT.includes(name)).map((flag) =>
  flag.name === 'fs-chunk-size' ? { ...flag, env: 'CHUNK_SIZE' } : flag,
);

function text(name: string, value: string, group: string, help: string, more: Partial<Flag> = {}): Flag {
  return { name, type: 'string', value, group, help, ...more };
}

export const BUILD_FLAGS: readonly Flag[] = [
  text('source-dir', 'folder', INPUT, 'directory to pack', { alias: 'target-dir', env: 'SOURCE_DIR' }),
  text('whiteout-spec', 'form', INPUT, 'how the directory says what it removes from the image below', {
    choices: WHITEOUT_FORMS,
    default: 'oci',
  }),
  text('owner', 'uid:gid', INPUT, 'owner of everything, by numbers, instead of the owners of the files'),
  text(
    'mtime',
    'time',
    INPUT,
    'modification time of everything: seconds since 1970, or as 2026-11-30T12:00:00Z',
  ),
  {
    name: 'reproducible',
    type: 'boolean',
    group: INPUT,
    help: 'keep nothing of this machine: without --owner everything is of 0:0, without --mtime of $SOURCE_DATE_EPOCH or 1970, and security labels are left out',
  },
  text('name', 'file', FILES, 'name of the bootstrap; .meta follows a name without an ending', {
    alias: 'bootstrap',
    env: 'BOOTSTRAP',
  }),
  text('meta', 'file', FILES, 'the same as --name', { env: 'IMAGE_NAME', hidden: true }),
  text('output-dir', 'folder', FILES, 'folder of the bootstrap and the blob', {
    short: 'o',
    env: 'OUTPUT_DIR',
    default: OUTPUT_DIR,
  }),
  text('parent-bootstrap', 'file', FILES, 'bootstrap of an image that the directory is put on', {
    env: 'PARENT_BOOTSTRAP',
  }),
  {
    name: 'backend-push',
    type: 'boolean',
    env: 'BACKEND_PUSH',
    group: FILES,
    help: 'send the files to a storage backend, too',
  },
  text(
    'image',
    'image',
    IMAGE,
    'push a whole image instead: an image reference, oci:FOLDER[:TAG] or oci-archive:FILE[:TAG]',
  ),
  text(
    'append-to',
    'image',
    IMAGE,
    'Nydus image that the directory becomes a layer on; its blobs are mounted or copied',
  ),
  text('platform', 'os/arch', IMAGE, "platform of the image; default: linux on this machine's architecture"),
  text('image-config', 'file', IMAGE, 'config in the form of OCI, whose members hold where no flag does'),
  text(
    'entrypoint',
    'words',
    CONTAINER,
    'program of a container: a JSON array, or words with spaces between them',
  ),
  text('cmd', 'words', CONTAINER, 'arguments, or the program where there is no entrypoint, in the same form'),
  text('env', 'name=value', CONTAINER, 'environment variable; may be given several times', { list: true }),
  text('label', 'name=value', CONTAINER, 'label; may be given several times', { list: true }),
  text('port', 'port', CONTAINER, 'port that it listens on, as 80 or 53/udp; may be given several times', {
    list: true,
  }),
  text('volume', 'folder-in-image', CONTAINER, 'path of a volume; may be given several times', {
    list: true,
  }),
  text('user', 'user', CONTAINER, 'user, or user:group'),
  text('workdir', 'folder-in-image', CONTAINER, 'working directory'),
  text('stop-signal', 'signal', CONTAINER, 'signal that ends it'),
  ...FORMAT,
  ...CHUNK_DICT_FLAGS,
  ...PREFETCH_FLAGS,
  ...backendFlags('', 'where --backend-push sends the files; default: oss'),
  ...REGISTRY_FLAGS,
  ...ofConvert('push-retry-count', 'push-retry-delay', 'push-chunk-size', 'verify-present'),
  ...LIMIT_FLAGS,
  ...ofConvert('work-dir', 'threads'),
  text('concurrency', 'n', MACHINE, 'blobs in flight', { default: String(COPY_CONCURRENCY) }),
  ...ofConvert('progress', 'digest-file', 'image-file', 'json', 'nydus-image'),
  {
    name: 'compact',
    type: 'boolean',
    env: 'COMPACT',
    group: FILES,
    hidden: true,
    help: 'write blobs of the image below anew; not done',
  },
  text('compact-config-file', 'file', FILES, 'settings of --compact', {
    env: 'COMPACT_CONFIG_FILE',
    hidden: true,
  }),
];

/** Flags that are about one of the two forms of the result alone. */
export const OF_FILES = ['name', 'meta', 'output-dir', 'parent-bootstrap', 'backend-push'] as const;
export const OF_IMAGE = [
  'append-to',
  'platform',
  'image-config',
  'entrypoint',
  'cmd',
  'env',
  'label',
  'port',
  'volume',
  'user',
  'workdir',
  'stop-signal',
  'digest-file',
  'image-file',
] as const;

function parsed<T>(flags: FlagValues, name: string, parse: (given: string) => T): T | undefined {
  const given = flags.text(name);
  return given === undefined ? undefined : parse(given);
}

/** What the entries become. Throws UsageError. */
export function entriesOf(flags: FlagValues, env: Environment): BuildOptions {
  const owner = parsed(flags, 'owner', parseOwner);
  const reproducible = flags.isOn('reproducible');
  const epoch = reproducible ? variable(env, 'SOURCE_DATE_EPOCH') : undefined;
  const mtime = parsed(flags, 'mtime', parseTime) ?? (epoch === undefined ? undefined : epochOf(epoch));
  const whiteouts = flags.oneOf('whiteout-spec', WHITEOUT_FORMS);
  return {
    reproducible,
    ...(owner === undefined ? {} : { owner }),
    ...(mtime === undefined ? {} : { mtime }),
    ...(whiteouts === undefined ? {} : { whiteouts }),
  };
}

function epochOf(given: string): number {
  if (!/^[0-9]{1,15}$/.test(given))
    throw new UsageError(`environment variable SOURCE_DATE_EPOCH: "${given}" is no number of seconds`);
  return Number(given);
}

/** What a container is told. Throws UsageError. */
export function settingsOf(flags: FlagValues): ImageSettings {
  const pairs = (name: string): readonly string[] | undefined => {
    const list = flags.list(name);
    const bad = list?.find((entry) => !/^[^=]+=/.test(entry));
    if (bad !== undefined) throw new UsageError(`--${name} "${bad}" is not NAME=VALUE`);
    return list;
  };
  return {
    entrypoint: parsed(flags, 'entrypoint', (given) => parseWords('entrypoint', given)),
    cmd: parsed(flags, 'cmd', (given) => parseWords('cmd', given)),
    env: pairs('env'),
    labels: pairs('label'),
    ports: flags.list('port')?.map(parsePort),
    volumes: flags.list('volume'),
    user: flags.text('user'),
    workdir: flags.text('workdir'),
    stopSignal: flags.text('stop-signal'),
  };
}

/** Upstream would rewrite blobs of the image below. Throws UsageError where there is one; else returns a note. */
export function refuseCompact(flags: FlagValues): readonly string[] {
  const file = flags.text('compact-config-file');
  if (!flags.isOn('compact'))
    return file === undefined ? [] : ['--compact-config-file has no effect without --compact'];
  if (file !== undefined) demandCompactSettings(file);
  if (flags.text('parent-bootstrap') !== undefined)
    throw new UsageError('--compact is not done: blobs of the image below stay as they are', {
      hint: 'leave it out; convert --flatten makes blobs that hold no more than a container sees',
    });
  return ['--compact has no effect: everything in a new blob is used'];
}
