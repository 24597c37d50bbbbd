/**
 * The behaviour of every client on a reference: which entry it takes for a platform, and whether that runs there. Selection is that
 * of `client-platforms.ts`, nydus-snapshotter's detection that of `detect.ts`; here they are put together, client by client.
 */
import { type Digest, isDigest } from '../oci/digest.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import {
  containerdChoice,
  craneChoice,
  normalized,
  podmanChoice,
  type PlatformMatcher,
} from './client-platforms.js';
import { Detector, nameOf, type Detection, type DetectionMode } from './detect.js';
import type { GoDescriptor, GoPlatform } from './go-json.js';

export type Client = 'nydus-snapshotter' | 'containerd' | 'Docker' | 'podman' | 'skopeo' | 'crane';

/**
 * `lazily`: as a Nydus filesystem, data on demand. `unpacked`: as an ordinary image, downloaded as a whole. `copied`: the
 * client only moves images. `fails`: it cannot be run there.
 */
export type ClientOutcome = 'lazily' | 'unpacked' | 'copied' | 'fails';

export interface ClientVerdict {
  readonly client: Client;
  /** The detection that is switched on in nydus-snapshotter; undefined for other clients. */
  readonly detection: DetectionMode | 'none' | undefined;
  /** Which versions behave like this; empty when all do. */
  readonly versions: string;
  /** Undefined: nothing fits the platform. */
  readonly picks: PickedManifest | undefined;
  readonly outcome: ClientOutcome;
  /** Why so; a sentence without full stop. */
  readonly why: string;
  /** How nydus-snapshotter came to what it mounts. */
  readonly trace: Detection | undefined;
}

export interface PickedManifest {
  /** Counted from 1; undefined when the reference is no index. */
  readonly entry: number | undefined;
  readonly digest: string;
  readonly kind: 'oci' | 'nydus' | 'other';
}

export interface PlatformClients {
  /** Like `linux/arm64`. */
  readonly platform: string;
  readonly clients: readonly ClientVerdict[];
}

/** One platform for which each client looks for an image. */
export interface Wanted {
  readonly name: string;
  readonly platform: GoPlatform;
}

/** The facts of a manifest that clients decide by. */
export interface PickableManifest {
  readonly digest: Digest;
  readonly kind: 'oci' | 'nydus';
  readonly configType: string;
}

/**
 * For each platform what each client does. `images` are the manifests that the reference leads to, as they are known to the
 * caller; an entry that is none of them counts as `other`. Throws only when it could not look.
 */
export async function clientsOf(
  source: ImageSource,
  platforms: readonly Wanted[],
  images: readonly PickableManifest[],
  call: CallOptions = {},
): Promise<readonly PlatformClients[]> {
  const detector = new Detector(source, call);
  const reference: KnownReference = {
    detector,
    entries: await detector.entries(),
    root: (await source.resolve(call)).digest,
    images: new Map(images.map((image) => [image.digest, image])),
  };
  const tables: PlatformClients[] = [];
  for (const { name, platform } of platforms)
    tables.push({ platform: name, clients: await verdictsOf(reference, platform) });
  return tables;
}

interface KnownReference {
  readonly detector: Detector;
  /** Empty or undefined: the reference is one manifest. */
  readonly entries: readonly GoDescriptor[] | undefined;
  readonly root: Digest;
  readonly images: ReadonlyMap<string, PickableManifest>;
}

/** No nydus-snapshotter has the newer matcher yet. */
const COMING = 'coming';
const RELEASED = 'as released';

/** containerd and nydus-snapshotter are released apart from each other; each has a matcher of its own. */
const GENERATIONS: readonly {
  readonly versions: string;
  readonly containerd: PlatformMatcher;
  readonly snapshotter: PlatformMatcher;
}[] = [
  { versions: 'with containerd to 2.2', containerd: 'legacy', snapshotter: 'legacy' },
  { versions: 'with containerd from 2.3', containerd: 'subset', snapshotter: 'legacy' },
  { versions: COMING, containerd: 'subset', snapshotter: 'subset' },
];

/** Docker takes its matcher, and mostly its store, from containerd. */
const MATCHER_OF_VERSIONS: readonly (readonly [versions: string, matcher: PlatformMatcher])[] = [
  ['containerd to 2.2', 'legacy'],
  ['containerd from 2.3', 'subset'],
];

async function verdictsOf(
  reference: KnownReference,
  platform: GoPlatform,
): Promise<readonly ClientVerdict[]> {
  const verdicts: ClientVerdict[] = [];
  for (const detection of ['index', 'referrer', 'none'] as const) {
    for (const { versions, containerd, snapshotter } of GENERATIONS) {
      const picks = pick(reference, (entries) => containerdChoice(entries, platform, containerd));
      const found = await withSnapshotter(reference, picks, detection, snapshotter);
      verdicts.push({ client: 'nydus-snapshotter', detection, versions, picks, ...found });
    }
  }
  for (const client of ['containerd', 'Docker'] as const) {
    for (const [versions, matcher] of MATCHER_OF_VERSIONS) {
      const picks = pick(reference, (entries) => containerdChoice(entries, platform, matcher));
      const outcome = unpacking(reference, picks, client);
      const of = client === 'Docker' ? `with ${versions}` : versions.replace('containerd ', '');
      verdicts.push({ client, detection: undefined, versions: of, picks, ...outcome, trace: undefined });
    }
  }
  const byPodman = pick(reference, (entries) => podmanChoice(entries, platform));
  const byCrane = pick(reference, (entries) => craneChoice(entries, platform));
  const rest = { detection: undefined, versions: '', trace: undefined };
  verdicts.push(
    { client: 'podman', ...rest, picks: byPodman, ...unpacking(reference, byPodman, 'podman') },
    { client: 'skopeo', ...rest, picks: byPodman, ...copying(byPodman, '--all copies the whole index') },
    { client: 'crane', ...rest, picks: byCrane, ...copying(byCrane, 'without --platform the whole index') },
  );
  return collapsed(verdicts);
}

