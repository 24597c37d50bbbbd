/** One attempt of a conversion: the source tag is resolved now, and again before the target's tag is set. */
import { convertImage, type ConvertResult } from '../../convert/convert.js';
import type { ConvertOptions } from '../../convert/options.js';
import { NydusError } from '../../errors.js';
import { openBudget } from '../../native/budget.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { allPlatforms, parsePlatforms } from '../../oci/platform.js';
import { parseReference, type Reference } from '../../oci/reference.js';
import { type OpenOptions, openSource, openTarget } from '../../registry/open.js';
import type { ImageSource, ImageTarget } from '../../registry/stores/store.js';
import type { CallOptions } from '../../reporter.js';
import { driverSettings } from '../config/driver.js';
import { type OpenSpan, startSpan, traced } from '../tracing.js';
import { openOptionsFor } from './access.js';
import { isMadeFrom, sourceDigests } from './freshness.js';
import { LayerSpans } from './layer-spans.js';
import type { ConversionRequest, JobAnswer } from './request.js';

/** A tag that moves more often than this during one attempt is left to the next one. */
const MAX_ROUNDS = 3;

/** The source's tag points to something else than it did when the round began. */
class SourceMovedError extends NydusError {
  readonly code = 'MOVED';
  readonly exitCode = 3;
}

/** Throws a NydusError, or the signal's reason once it has fired. `trace` is the span that the attempt belongs to. */
export async function attemptConversion(
  request: ConversionRequest,
  base: OpenOptions,
  call: CallOptions,
  trace?: string,
): Promise<JobAnswer> {
  for (let round = 1; ; round++) {
    try {
      return await convertAsItIs(request, base, call, trace);
    } catch (error) {
      if (!(error instanceof SourceMovedError) || round === MAX_ROUNDS) throw error;
      call.reporter?.emit({ type: 'step', message: `${request.source} was pushed again: starting over` });
    }
  }
}

async function convertAsItIs(
  request: ConversionRequest,
  base: OpenOptions,
  given: CallOptions,
  trace: string | undefined,
): Promise<JobAnswer> {
  const call: CallOptions = { ...given, budget: openBudget() };
  const source = parseReference(request.source);
  const target = parseReference(request.target);
  const open = (image: Reference): OpenOptions => ({
    ...openOptionsFor(request.access, image, base),
    workDir: request.workDir,
  });
  await using tagged = openSource({ kind: 'registry', reference: source }, open(source));
  const root = await traced({ name: 'resolve source', parent: trace }, () => tagged.resolve(call));
  const pinned: Reference = {
    registry: source.registry,
    repository: source.repository,
    digest: root.digest,
  };
  const options = optionsOf(request, source);
  await using pinnedSource = openSource({ kind: 'registry', reference: pinned }, open(source));
  const { dictionary: dictionaryName, backend } = driverOf(request);
  await using opened = await openBacked(target, backend, open(target));
  if (!request.force) {
    await using present = openSource({ kind: 'registry', reference: target }, open(target));
    const reason = await reasonToSkip(pinnedSource, root, present, options, call);
    if (reason !== undefined) return { kind: 'skipped', reason, result: { sourceDigest: root.digest } };
  }
  await using dictionary =
    dictionaryName === undefined
      ? undefined
      : openSource(dictionaryName, open(parseReference(dictionaryName)));
  await using cache =
    request.cache === '' ? undefined : openTarget(request.cache, open(parseReference(request.cache)));
  const convert = async (span: OpenSpan): Promise<ConvertResult> => {
    using layers = new LayerSpans(call.reporter, span.trace);
    let tagging: OpenSpan | undefined;
    try {
      return await convertImage(
        {
          source: pinnedSource,
          target: opened,
          cache:
            cache === undefined
              ? undefined
              : {
                  store: cache,
                  maxRecords: request.cacheSize,
                  version: request.cacheVersion === '' ? undefined : request.cacheVersion,
                },
          beforeTag: async (now) => {
            const { digest } = await tagged.resolve(now);
            if (digest !== root.digest)
              throw new SourceMovedError(`${request.source} moved to ${digest} during its conversion`);
            tagging = startSpan({ name: 'set tag', parent: span.trace });
          },
        },
        {
          ...options,
          ...(dictionary === undefined ? {} : { dictionary }),
          openOriginal: (location) =>
            openSource(location, location.kind === 'registry' ? open(location.reference) : {}),
        },
        { ...call, reporter: layers },
      );
    } finally {
      tagging?.end();
    }
  };
  return converted(root, await traced({ name: 'convert and push', parent: trace }, convert));
}

/** The target, whose blobs go to a storage backend where the driver's options say so. */
async function openBacked(
  target: Reference,
  backend: ReturnType<typeof driverSettings>['backend'],
  options: OpenOptions,
): Promise<ImageTarget> {
  const registry = openTarget({ kind: 'registry', reference: target }, options);
  if (backend === undefined) return registry;
  const [{ openBackend }, { withBackendTarget }] = await Promise.all([
    import('../../backend/open.js'),
    import('../../backend/stores.js'),
  ]);
  return withBackendTarget(
    registry,
    await openBackend(backend.config, { ...options, rate: undefined, connections: undefined }),
    {
      force: backend.isForced,
    },
  );
}

function driverOf({ driver }: ConversionRequest): ReturnType<typeof driverSettings> {
  // The service has refused a configuration with faults.
  return driverSettings(new Map(Object.entries(driver)), 'driver.config', { faults: [], warnings: [] });
}

function optionsOf(request: ConversionRequest, source: Reference): Partial<ConvertOptions> {
  const { options, workDir } = driverOf(request);
  return {
    ...options,
    platforms: request.platforms === '' ? allPlatforms : parsePlatforms(request.platforms),
    sourceLocation: { kind: 'registry', reference: source },
    workDir: workDir ?? request.workDir,
  };
}

/** Undefined when there is something to convert. */
async function reasonToSkip(
  source: ImageSource,
  root: Descriptor,
  target: ImageSource,
  { platforms = allPlatforms }: Partial<ConvertOptions>,
  call: CallOptions,
): Promise<string | undefined> {
  try {
    const there = await target.resolve(call);
    const wanted = await sourceDigests(source, root, platforms, call);
    return (await isMadeFrom(wanted, target, there, call))
      ? 'the target was made from this image already'
      : undefined;
  } catch (error) {
    call.signal?.throwIfAborted();
    // What is not there, or cannot be read, is made anew; what ails the source shows in the conversion.
    if (error instanceof NydusError) return undefined;
    throw error;
  }
}

function converted(root: Descriptor, result: ConvertResult): JobAnswer {
  const { cache } = result;
  return {
    kind: 'converted',
    result: {
      sourceDigest: root.digest,
      targetDigest: result.root.digest,
      sourceSize: result.sourceBytes,
      targetSize: result.targetBytes,
    },
    ...(cache === undefined ? {} : { cache: { hits: cache.hits, misses: cache.misses } }),
  };
}
