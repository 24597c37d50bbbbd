/** The flags of `commit`, after upstream's where it has them. */
import { MAXIMUM_TIMES } from '../../commit/options.js';
import { UsageError } from '../../errors.js';
import { ofConvert } from './convert.js';
import { endsFlags } from './ends.js';
import type { Flag, FlagValues } from './flags.js';

const IMAGES = 'Images:';
const RESULT = 'Result:';

/** These say where upstream finds a container. */
const CONTAINER_FLAGS: readonly Flag[] = [
  {
    name: 'container',
    type: 'string',
    value: 'id',
    env: 'CONTAINER',
    group: IMAGES,
    hidden: true,
    help: 'refused: nothing here speaks with containerd',
  },
  {
    name: 'containerd-address',
    type: 'string',
    value: 'file',
    env: 'CONTAINERD_ADDR',
    group: IMAGES,
    hidden: true,
    help: 'a part of --container',
  },
  {
    name: 'namespace',
    short: 'n',
    type: 'string',
    value: 'name',
    env: 'NAMESPACE',
    group: IMAGES,
    hidden: true,
    help: 'a part of --container',
  },
  {
    name: 'with-path',
    alias: 'with-mount-path',
    type: 'string',
    value: 'paths',
    env: 'WITH_PATH',
    group: IMAGES,
    hidden: true,
    help: 'a part of --container',
  },
];

export const COMMIT_FLAGS: readonly Flag[] = [
  {
    name: 'base',
    alias: 'source',
    type: 'string',
    value: 'image',
    env: 'SOURCE',
    group: IMAGES,
    help: 'Nydus image that the changes are put on, or a merged index',
  },
  {
    name: 'diff-tar',
    type: 'string',
    value: 'file',
    group: IMAGES,
    help: 'the changes: a tar, compressed or not, with whiteouts as layers, overlayfs or AUFS have them; - reads standard input',
  },
  {
    name: 'target',
    type: 'string',
    value: 'image',
    env: 'TARGET',
    group: IMAGES,
    help: 'where the result goes; it may be the base',
  },
  {
    name: 'platform',
    type: 'string',
    value: 'os/arch',
    group: IMAGES,
    help: "the image of an index that is meant; default: linux on this machine's architecture",
  },
  ...CONTAINER_FLAGS,
  {
    name: 'message',
    type: 'string',
    value: 'text',
    group: RESULT,
    help: 'a comment in the history of the image',
  },
  {
    name: 'author',
    type: 'string',
    value: 'name',
    group: RESULT,
    help: 'who made the changes, for the history',
  },
  {
    name: 'created',
    type: 'string',
    value: 'time',
    group: RESULT,
    help: 'when, as 2026-11-30T12:00:00Z, for config and history; without it the image does not depend on the time of the run',
  },
  {
    name: 'maximum-times',
    type: 'string',
    value: 'n',
    default: String(MAXIMUM_TIMES),
    env: 'MAXIMUM_TIMES',
    group: RESULT,
    help: 'refuse an image on which so many changes were put before; every one of them counts',
  },
  ...ofConvert('compressor', 'batch-size', 'dedup').map(ofNewBlob),
  ...endsFlags('where the blobs of the base are; the result has them in its registry: oss, s3 or localfs'),
];

/** The new blob is as those of the base unless something else is asked for. */
function ofNewBlob({ default: usual = '', ...flag }: Flag): Flag {
  const preset = flag.name === 'compressor' ? 'as in the base' : usual;
  return { ...flag, help: `${flag.help}; default: ${preset}` };
}

/** Notes about parts of what is not asked for. Throws UsageError for a container. */
export function refuseContainer(flags: FlagValues): readonly string[] {
  if (flags.text('container') !== undefined)
    throw new UsageError('--container is not supported: nothing here speaks with containerd', {
      hint: 'ctr snapshots diff writes the changes of a container as a tar; give it with --diff-tar',
    });
  return CONTAINER_FLAGS.filter(({ name }) => flags.isGiven(name) && flags.text(name) !== undefined).map(
    ({ name }) => `--${name} has no effect without --container`,
  );
}