/** Versions that do the same are one row. */
function collapsed(verdicts: readonly ClientVerdict[]): readonly ClientVerdict[] {
  const rows: ClientVerdict[] = [];
  for (const verdict of verdicts) {
    const same = rows.findIndex((row) => sameVerdict(row, verdict));
    const row = rows[same];
    if (row === undefined) rows.push(verdict);
    else rows[same] = { ...row, versions: `${row.versions}; ${verdict.versions}` };
  }
  return rows.map((row) => {
    const alone = verdicts.filter(
      ({ client, detection }) => client === row.client && detection === row.detection,
    );
    const together = row.versions.split('; ');
    if (together.length === alone.length) return { ...row, versions: '' };
    const released = alone.length > 2 && together.length === 2 && !together.includes(COMING);
    return released ? { ...row, versions: RELEASED } : row;
  });
}

function sameVerdict(left: ClientVerdict, right: ClientVerdict): boolean {
  return (
    left.client === right.client &&
    left.detection === right.detection &&
    left.outcome === right.outcome &&
    left.picks?.digest === right.picks?.digest &&
    left.trace?.bootstrap?.digest === right.trace?.bootstrap?.digest
  );
}

function pick(
  { entries, root, images }: KnownReference,
  choose: (entries: readonly GoDescriptor[]) => GoDescriptor | undefined,
): PickedManifest | undefined {
  const kindOf = (digest: string): PickedManifest['kind'] => images.get(digest)?.kind ?? 'other';
  if (entries === undefined || entries.length === 0)
    return { entry: undefined, digest: root, kind: kindOf(root) };
  const chosen = choose(entries);
  if (chosen === undefined) return undefined;
  return { entry: entries.indexOf(chosen) + 1, digest: chosen.digest, kind: kindOf(chosen.digest) };
}

type Outcome = Pick<ClientVerdict, 'outcome' | 'why'>;

const NOTHING: Outcome = { outcome: 'fails', why: 'nothing in the index fits this platform' };
const FOREIGN: Outcome = { outcome: 'fails', why: 'what it takes is no image' };

async function withSnapshotter(
  reference: KnownReference,
  picks: PickedManifest | undefined,
  mode: DetectionMode | 'none',
  matcher: PlatformMatcher,
): Promise<Outcome & Pick<ClientVerdict, 'trace'>> {
  if (picks === undefined) return { ...NOTHING, trace: undefined };
  // Layers that say what they are come first: for them nothing is detected.
  if (picks.kind === 'nydus') return { ...directly(reference, picks), trace: undefined };
  if (picks.kind === 'other' || !isDigest(picks.digest)) return { ...FOREIGN, trace: undefined };
  const asUsual = { outcome: 'unpacked', why: 'taken for an ordinary image' } as const;
  if (mode === 'none') return { ...asUsual, trace: undefined };
  const trace = await reference.detector.detect(picks.digest, mode, matcher);
  switch (trace.outcome) {
    case 'found': {
      const way = mode === 'index' ? 'in the index' : 'as the first referrer';
      return { outcome: 'lazily', why: `finds the Nydus image ${way}`, trace };
    }
    case 'panic':
      return { outcome: 'fails', why: lastWords(trace), trace };
    case 'not found':
      return { outcome: 'unpacked', why: lastWords(trace), trace };
  }
}

function lastWords({ steps }: Detection): string {
  return steps.at(-1)?.detail.at(-1) ?? 'detection ended';
}

function directly({ images }: KnownReference, picks: PickedManifest): Outcome {
  const hidden = images.get(picks.digest)?.configType === MEDIA.nydusConfig;
  return hidden
    ? {
        outcome: 'fails',
        why: 'takes the Nydus image itself, whose config type containerd does not know: nothing is unpacked',
      }
    : { outcome: 'lazily', why: `its layers say that they are Nydus (${ANNOTATION.nydusBootstrap})` };
}

/** Clients that unpack tars. */
function unpacking(
  { images }: KnownReference,
  picks: PickedManifest | undefined,
  client: 'containerd' | 'Docker' | 'podman',
): Outcome {
  if (picks === undefined) return NOTHING;
  if (picks.kind === 'other') return FOREIGN;
  if (picks.kind === 'oci') return { outcome: 'unpacked', why: 'an ordinary image' };
  const hidden = images.get(picks.digest)?.configType === MEDIA.nydusConfig;
  return {
    outcome: 'fails',
    why: hidden
      ? `takes the Nydus image, whose config type ${client} does not know`
      : `takes the Nydus image, whose layers are no tars that ${client} unpacks`,
  };
}

function copying(picks: PickedManifest | undefined, how: string): Outcome {
  if (picks === undefined) return { ...NOTHING, why: `${NOTHING.why}; ${how}` };
  return { outcome: 'copied', why: how };
}

/** Platforms that the entries of a reference are for, each once, in order; not those of attestations. */
export function platformsOf(entries: readonly GoDescriptor[]): readonly Wanted[] {
  const found = new Map<string, GoPlatform>();
  for (const { platform } of entries) {
    if (platform === undefined || platform.os === 'unknown') continue;
    const plain = { ...normalized(platform), osFeatures: [] };
    found.set(nameOf(plain), plain);
  }
  return [...found].map(([name, platform]) => ({ name, platform }));
}
