/** Turns the flags of `copy` into a request. */
import type { CopyOptions } from '../../copy/copy.js';
import { COPY_CONCURRENCY } from '../../io/concurrency.js';
import type { Limits } from '../../limits.js';
import { allPlatforms, parsePlatforms, type PlatformSelection } from '../../oci/platform.js';
import type { Reference } from '../../oci/reference.js';
import type { Location } from '../../registry/location.js';
import { type BackendPlace, backendOf, idleBackendNotes } from './backend.js';
import { parseByteSize } from './byte-size.js';
import { connectionsFor, transfersFor } from './connections.js';
import { type FlagValues, requireFlags } from './flags.js';
import { secondBinaryNotes } from './later.js';
import { imageWord } from './image-word.js';
import { limitsOf } from './limits.js';
import { sourceOf, targetOf, type UnopenedArchive } from './locations.js';
import { machineArchitecture } from './machine.js';
import { type PushRetry, pushRetryOf } from './push-retry.js';
import { registryFlags, type RegistryFlags, transferOptions } from './registry.js';

/** One copy as the command line asks for it. */
export interface CopyRequest {
  readonly source: Location | UnopenedArchive;
  readonly target: Location;
  /** The full name of the image in a target that is an archive. */
  readonly imageName: Reference | undefined;
  readonly options: CopyOptions;
  /** Where the blobs of the source lie, if its registry does not have them. */
  readonly backend: BackendPlace | undefined;
  readonly registries: Readonly<Record<'source' | 'target', RegistryFlags>>;
  readonly pushRetry: PushRetry | undefined;
  /** Bytes of a chunk; 0 sends blobs whole. */
  readonly pushChunkSize: number;
  readonly transfer: ReturnType<typeof transferOptions>;
  readonly limits: Partial<Limits>;
  readonly verify: 'no' | 'after' | 'only';
  /** Notes to print before the work starts. */
  readonly notes: readonly string[];
}

/** Throws UsageError and InvalidReferenceError. */
export function copyRequest(flags: FlagValues, words: readonly (string | undefined)[]): CopyRequest {
  const notes: string[] = [];
  const from = imageWord(flags, 'source', words[0], notes);
  const to = imageWord(flags, 'target', words[1], notes);
  const missing = [...(from === undefined ? ['source'] : []), ...(to === undefined ? ['target'] : [])];
  requireFlags(missing);
  const backend = backendOf(flags, 'source-');
  notes.push(...idleBackendNotes(flags, 'source-'));
  notes.push(...secondBinaryNotes(flags));
  const source = sourceOf(from ?? '');
  const transfer = transferOptions(flags);
  const concurrency = transfersFor(flags.number('concurrency') ?? COPY_CONCURRENCY, transfer.connections);
  return {
    source,
    target: targetOf(to ?? '', source),
    imageName: source.kind === 'registry' ? source.reference : undefined,
    options: { platforms: platformsOf(flags), referrers: flags.isOn('referrers'), concurrency },
    registries: { source: registryFlags(flags, 'source'), target: registryFlags(flags, 'target') },
    backend,
    pushRetry: pushRetryOf(flags),
    pushChunkSize: parseByteSize('push-chunk-size', flags.text('push-chunk-size') ?? '0'),
    limits: limitsOf(flags),
    transfer: { ...transfer, connections: connectionsFor(concurrency, transfer.connections) },
    verify: flags.isOn('verify-only') ? 'only' : flags.isOn('verify') ? 'after' : 'no',
    notes,
  };
}

/** All entries by default, so that the copy is the source; upstream copies those for its own machine. */
function platformsOf(flags: FlagValues): PlatformSelection {
  const text = flags.text('platform');
  if (flags.isOn('all-platforms') || text === undefined) return allPlatforms;
  return parsePlatforms(text, machineArchitecture());
}
