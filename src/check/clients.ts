/**
 * `clientsOf` reports for every client which entry it takes for a platform, and whether that image runs there. The
 * choice comes from `client-platforms.ts`, nydus-snapshotter's detection from `detect.ts`; this module combines them
 * for each client.
 */
import { type Digest, isDigest } from '../oci/digest.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import {
  containerdChoice,
  craneChoice,
  normalized,
  orasChoice,
  podmanChoice,
  type PlatformMatcher,
  regctlChoice,
} from './client-platforms.js';
import { Detector, nameOf, type Detection, type DetectionMode } from './detect.js';
import type { GoDescriptor, GoPlatform } from './go-json.js';

export type Client =
  'nydus-snapshotter' | 'containerd' | 'Docker' | 'podman' | 'skopeo' | 'crane' | 'regctl' | 'oras';

/** The evidence for the replay of a client, to which tests hold it: the client itself, its own code, or no more than a model. */
export const EVIDENCE: Readonly<Record<Client, string>> = {
  'nydus-snapshotter': 'its code',
  containerd: 'its code; 1.6 itself',
  Docker: 'modelled by containerd',
  podman: 'the client itself',
  skopeo: 'the client itself',
  crane: 'its code and the client itself',
  regctl: 'the client itself',
  oras: 'the client itself',
};

/**
 * `lazily`: the client mounts a Nydus filesystem and fetches data on demand. `unpacked`: it downloads an ordinary image
 * as a whole. `copied`: it only copies images. `fails`: it cannot run the image.
 */
export type ClientOutcome = 'lazily' | 'unpacked' | 'copied' | 'fails';

export interface ClientVerdict {
  readonly client: Client;
  /** The detection that nydus-snapshotter is configured with; undefined for other clients. */
  readonly detection: DetectionMode | 'none' | undefined;
  /** The versions of the client that behave like this; empty when all do. */
  readonly versions: string;
  /** The manifest that the client takes; undefined when nothing fits the platform. */
  readonly picks: PickedManifest | undefined;
  /** The manifest that it runs, if detection led it from the one that it takes to another. */
  readonly runs?: PickedManifest | undefined;
  readonly outcome: ClientOutcome;
  /** The reason for the outcome, as a sentence without full stop. */
  readonly why: string;
  /** The steps of nydus-snapshotter's detection. */
  readonly trace: Detection | undefined;
}

export interface PickedManifest {
  /** The entry's number, counted from 1; undefined when the reference is no index. */
  readonly entry: number | undefined;
  readonly digest: string;
  readonly kind: 'oci' | 'nydus' | 'other';
}

export interface PlatformClients {
  /** In the form `linux/arm64`. */
  readonly platform: string;
  /** The images for the platform, as far as the index lists them. */
  readonly entries: readonly PickedManifest[];
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
 * Returns for each platform what each client does. `images` are the manifests that the caller has already read; an
 * entry that is not among them counts as `other`. Throws only when the store cannot be read.
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
    tables.push({
      platform: name,
      entries: entriesFor(reference, name),
      clients: await verdictsOf(reference, platform),
    });
  return tables;
}

function entriesFor(reference: KnownReference, name: string): readonly PickedManifest[] {
  const { entries = [], root } = reference;
  if (entries.length === 0) return [manifestOf(reference, root)];
  return entries
    .filter(({ platform }) => platform !== undefined && plainName(platform) === name)
    .map(({ digest }) => manifestOf(reference, digest));
}

interface KnownReference {
  readonly detector: Detector;
  /** The entries of the index; empty or undefined when the reference is one manifest. */
  readonly entries: readonly GoDescriptor[] | undefined;
  readonly root: Digest;
  readonly images: ReadonlyMap<string, PickableManifest>;
}

/** Marks a row whose nydus-snapshotter does not exist yet: none has the newer matcher. */
const COMING = 'coming';
const RELEASED = 'as released';

/** containerd and nydus-snapshotter are released independently, and each has its own copy of the matcher. */
const GENERATIONS: readonly {
  readonly versions: string;
  readonly containerd: PlatformMatcher;
  readonly snapshotter: PlatformMatcher;
}[] = [
  { versions: 'with containerd to 2.2', containerd: 'legacy', snapshotter: 'legacy' },
  { versions: 'with containerd from 2.3', containerd: 'subset', snapshotter: 'legacy' },
  { versions: COMING, containerd: 'subset', snapshotter: 'subset' },
];

