/** The flags of `convert`, after upstream's (design: nydusify `convert`, its names, defaults, environment). */
import { DEFAULT_CONCURRENCY } from '../../io/concurrency.js';
import { backendFlags, FORCE_PUSH } from './backend.js';
import { CACHE_FLAGS } from './cache.js';
import { alternatives } from './choices.js';
import { CHUNK_DICT_FLAGS } from './chunk-dict.js';
import type { Flag } from './flags.js';
import { ALIGNED_CHUNK, FORMAT_FLAGS, LATER_FORMAT_FLAGS } from './format.js';
import { REFERRING_FLAGS } from './referring.js';
import { TAR_RECIPE_FLAG } from './tar-recipe.js';
import { OUTPUT } from './global.js';
import { LIMIT_FLAGS } from './limits.js';
import type { LaterFlag } from './later.js';
import { PREFETCH_FLAGS } from './prefetch.js';
import { REGISTRY, REGISTRY_FLAGS } from './registry.js';
import { REVERSE_OWN_FLAGS, reverseFlagsOf } from './reverse.js';

const IMAGES = 'Images:';
const PLATFORMS = 'Platforms:';
const RESULT = 'Result:';
const MACHINE = 'Work:';
const ACCEPTED = 'Accepted without effect:';

export const INDEX_MARKS = ['both', 'artifact-type', 'os-features', 'dual'] as const;
export const ISOLATIONS = ['empty-layer', 'none'] as const;
export const PROGRESS_FORMS = ['auto', 'tty', 'plain', 'json', 'none'] as const;

