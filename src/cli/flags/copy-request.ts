/** Turns the flags of `copy` into a request. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CopyOptions } from '../../copy/copy.js';
import { UsageError } from '../../errors.js';
import { COPY_CONCURRENCY } from '../../io/concurrency.js';
import type { Limits } from '../../limits.js';
import { allPlatforms, parsePlatforms, type PlatformSelection } from '../../oci/platform.js';
import type { Reference } from '../../oci/reference.js';
import { type Location, parseLocation } from '../../registry/location.js';
import { parseByteSize } from './byte-size.js';
import { connectionsFor, transfersFor } from './connections.js';
import { LATER_COPY_FLAGS } from './copy.js';
import { type FlagValues, requireFlags } from './flags.js';
import { imageWord } from './image-word.js';
import { refuseLater } from './later.js';
import { limitsOf } from './limits.js';
import type { UnopenedArchive } from './locations.js';
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
  notes.push(...refuseLater(flags, LATER_COPY_FLAGS));
  if (flags.isGiven('nydus-image')) notes.push('--nydus-image has no effect: no second binary is needed');
  const source = sourceOf(from ?? '');
  const transfer = transferOptions(flags);
  const concurrency = transfersFor(flags.number('concurrency') ?? COPY_CONCURRENCY, transfer.connections);
  return {
    source,
    target: targetOf(to ?? '', source),
    imageName: source.kind === 'registry' ? source.reference : undefined,
    options: { platforms: platformsOf(flags), referrers: flags.isOn('referrers'), concurrency },
    registries: { source: registryFlags(flags, 'source'), target: registryFlags(flags, 'target') },
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

/** The path behind upstream's `file://`; undefined for other text. */
function filePath(text: string): string | undefined {
  const path = /^file:\/\/(.*)$/s.exec(text)?.[1];
  if (path === '') throw new UsageError('"file://" names no file');
  return path === undefined ? undefined : resolve(path);
}

/** A folder is an OCI layout. The content of a file says which kind of archive it is. */
function sourceOf(text: string): Location | UnopenedArchive {
  const path = filePath(text);
  if (path === undefined) return parseLocation(text);
  return isFolder(path) ? { kind: 'oci', path } : { kind: 'archive', path };
}

/** In a file the image is named as in the source. */
function targetOf(text: string, source: Location | UnopenedArchive): Location {
  const path = filePath(text);
  if (path === undefined) return parseLocation(text);
  const name =
    source.kind === 'registry' ? source.reference.tag : source.kind === 'archive' ? undefined : source.name;
  const kind = isFolder(path) ? 'oci' : 'oci-archive';
  return { kind, path, ...(name === undefined || name.startsWith('@') ? {} : { name }) };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
