/** The flags of `check`, after upstream's. */
import { alternatives } from './choices.js';
import type { Severity } from '../../check/finding.js';
import type { Flag } from './flags.js';
import { OUTPUT } from './global.js';
import { backendFlags } from './backend.js';
import { LIMIT_FLAGS } from './limits.js';
import { REGISTRY_FLAGS } from './registry.js';

/** Upstream's default for the files that `check` keeps; scripts read the bootstrap from there next. */
export const UPSTREAM_FOLDER = './output';

/** The most severe first. */
export const SEVERITIES = ['error', 'warning', 'note'] as const satisfies readonly Severity[];
/** The reports that `--report` writes. */
export const REPORT_FORMATS = ['json', 'html', 'markdown', 'junit'] as const;

const IMAGES = 'Images:';
const ACCEPTED = 'Accepted without effect:';

const BACKEND_FLAGS: readonly Flag[] = [
  ...backendFlags('source-', 'where the blobs of the source are: oss, s3 or localfs'),
  ...backendFlags('target-', 'where the blobs of the target are: oss, s3 or localfs'),
];

/** Flags that upstream needs; here they are accepted and have no effect. */
export const ACCEPTED_FLAGS: readonly (Flag & { readonly note: string })[] = [
  {
    name: 'multi-platform',
    type: 'boolean',
    env: 'MULTI_PLATFORM',
    group: ACCEPTED,
    help: 'every platform is checked anyway',
    note: 'every platform of the target is checked anyway',
  },
  {
    name: 'nydus-image',
    type: 'string',
    value: 'file',
    env: 'NYDUS_IMAGE',
    group: ACCEPTED,
    help: 'no second binary is needed',
    note: 'no second binary is needed',
  },
  {
    name: 'nydusd',
    type: 'string',
    value: 'file',
    env: 'NYDUSD',
    group: ACCEPTED,
    help: 'nothing is mounted',
    note: 'nothing is mounted',
  },
];

/** All flags of `check`, in the order of its help. */
export const CHECK_FLAGS: readonly Flag[] = [
  {
    name: 'target',
    type: 'string',
    value: 'image',
    env: 'TARGET',
    group: IMAGES,
    help: 'Nydus image to check',
  },
  {
    name: 'source',
    type: 'string',
    value: 'image',
    env: 'SOURCE',
    group: IMAGES,
    help: 'image that it was made from: every file is compared',
  },
  {
    name: 'sample',
    type: 'string',
    value: 'percent',
    group: IMAGES,
    help: 'read only so much of the chunk data, always the same pieces: a quick look, as in --sample 5%',
  },
  {
    name: 'platform',
    type: 'string',
    value: 'list',
    group: IMAGES,
    help: 'os/arch[/variant], or a comma list of them; default: every platform of the target',
  },
  {
    name: 'allow-missing-platforms',
    type: 'boolean',
    group: IMAGES,
    help: 'go on when the target lacks some of the platforms; without it that is a fault',
  },
  {
    name: 'bootstrap-only',
    type: 'boolean',
    group: IMAGES,
    help: 'read no chunk data: manifests, bootstraps and, by range, what blobs say of themselves',
  },
  {
    name: 'all-content',
    type: 'boolean',
    group: IMAGES,
    help: 'read the layers of the OCI half in a registry too, which verified them when they were pushed',
  },
  ...REGISTRY_FLAGS,
  ...LIMIT_FLAGS,
  {
    name: 'clients',
    type: 'boolean',
    group: OUTPUT,
    help: 'show what each client makes of the target: nydus-snapshotter, containerd, Docker, podman, skopeo, crane, regctl, oras',
  },
  {
    name: 'report',
    type: 'string',
    value: 'format> <file',
    choices: REPORT_FORMATS,
    pair: true,
    group: OUTPUT,
    help: `write a report, ${alternatives(REPORT_FORMATS)}, to a file (- is standard output), also as FORMAT=FILE; may be given several times; there is one too when nothing can be read; to $GITHUB_STEP_SUMMARY it is appended`,
  },
  {
    name: 'fail-on',
    type: 'string',
    value: 'severity',
    choices: SEVERITIES,
    default: 'error',
    group: OUTPUT,
    help: `the least severity of a finding that makes the exit code 1: ${alternatives(SEVERITIES)}`,
  },
  { name: 'json', type: 'boolean', group: OUTPUT, help: 'print the result as JSON' },
  {
    name: 'work-dir',
    type: 'string',
    value: 'folder',
    env: 'WORK_DIR',
    group: OUTPUT,
    help: `write manifests, configs and unpacked bootstraps there; what was in it stays; default: ${UPSTREAM_FOLDER} when images are named by flags, as upstream does, and nowhere when they are words`,
  },
  {
    name: 'threads',
    type: 'string',
    value: 'n',
    group: OUTPUT,
    help: 'threads that decode; default: one a core',
  },
  ...ACCEPTED_FLAGS,
  ...BACKEND_FLAGS,
];
