/** The flags for chunks that stay in their layers, and what does not go together with them. */
import type { FormatOptions } from '../../convert/format.js';
import { UsageError } from '../../errors.js';
import { FORMAT_DEFAULTS } from '../../native/formats.js';
import { parseByteSize } from './byte-size.js';
import type { Flag, FlagValues } from './flags.js';

const GROUP = 'Result:';

export const REFERRING_FLAGS: readonly Flag[] = [
  {
    name: 'oci-ref',
    type: 'boolean',
    words: { strict: 'oci-ref-strict' },
    env: 'OCI_REF',
    group: GROUP,
    help: 'leave chunks in the original layers and store only where they are; layers for which that is impossible are stored, or refused with --oci-ref=strict',
  },
  {
    name: 'oci-ref-strict',
    type: 'boolean',
    group: GROUP,
    hidden: true,
    help: 'fail at a layer that chunks cannot stay in',
  },
  {
    name: 'zran-span',
    type: 'string',
    value: 'bytes',
    default: `0x${FORMAT_DEFAULTS.zranSpan.toString(16)}`,
    group: GROUP,
    help: 'with --oci-ref: how much of a gzip layer a reader decodes for one chunk; less reads faster and stores more',
  },
  {
    name: 'zran-compat',
    type: 'boolean',
    group: GROUP,
    help: 'with --oci-ref: byte for byte what upstream stores, with its size and its faults',
  },
];

/** True if chunks shall stay in their layers. */
export function refers(flags: FlagValues): boolean {
  return flags.isOn('oci-ref') || flags.isOn('oci-ref-strict');
}

/** A reader decodes at most 16 MiB for one chunk, of which a block takes some. */
const MAX_REFERRED_CHUNK = 4 << 20;

/** Flags that conflict with any value, and why. */
const CONFLICTING = {
  'chunk-dict': 'chunks of a dictionary lie in blobs',
  'backend-type': 'readers look for the original layers where the blobs are',
} as const;

/** Throws UsageError. */
export function referringOf(
  flags: FlagValues,
  format: Pick<FormatOptions, 'fsVersion' | 'chunkSize' | 'batchSize'>,
): Pick<FormatOptions, 'ociRef' | 'zranSpan'> {
  const zranSpan = parseByteSize('zran-span', flags.text('zran-span') ?? '');
  if (!refers(flags)) {
    const idle = ['zran-compat', 'zran-span'].find((name) => flags.isGiven(name) && !flags.isFromFile(name));
    if (idle !== undefined) throw new UsageError(`--${idle} has no effect without --oci-ref`);
    return { ociRef: 'off', zranSpan };
  }
  const conflict = (name: string, reason: string): UsageError =>
    new UsageError(`--oci-ref conflicts with --${name}: ${reason}`, {
      hint: `leave out one of --oci-ref and --${name.split(' ')[0] ?? name}`,
    });
  // Upstream forces version 6, with a warning; a version that was asked for is not changed here.
  if (format.fsVersion === 5) throw conflict('fs-version 5', 'only RAFS v6 refers to layers');
  if (format.chunkSize > MAX_REFERRED_CHUNK)
    throw conflict(`fs-chunk-size ${format.chunkSize}`, 'at most 4 MiB can be read from a layer');
  if (format.batchSize !== 0)
    throw conflict(`batch-size ${format.batchSize}`, 'chunks that stay are not compressed again');
  if (flags.text('dedup') === 'image' && flags.isOn('zran-compat'))
    throw new UsageError('--zran-compat conflicts with --dedup image: upstream has no such images', {
      hint: 'leave out one of --zran-compat and --dedup',
    });
  if (flags.isOn('docker-v2-format'))
    throw conflict('docker-v2-format', 'the manifest keeps the original as its subject, as only OCI has it');
  if (flags.isOn('build-cache-trust-unkeyed'))
    throw conflict('build-cache-trust-unkeyed', 'records without a key are of blobs that hold their chunks');
  for (const [name, reason] of Object.entries(CONFLICTING))
    if (flags.text(name) !== undefined) throw conflict(name, reason);
  return { ociRef: flags.isOn('zran-compat') ? 'upstream' : 'zran', zranSpan };
}
