/**
 * This module replays nydus-snapshotter's index and referrer detection step by step, from the manifest that containerd
 * chose to the Nydus bootstrap that the snapshotter mounts instead, or to the step at which it gives up. It repeats the
 * faults of the original, which verifies no digest, looks at one candidate only, and panics at an entry without
 * platform. Source: nydus-snapshotter v0.16.1, pkg/index/detector.go, pkg/referrer/referrer.go,
 * pkg/remote/remotes/docker.
 */
import { inTurns } from '../turns.js';
import { ContentMismatchError, FormatError, RegistryError, UnsupportedError } from '../errors.js';
import type { ByteStream } from '../io/streams.js';
import { marksOf } from '../image/kinds.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type Digest, isDigest } from '../oci/digest.js';
import { ANNOTATION } from '../oci/media-types.js';
import { listReferrers } from '../registry/stores/store.js';
import type { ImageSource, ReferrerList } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { matches, type PlatformMatcher } from './client-platforms.js';
import { decodeIndex, decodeManifest, GoJsonError, type GoDescriptor, type GoPlatform } from './go-json.js';

/**
 * `index` is `enable_index_detect` and `referrer` is `enable_referrer_detect`. Both are off by default, under
 * `[experimental]`.
 */
export type DetectionMode = 'index' | 'referrer';

export type DetectionStepName =
  | 'resolve reference'
  | 'read index'
  | 'find manifest in index'
  | 'read platform'
  | 'find alternative'
  | 'list referrers'
  | 'take first referrer'
  | 'read alternative'
  | 'find bootstrap';

export interface DetectionStep {
  readonly step: DetectionStepName;
  /** False for the step at which detection ends without a result. */
  readonly ok: boolean;
  /** The facts that the step found, one line each, without full stops. */
  readonly detail: readonly string[];
}

export interface Detection {
  readonly mode: DetectionMode;
  readonly matcher: PlatformMatcher;
  /** The manifest that containerd chose; detection starts from it. */
  readonly manifest: Digest;
  /** `panic` means that the snapshotter's process ends. */
  readonly outcome: 'found' | 'not found' | 'panic';
  /** The name of the manifest that detection takes instead; undefined when it did not get that far. */
  readonly alternative: string | undefined;
  /** The bootstrap layer that is mounted. */
  readonly bootstrap: GoDescriptor | undefined;
  readonly steps: readonly DetectionStep[];
}

export interface DetectionOptions extends CallOptions {
  readonly mode?: DetectionMode | undefined;
  readonly matcher?: PlatformMatcher | undefined;
}

/** MaxManifestSize of the snapshotter's resolver, 4 * 1048 * 1048. A larger manifest ends detection. */
const MAX_RESOLVED_SIZE = 4_393_216;
/** maxManifestIndexSize. The snapshotter cuts off the rest of a larger index. */
const MAX_INDEX_SIZE = 0x80_0000;
/** The snapshotter has no limit for a manifest; a replay needs one. */
const MAX_MANIFEST_SIZE = 4 * MAX_INDEX_SIZE;

/**
 * Replays nydus-snapshotter's detection in `source`, starting from the entry `manifest` that containerd chose. Throws
 * only when the store cannot be read: no network, no permission.
 */
export async function detectAlternative(
  source: ImageSource,
  manifest: Digest,
  options: DetectionOptions = {},
): Promise<Detection> {
  return new Detector(source, options).detect(manifest, options.mode ?? 'index', options.matcher ?? 'legacy');
}

/** Ends a replay where the original returns an error or panics. */
class Ended extends Error {
  readonly outcome: 'not found' | 'panic';
  readonly detail: readonly string[];

  constructor(detail: string | readonly string[], outcome: 'not found' | 'panic' = 'not found') {
    super('detection ended');
    this.detail = typeof detail === 'string' ? [detail] : detail;
    this.outcome = outcome;
  }
}

/** Collects the steps of one replay. */
class Trace {
  readonly steps: DetectionStep[] = [];

  async step<T>(
    step: DetectionStepName,
    take: () => Promise<readonly [T, ...string[]]> | readonly [T, ...string[]],
  ): Promise<T> {
    try {
      const [value, ...detail] = await take();
      this.steps.push({ step, ok: true, detail });
      return value;
    } catch (cause) {
      if (cause instanceof Ended) this.steps.push({ step, ok: false, detail: cause.detail });
      throw cause;
    }
  }
}

