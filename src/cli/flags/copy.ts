/** The flags of `copy`, after upstream's. */
import { COPY_CONCURRENCY } from '../../io/concurrency.js';
import { ofConvert } from './convert.js';
import type { Flag } from './flags.js';
import { backendFlags } from './backend.js';
import { LIMIT_FLAGS } from './limits.js';
import { REGISTRY_FLAGS } from './registry.js';

const IMAGES = 'Images:';
const CHOICE = 'What is copied:';
const MACHINE = 'Work:';

export const COPY_FLAGS: readonly Flag[] = [
  { name: 'source', type: 'string', value: 'image', env: 'SOURCE', group: IMAGES, help: 'image to copy' },
  { name: 'target', type: 'string', value: 'image', env: 'TARGET', group: IMAGES, help: 'where it goes' },
  {
    name: 'all-platforms',
    type: 'boolean',
    overrules: ['platform'],
    group: CHOICE,
    help: 'every entry of an index, which is the default: the copy has the digest of the source',
  },
  {
    name: 'platform',
    type: 'string',
    value: 'list',
    overrules: ['all-platforms'],
    group: CHOICE,
    help: 'only the images for os/arch[/variant], or for a comma list of them; one alone becomes a manifest',
  },
  {
    name: 'referrers',
    type: 'boolean',
    group: CHOICE,
    help: 'also what refers to the image and its manifests, such as signatures, attestations and Nydus images',
  },
  {
    name: 'verify',
    type: 'boolean',
    group: CHOICE,
    help: 'read the copy again and compare every descriptor; exit 1 when one differs',
  },
  {
    name: 'verify-only',
    type: 'boolean',
    overrules: ['verify'],
    group: CHOICE,
    help: 'copy nothing, and compare what is there, whichever tool has copied it',
  },
  ...REGISTRY_FLAGS,
  ...ofConvert('push-retry-count', 'push-retry-delay', 'push-chunk-size', 'verify-present'),
  ...LIMIT_FLAGS,
  {
    name: 'work-dir',
    type: 'string',
    value: 'folder',
    env: 'WORK_DIR',
    group: MACHINE,
    help: 'for archives that are unpacked or written; nothing else is stored. Default: beside the archive',
  },
  {
    name: 'concurrency',
    type: 'string',
    value: 'n',
    default: String(COPY_CONCURRENCY),
    group: MACHINE,
    help: 'blobs in flight',
  },
  ...ofConvert('progress', 'digest-file', 'image-file', 'json', 'nydus-image'),
  ...backendFlags(
    'source-',
    'where the blobs of the source are; the copy has them in its registry: oss, s3 or localfs',
  ),
];