export const CONVERT_FLAGS: readonly Flag[] = [
  { name: 'source', type: 'string', value: 'image', env: 'SOURCE', group: IMAGES, help: 'image to convert' },
  {
    name: 'target',
    type: 'string',
    value: 'image',
    env: 'TARGET',
    overrules: ['target-suffix'],
    group: IMAGES,
    help: 'where the result goes',
  },
  {
    name: 'target-suffix',
    type: 'string',
    value: 'suffix',
    env: 'TARGET_SUFFIX',
    overrules: ['target'],
    group: IMAGES,
    help: "instead of --target: the source's name with this behind its tag",
  },
  {
    name: 'source-archive',
    type: 'string',
    value: 'file',
    env: 'SOURCE_ARCHIVE',
    group: IMAGES,
    help: 'read the source from an OCI or Docker archive; --source names the image',
  },
  {
    name: 'target-archive',
    type: 'string',
    value: 'file',
    env: 'TARGET_ARCHIVE',
    group: IMAGES,
    help: 'write the result to an OCI archive; --target names the image',
  },
  {
    name: 'platform',
    type: 'string',
    value: 'list',
    overrules: ['all-platforms'],
    group: PLATFORMS,
    help: "os/arch[/variant], or a comma list of them, or all; default: linux on this machine's architecture",
  },
  {
    name: 'all-platforms',
    type: 'boolean',
    overrules: ['platform'],
    group: PLATFORMS,
    help: 'convert every image of the source',
  },
  {
    name: 'allow-missing-platforms',
    type: 'boolean',
    group: PLATFORMS,
    help: 'go on when the source lacks some of the platforms; without it nothing is converted then',
  },
  {
    name: 'merge-platform',
    alias: 'multi-platform',
    type: 'boolean',
    env: 'MERGE_PLATFORM',
    group: PLATFORMS,
    help: 'make an index that holds the original images and the Nydus images, for every client',
  },
  {
    name: 'merge-into-target',
    type: 'boolean',
    group: PLATFORMS,
    help: 'add the Nydus images to the index or image that the target holds, which must be the originals; all else in it stays',
  },
  {
    name: 'index-marks',
    type: 'string',
    value: 'marks',
    choices: INDEX_MARKS,
    default: 'both',
    group: PLATFORMS,
    help: 'how Nydus images are marked in that index: both, artifact-type, os-features or dual (two entries)',
  },
  {
    name: 'merge-isolation',
    type: 'string',
    value: 'how',
    choices: ISOLATIONS,
    default: 'empty-layer',
    group: PLATFORMS,
    help: 'empty-layer keeps the snapshots of other images apart; none keeps the original manifests and their signatures',
  },
  {
    name: 'keep-attestations',
    type: 'boolean',
    group: PLATFORMS,
    help: 'carry over attestations and other entries that are no images; default: with all platforms',
  },
  {
    name: 'oci',
    type: 'boolean',
    env: 'OCI',
    overrules: ['docker-v2-format'],
    group: RESULT,
    help: 'turn Docker media types into OCI ones',
  },
  {
    name: 'with-referrer',
    type: 'boolean',
    env: 'WITH_REFERRER',
    group: RESULT,
    help: 'name the source manifest as the subject of the Nydus manifest, so that registries list it there; implies --oci',
  },
  {
    name: 'reverse',
    type: 'boolean',
    env: 'REVERSE',
    group: RESULT,
    help: 'convert a Nydus image back to an ordinary one; the same as nydusify reverse',
  },
  {
    name: 'docker-v2-format',
    type: 'boolean',
    overrules: ['oci'],
    group: RESULT,
    hidden: true,
    help: 'deprecated: keep Docker media types',
  },
  ...FORMAT_FLAGS,
  ...PREFETCH_FLAGS,
  ...CHUNK_DICT_FLAGS,
  ...REFERRING_FLAGS,
  TAR_RECIPE_FLAG,
  ...REVERSE_OWN_FLAGS,
  ...REGISTRY_FLAGS,
  {
    name: 'push-retry-count',
    type: 'string',
    value: 'n',
    env: 'PUSH_RETRY_COUNT',
    group: REGISTRY,
    help: 'attempts in all for each request to the target; default: five, ever further apart',
  },
  {
    name: 'push-retry-delay',
    type: 'string',
    value: 'time',
    env: 'PUSH_RETRY_DELAY',
    group: REGISTRY,
    help: 'pause between those attempts, always the same; 5s when only a count is given',
  },
  {
    name: 'push-chunk-size',
    type: 'string',
    value: 'size',
    default: '0MB',
    env: 'PUSH_CHUNK_SIZE',
    group: REGISTRY,
    help: 'push blobs in chunks of this size, for registries or proxies that bound requests; 0: each blob whole',
  },
  {
    name: 'verify-present',
    type: 'boolean',
    group: REGISTRY,
    help: 'read and digest what the target says it has already, for registries that do not verify what is pushed',
  },
  ...backendFlags(
    '',
    'store blobs here and not in the registry, which gets manifest, config and bootstrap: oss, s3 or localfs',
  ),
  FORCE_PUSH,
  ...backendFlags('source-', 'with --reverse: where the blobs of the source are: oss, s3 or localfs'),
  ...CACHE_FLAGS,
  ...LIMIT_FLAGS,
  {
    name: 'work-dir',
    type: 'string',
    value: 'folder',
    env: 'WORK_DIR',
    group: MACHINE,
    help: 'for temporary files; made if absent, and then removed. What was in it stays; default: the temporary folder of the system ($TMPDIR)',
  },
  {
    name: 'concurrency',
    type: 'string',
    value: 'n',
    default: String(DEFAULT_CONCURRENCY),
    group: MACHINE,
    help: 'layers in flight; 3, or as many as cores',
  },
  {
    name: 'threads',
    type: 'string',
    value: 'n',
    group: MACHINE,
    help: 'compression threads; default: one a core',
  },
  {
    name: 'progress',
    type: 'string',
    value: 'how',
    choices: PROGRESS_FORMS,
    default: 'auto',
    group: OUTPUT,
    help: alternatives(PROGRESS_FORMS),
  },
  {
    name: 'output-json',
    type: 'string',
    value: 'file',
    env: 'OUTPUT_JSON',
    group: OUTPUT,
    help: 'write sizes (bytes) and times (nanoseconds) as JSON',
  },
  {
    name: 'digest-file',
    type: 'string',
    value: 'file',
    group: OUTPUT,
    help: 'write the digest of what was pushed, with no end of line behind it; a run that fails leaves the file as it was',
  },
  {
    name: 'image-file',
    type: 'string',
    value: 'file',
    group: OUTPUT,
    help: 'write what to deploy, such as host/app@sha256:…, in the same way',
  },
  {
    name: 'metadata-file',
    type: 'string',
    value: 'file',
    group: OUTPUT,
    help: 'write image.name, containerimage.digest and containerimage.descriptor as JSON, as docker buildx build does',
  },
  {
    name: 'hook',
    type: 'string',
    value: 'file',
    group: OUTPUT,
    help: 'call a module (.mjs) or program before manifests are pushed, and after: beforePushManifest, afterPushManifest',
  },
  { name: 'json', type: 'boolean', group: OUTPUT, help: 'print the result as JSON' },
  {
    name: 'nydus-image',
    type: 'string',
    value: 'file',
    env: 'NYDUS_IMAGE',
    group: ACCEPTED,
    hidden: true,
    help: 'no second binary is needed',
  },
  ALIGNED_CHUNK,
];

/** Every flag of upstream that is refused. */
export const LATER_FLAGS: readonly LaterFlag[] = LATER_FORMAT_FLAGS;

export const PLAN_FLAGS: readonly Flag[] = [
  ...CONVERT_FLAGS,
  {
    name: 'sample',
    type: 'string',
    value: 'size',
    group: RESULT,
    help: 'read layers of about this many compressed bytes, such as 64M, and measure what other formats would cost or save',
  },
  ...LATER_FLAGS,
];

export const REVERSE_FLAGS: readonly Flag[] = reverseFlagsOf(CONVERT_FLAGS);

/** Flags of a conversion that another command has, too, with the same meaning. */
export function ofConvert(...names: readonly string[]): readonly Flag[] {
  return CONVERT_FLAGS.filter(({ name }) => names.includes(name));
}