/** Replays detection over one reference, and fetches every document once. */
export class Detector {
  readonly #source: ImageSource;
  readonly #call: CallOptions;
  #root: Promise<Descriptor> | undefined;
  readonly #documents = new Map<string, Promise<Uint8Array>>();

  constructor(source: ImageSource, call: CallOptions = {}) {
    this.#source = source;
    this.#call = call;
  }

  async detect(manifest: Digest, mode: DetectionMode, matcher: PlatformMatcher): Promise<Detection> {
    const trace = new Trace();
    let alternative: GoDescriptor | undefined;
    try {
      alternative =
        mode === 'index'
          ? await this.#inIndex(trace, manifest, matcher)
          : await this.#firstReferrer(trace, manifest);
      const bootstrap = await this.#bootstrapOf(trace, alternative);
      const { steps } = trace;
      return { mode, matcher, manifest, outcome: 'found', alternative: alternative.digest, bootstrap, steps };
    } catch (cause) {
      if (!(cause instanceof Ended)) throw cause;
      const { outcome } = cause;
      const { steps } = trace;
      return {
        mode,
        matcher,
        manifest,
        outcome,
        alternative: alternative?.digest,
        bootstrap: undefined,
        steps,
      };
    }
  }

  /** The index's entries as Go clients decode them; undefined when the reference is one manifest or cannot be read. */
  async entries(): Promise<readonly GoDescriptor[] | undefined> {
    const root = await this.#resolve();
    try {
      const bytes = await this.#read(root, MAX_INDEX_SIZE, 'index');
      return (await inTurns(decodeIndex(bytes), this.#call.signal)).manifests;
    } catch (cause) {
      if (cause instanceof GoJsonError || cause instanceof Ended) return undefined;
      throw cause;
    }
  }

  async #inIndex(trace: Trace, manifest: Digest, matcher: PlatformMatcher): Promise<GoDescriptor> {
    const root = await trace.step('resolve reference', async () => {
      const found = await this.#resolve().catch((cause: unknown) => refuse(cause));
      const text = `${found.digest}, ${found.size} bytes, ${found.mediaType}`;
      if (found.size > MAX_RESOLVED_SIZE)
        throw new Ended(`${text}: more than the ${MAX_RESOLVED_SIZE} bytes that are accepted`);
      return [found, text];
    });
    const entries = await trace.step('read index', async () => {
      const bytes = await this.#read(root, MAX_INDEX_SIZE, 'index');
      const { manifests } = await decoded(() => inTurns(decodeIndex(bytes), this.#call.signal));
      const noIndex = 'a reference to one manifest has no entries';
      return [manifests, manifests.length === 0 ? noIndex : `${manifests.length} entries`];
    });
    const chosen = await trace.step('find manifest in index', () => {
      const position = entries.findIndex(({ digest }) => digest === manifest);
      const entry = entries[position];
      if (entry === undefined)
        throw new Ended(`${manifest} is no entry: the tag was moved, or the image was pulled by its digest`);
      return [entry, `entry ${position + 1}, ${nameOf(entry.platform)}`];
    });
    const platform = await trace.step('read platform', () => {
      if (chosen.platform === undefined)
        throw new Ended('the entry has no platform: the snapshotter panics', 'panic');
      return [chosen.platform, nameOf(chosen.platform)];
    });
    return trace.step('find alternative', () => findAlternative(entries, platform, matcher));
  }

  async #firstReferrer(trace: Trace, manifest: Digest): Promise<GoDescriptor> {
    const list = await trace.step('list referrers', async () => {
      const found = await listReferrers(this.#source, manifest, this.#call).catch((cause: unknown) => {
        if (cause instanceof UnsupportedError) throw new Ended(cause.message);
        return refuse(cause);
      });
      if (found.referrers.length === 0) throw new Ended('nothing refers to this manifest');
      return [found.referrers, `${found.referrers.length} by ${wayText(found.way)}`];
    });
    return trace.step('take first referrer', () => {
      const [first, ...others] = list;
      if (first === undefined) throw new Ended('the list is empty');
      const more = others.length === 0 ? [] : [`the other ${others.length} are not looked at`];
      return [toGo(first), `${first.digest}, ${first.artifactType ?? first.mediaType}`, ...more];
    });
  }

  async #bootstrapOf(trace: Trace, alternative: GoDescriptor): Promise<GoDescriptor> {
    const { layers } = await trace.step('read alternative', async () => {
      const bytes = await this.#read(alternative, MAX_MANIFEST_SIZE, 'manifest');
      const manifest = await decoded(() => inTurns(decodeManifest(bytes), this.#call.signal));
      return [manifest, `${alternative.digest}, ${manifest.layers.length} layers`];
    });
    return trace.step('find bootstrap', () => {
      const last = layers.at(-1);
      if (last === undefined) throw new Ended('the manifest has no layers');
      // The snapshotter looks for the key and ignores its value.
      if (last.annotations[ANNOTATION.nydusBootstrap] === undefined)
        throw new Ended(`layer ${layers.length}, the last, has no annotation ${ANNOTATION.nydusBootstrap}`);
      return [last, `layer ${layers.length}, ${last.digest}, ${last.size} bytes`];
    });
  }

  #resolve(): Promise<Descriptor> {
    return (this.#root ??= this.#source.resolve(this.#call));
  }

  /** The snapshotter verifies neither size nor digest, so neither do we; at a declared size of 0 it reads nothing. */
  async #read(
    descriptor: Descriptor | GoDescriptor,
    limit: number,
    what: 'index' | 'manifest',
  ): Promise<Uint8Array> {
    const { digest, mediaType, size } = descriptor;
    if (size === 0) throw new Ended(`${what} has size 0, so that nothing is read`);
    if (!isDigest(digest)) throw new Ended(`"${digest}" is no digest that can be asked for`);
    const key = `${digest} ${mediaType}`;
    const known = this.#documents.get(key);
    const read =
      known ??
      upTo(this.#source.fetch({ mediaType, digest, size }, { ...this.#call, unverified: true }), limit);
    this.#documents.set(key, read);
    return read.catch((cause: unknown) => refuse(cause));
  }
}

function findAlternative(
  entries: readonly GoDescriptor[],
  wanted: GoPlatform,
  matcher: PlatformMatcher,
): readonly [GoDescriptor, ...string[]] {
  const seen: string[] = [];
  for (const [position, entry] of entries.entries()) {
    const name = `entry ${position + 1}, ${nameOf(entry.platform)}`;
    if (entry.platform === undefined)
      throw new Ended([...seen, `${name}: the snapshotter panics at it`], 'panic');
    if (!matches(wanted, entry.platform, matcher)) {
      const features = matcher === 'subset' && matches(wanted, entry.platform, 'legacy');
      seen.push(`${name}: ${features ? 'features that are not wanted' : 'another platform'}`);
      continue;
    }
    const marks = marksOf(entry);
    if (marks.length > 0) return [entry, ...seen, `${name}: marked by ${marks.join(' and ')}`];
    seen.push(`${name}: no mark`);
  }
  throw new Ended([...seen, 'no entry of this platform is marked as Nydus']);
}

async function decoded<T>(decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (cause) {
    if (cause instanceof GoJsonError) throw new Ended(cause.message);
    throw cause;
  }
}

/**
 * Ends detection at missing or invalid content. Throws all other failures on, because they say nothing about the image.
 */
function refuse(cause: unknown): never {
  if (
    cause instanceof RegistryError &&
    cause.status !== undefined &&
    cause.status >= 400 &&
    cause.status < 500
  )
    throw new Ended(cause.message);
  if (cause instanceof ContentMismatchError || cause instanceof FormatError) throw new Ended(cause.message);
  throw cause;
}

/** Repeats Go's `io.LimitReader`, which reads no bytes beyond the limit. */
async function upTo(stream: ByteStream, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let room = limit;
  for await (const bytes of stream) {
    parts.push(bytes.subarray(0, room));
    room -= Math.min(room, bytes.length);
    if (room === 0) break;
  }
  return Buffer.concat(parts);
}

function toGo({ mediaType, digest, size, annotations, artifactType }: Descriptor): GoDescriptor {
  return {
    mediaType,
    digest,
    size,
    annotations: annotations ?? {},
    platform: undefined,
    artifactType: artifactType ?? '',
  };
}

function wayText(way: ReferrerList['way']): string {
  if (way === 'api') return 'the referrers API';
  return way === 'tag' ? 'the referrers tag' : 'what the store holds';
}

/** In the form `linux/arm64/v8 +nydus.remoteimage.v1`. */
export function nameOf(platform: GoPlatform | undefined): string {
  if (platform === undefined) return 'no platform';
  const { os, architecture, variant, osFeatures } = platform;
  const name = [os === '' ? '?' : os, architecture === '' ? '?' : architecture, variant];
  return [name.filter((part) => part !== '').join('/'), ...osFeatures.map((feature) => `+${feature}`)].join(
    ' ',
  );
}
