/** Turns the flags of `convert` into a request. Order and texts of the validation are upstream's. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { UsageError } from '../../errors.js';
import type { ConvertOptions } from '../../convert/options.js';
import { DEFAULT_CONCURRENCY } from '../../io/concurrency.js';
import type { Limits } from '../../limits.js';
import { allPlatforms, parsePlatforms, type PlatformSelection } from '../../oci/platform.js';
import { formatReference, parseReference, type Reference, withTag } from '../../oci/reference.js';
import { formatLocation, type Location, parseLocation } from '../../registry/location.js';
import { parseByteSize } from './byte-size.js';
import { type BackendPlace, backendOf, FORCE_PUSH, idleBackendNotes } from './backend.js';
import { cacheRequest, type CacheRequest } from './cache.js';
import { connectionsFor, transfersFor } from './connections.js';
import { chunkDictOf, type DictionaryPlace } from './chunk-dict.js';
import { INDEX_MARKS, ISOLATIONS, LATER_FLAGS, PROGRESS_FORMS } from './convert.js';
import { type FlagValues, requireFlags } from './flags.js';
import { imageWord } from './image-word.js';
import { formatNotes, formatOptionsOf } from './format.js';
import { refuseLater, secondBinaryNotes } from './later.js';
import { limitsOf } from './limits.js';
import { sourceOf, targetOf as namedTarget, type UnopenedArchive } from './locations.js';
import { hostPlatform, machineArchitecture } from './machine.js';
import { type ListFiles, prefetchOf } from './prefetch-list.js';
import { type PushRetry, pushRetryOf } from './push-retry.js';
import { allowedHosts, registryFlags, type RegistryFlags, transferOptions } from './registry.js';
import { keepsTarRecipe } from './tar-recipe.js';

export type ProgressMode = 'auto' | 'tty' | 'plain' | 'json' | 'none';

/** One conversion as the command line asks for it. */
export interface ConvertRequest {
  readonly source: Location | UnopenedArchive;
  readonly target: Location;
  /** The full name of the image in a target that is an archive. */
  readonly imageName: Reference | undefined;
  readonly registries: Readonly<Record<'source' | 'target' | 'dictionary', RegistryFlags>>;
  readonly dictionary: DictionaryPlace | undefined;
  readonly cache: CacheRequest | undefined;
  /** Where blobs lie that are not in the registries. */
  readonly backends: Readonly<Record<'source' | 'target', BackendPlace | undefined>>;
  /** Send blobs that the target's backend has, too. */
  readonly backendForce: boolean;
  readonly pushRetry: PushRetry | undefined;
  /** Bytes of a chunk; 0 sends blobs whole. */
  readonly pushChunkSize: number;
  /** Read what the target says it has already. */
  readonly verifyPresent: boolean;
  readonly transfer: ReturnType<typeof transferOptions>;
  /** What the image may take. */
  readonly limits: Partial<Limits>;
  readonly outputJson: string | undefined;
  readonly digestFile: string | undefined;
  readonly imageFile: string | undefined;
  readonly metadataFile: string | undefined;
  /** Print the result as a JSON document. */
  readonly json: boolean;
  readonly progress: ProgressMode;
  /** The module or program of hooks. */
  readonly hook: string | undefined;
  /** Notes to print before the work starts. */
  readonly notes: readonly string[];
  readonly options: Partial<ConvertOptions>;
}

/** The questions that the validation asks about files. */
export interface FileChecks extends ListFiles {
  /** The error's text, or undefined when the path can be had. */
  fileProblem(path: string): string | undefined;
  parentProblem(path: string): string | undefined;
}