/** Docker takes its matcher, and in most setups its image store, from containerd. */
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
      const unpacked = unpacking(reference, picks, client);
      const outcome =
        client === 'Docker' ? { ...unpacked, why: `${unpacked.why} (${EVIDENCE.Docker})` } : unpacked;
      const of = client === 'Docker' ? `with ${versions}` : versions.replace('containerd ', '');
      verdicts.push({ client, detection: undefined, versions: of, picks, ...outcome, trace: undefined });
    }
  }
  const byPodman = pick(reference, (entries) => podmanChoice(entries, platform));
  const byCrane = pick(reference, (entries) => craneChoice(entries, platform));
  const byRegctl = pick(reference, (entries) => regctlChoice(entries, platform));
  const byOras = pick(reference, (entries) => orasChoice(entries, platform));
  const whole = 'without --platform the whole index';
  const rest = { detection: undefined, versions: '', trace: undefined };
  verdicts.push(
    { client: 'podman', ...rest, picks: byPodman, ...unpacking(reference, byPodman, 'podman') },
    {
      client: 'skopeo',
      ...rest,
      picks: byPodman,
      ...copying(byPodman, '--all copies the whole index, in some versions without artifactType'),
    },
    { client: 'crane', ...rest, picks: byCrane, ...copying(byCrane, whole) },
    { client: 'regctl', ...rest, picks: byRegctl, ...copying(byRegctl, whole) },
    { client: 'oras', ...rest, picks: byOras, ...copying(byOras, whole) },
  );
  return collapsed(verdicts);
}

/** Joins versions with equal results into one row. */
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
    left.runs?.digest === right.runs?.digest &&
    left.trace?.bootstrap?.digest === right.trace?.bootstrap?.digest
  );
}

function pick(
  reference: KnownReference,
  choose: (entries: readonly GoDescriptor[]) => GoDescriptor | undefined,
): PickedManifest | undefined {
  const { entries, root } = reference;
  if (entries === undefined || entries.length === 0) return manifestOf(reference, root);
  const chosen = choose(entries);
  return chosen === undefined ? undefined : manifestOf(reference, chosen.digest, entries.indexOf(chosen));
}

/** `position` is that of an entry; without it the first with the digest counts. */
function manifestOf(
  { entries = [], images }: KnownReference,
  digest: string,
  position?: number,
): PickedManifest {
  const at = position ?? entries.findIndex((entry) => entry.digest === digest);
  return { entry: at < 0 ? undefined : at + 1, digest, kind: images.get(digest)?.kind ?? 'other' };
}

type Outcome = Pick<ClientVerdict, 'outcome' | 'why'>;

const NOTHING: Outcome = { outcome: 'fails', why: 'nothing in the index fits this platform' };
const FOREIGN: Outcome = { outcome: 'fails', why: 'the entry that it takes is no image' };

async function withSnapshotter(
  reference: KnownReference,
  picks: PickedManifest | undefined,
  mode: DetectionMode | 'none',
  matcher: PlatformMatcher,
): Promise<Outcome & Pick<ClientVerdict, 'trace' | 'runs'>> {
  if (picks === undefined) return { ...NOTHING, trace: undefined };
  // A client that was handed Nydus layers detects nothing, because their annotations already name them.
  if (picks.kind === 'nydus') return { ...directly(reference, picks), trace: undefined };
  if (picks.kind === 'other' || !isDigest(picks.digest)) return { ...FOREIGN, trace: undefined };
  const asUsual = { outcome: 'unpacked', why: 'taken for an ordinary image' } as const;
  if (mode === 'none') return { ...asUsual, trace: undefined };
  const trace = await reference.detector.detect(picks.digest, mode, matcher);
  switch (trace.outcome) {
    case 'found': {
      const way = mode === 'index' ? 'in the index' : 'as the first referrer';
      const runs = trace.alternative === undefined ? {} : { runs: manifestOf(reference, trace.alternative) };
      return { outcome: 'lazily', why: `finds the Nydus image ${way}`, trace, ...runs };
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

/** The rows of clients that unpack tar layers. */
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

function plainOf(platform: GoPlatform): GoPlatform {
  return { ...normalized(platform), osFeatures: [] };
}

function plainName(platform: GoPlatform): string {
  return nameOf(plainOf(platform));
}

/** Lists the platforms of the entries, each once, in order. Attestations have none: their `os` is `unknown`. */
export function platformsOf(entries: readonly GoDescriptor[]): readonly Wanted[] {
  const found = new Map<string, GoPlatform>();
  for (const { platform } of entries) {
    if (platform === undefined || platform.os === 'unknown') continue;
    found.set(plainName(platform), plainOf(platform));
  }
  return [...found].map(([name, platform]) => ({ name, platform }));
}