/** Throws UsageError and InvalidReferenceError. */
export function convertRequest(
  flags: FlagValues,
  positional: readonly (string | undefined)[],
  files: FileChecks,
): ConvertRequest {
  const notes: string[] = [];
  const source = imageWord(flags, 'source', positional[0], notes);
  if (source === undefined) requireFlags(['source']);
  const sourceArchive = flags.text('source-archive');
  const targetArchive = flags.text('target-archive');
  const sourceProblem = sourceArchive === undefined ? undefined : files.fileProblem(sourceArchive);
  if (sourceProblem !== undefined) throw new UsageError(`source archive not accessible: ${sourceProblem}`);
  const targetProblem = targetArchive === undefined ? undefined : files.parentProblem(targetArchive);
  if (targetProblem !== undefined)
    throw new UsageError(`target archive directory not accessible: ${targetProblem}`);
  const target = targetOf(flags, source ?? '', positional[1], notes);
  const backends = { source: sourceBackendOf(flags), target: backendOf(flags, '') };
  notes.push(...idleBackendNotes(flags, 'source-'), ...idleBackendNotes(flags, ''));
  notes.push(...refuseLater(flags, LATER_FLAGS));
  const prefetch = prefetchOf(flags, files);
  notes.push(...prefetch.notes);
  // A command that writes no Nydus image declares no flag of the format.
  const format = flags.originOf('fs-chunk-size') === undefined ? {} : formatOptionsOf(flags);
  notes.push(...formatNotes(flags, format));
  notes.push(...secondBinaryNotes(flags));
  if (flags.isOn('docker-v2-format')) {
    notes.push('--docker-v2-format is deprecated: Docker media types are kept unless --oci is given');
  }
  const dictionary = chunkDictOf(flags);
  if (dictionary === undefined && flags.isOn('chunk-dict-insecure'))
    notes.push('--chunk-dict-insecure has no effect without --chunk-dict');
  const targetRegistry = registryFlags(flags, 'target');
  const from: Location | UnopenedArchive =
    sourceArchive === undefined ? sourceOf(source ?? '') : { kind: 'archive', path: resolve(sourceArchive) };
  const to = typeof target === 'string' ? namedTarget(target, from) : target;
  const cache = cacheRequest(flags, to, targetRegistry, notes);
  const keepTarRecipe = keepsTarRecipe(flags);
  if (keepTarRecipe && cache !== undefined)
    notes.push(
      'the build cache is written and not read: --keep-tar-recipe makes recipes of the layers themselves',
    );
  const transfer = transferOptions(flags);
  const concurrency = transfersFor(flags.number('concurrency') ?? DEFAULT_CONCURRENCY, transfer.connections);
  const options: Partial<ConvertOptions> = withoutAbsent({
    platforms: platformsOf(flags),
    allowMissingPlatforms: flags.isOn('allow-missing-platforms'),
    mergePlatform: flags.isOn('merge-platform'),
    mergeIntoTarget: flags.isOn('merge-into-target'),
    indexMarks: flags.oneOf('index-marks', INDEX_MARKS),
    mergeIsolation: flags.oneOf('merge-isolation', ISOLATIONS),
    keepAttestations: flags.choice('keep-attestations'),
    // The deprecated flag switches `--oci` off, as it does upstream.
    oci: flags.isOn('oci') && !flags.isOn('docker-v2-format'),
    withReferrer: flags.isOn('with-referrer'),
    ...format,
    prefetch: prefetch.patterns,
    ociRefStrict: flags.isOn('oci-ref-strict'),
    keepTarRecipe,
    concurrency,
    threads: flags.number('threads') ?? availableParallelism(),
    workDir: flags.text('work-dir'),
    sourceLocation: sourceArchive === undefined ? undefined : parseLocation(source ?? ''),
    allowedHosts: allowedHosts(flags),
  });
  return {
    source: from,
    target: targetArchive === undefined ? to : inArchive(targetArchive, to),
    imageName: imageNameOf(to),
    registries: {
      source: registryFlags(flags, 'source'),
      target: targetRegistry,
      dictionary: registryFlags(flags, 'chunk-dict'),
    },
    dictionary,
    cache,
    backends,
    backendForce: flags.isOn(FORCE_PUSH.name),
    pushRetry: pushRetryOf(flags),
    pushChunkSize: parseByteSize('push-chunk-size', flags.text('push-chunk-size') ?? '0'),
    verifyPresent: flags.isOn('verify-present'),
    transfer: { ...transfer, connections: connectionsFor(concurrency, transfer.connections) },
    limits: limitsOf(flags),
    outputJson: flags.text('output-json'),
    digestFile: flags.text('digest-file'),
    imageFile: flags.text('image-file'),
    metadataFile: flags.text('metadata-file'),
    hook: flags.text('hook'),
    json: flags.isOn('json'),
    progress: flags.oneOf('progress', PROGRESS_FORMS) ?? 'auto',
    notes,
    options,
  };
}

/** Upstream reads models with these two words, which nothing here does. Its variable names the backends of both sides at once. */
const MODEL_SOURCES: ReadonlySet<string | undefined> = new Set(['modelfile', 'model-artifact']);

function sourceBackendOf(flags: FlagValues): BackendPlace | undefined {
  if (MODEL_SOURCES.has(flags.text('source-backend-type')))
    throw new UsageError('--source-backend-type: models are not converted', {
      hint: "upstream's converter takes them; leave the flag out to convert an image",
    });
  return backendOf(flags, 'source-');
}

/** Text is parsed by the caller, when all flags have been found to be right. */
function targetOf(
  flags: FlagValues,
  source: string,
  positional: string | undefined,
  notes: string[],
): string | Location {
  const target = imageWord(flags, 'target', positional, notes);
  const suffix =
    positional !== undefined && flags.isFromFile('target-suffix') ? undefined : flags.text('target-suffix');
  const variable = flags.variableOf('target-suffix');
  if (positional !== undefined && variable !== undefined) {
    notes.push(`the target is "${positional}"; the suffix of $${variable} is not used`);
    return positional;
  }
  if (target !== undefined && suffix !== undefined) {
    throw new UsageError('--target conflicts with --target-suffix');
  }
  if (target !== undefined) return target;
  if (suffix === undefined) {
    throw new UsageError('--target or --target-suffix is required', {
      hint: 'nydusify convert SOURCE TARGET',
    });
  }
  const location = parseLocation(source);
  if (location.kind !== 'registry') return inFolder(location, suffix);
  const { reference } = location;
  if (reference.digest !== undefined) {
    throw new UsageError(`unsupported digested image reference: ${formatReference(reference)}`, {
      hint: 'a suffix goes behind a tag; name the target with --target',
    });
  }
  return { kind: 'registry', reference: withTag(reference, `${reference.tag ?? ''}${suffix}`) };
}

/** The result goes into the folder of the source. An archive is written whole, so it would replace the source. */
function inFolder(source: Exclude<Location, { readonly kind: 'registry' }>, suffix: string): Location {
  const { kind, path, name, digest } = source;
  if (kind !== 'oci' || name === undefined || digest !== undefined) {
    throw new UsageError(`${formatLocation(source)} has no tag in a folder that a suffix could go behind`, {
      hint: 'name the target with --target',
    });
  }
  return { kind, path, name: `${name}${suffix}` };
}

/** `--target-archive` writes an OCI archive, in which a name is the tag alone. */
function inArchive(path: string, target: Location): Location {
  const name = target.kind === 'registry' ? target.reference.tag : target.name;
  return { kind: 'oci-archive', path: resolve(path), ...(name === undefined ? {} : { name }) };
}

/** The name of an image in an archive is a reference if it says more than a tag. */
function imageNameOf(target: Location): Reference | undefined {
  if (target.kind === 'registry') return target.reference;
  return target.name !== undefined && /[/:]/.test(target.name) ? parseReference(target.name) : undefined;
}

/** `--all-platforms` wins over `--platform`, as it does upstream. */
function platformsOf(flags: FlagValues): PlatformSelection {
  if (flags.isOn('all-platforms')) return allPlatforms;
  const text = flags.text('platform');
  if (text !== undefined) return parsePlatforms(text, machineArchitecture());
  return { kind: 'list', platforms: [hostPlatform()] };
}

function withoutAbsent<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [K in keyof T]?: Exclude<T[K], undefined> }; // the same keys, less those just dropped
}
