/**
 * The functions here choose an entry of an index exactly as one family of clients does, including its mistakes.
 * Sources: containerd/platforms (platforms.go, compare.go, database.go) of 1.0.0-rc.1 and -rc.5, containerd
 * core/images, go-containerregistry pkg/v1/remote/index.go, podman's image library internal/pkg/platform, oras-go
 * internal/platform of 2.6, regclient types/platform and types/descriptor of 0.11.
 */
import type { GoDescriptor, GoPlatform } from './go-json.js';

/**
 * `legacy` is containerd/platforms up to 1.0.0-rc.2, in containerd up to 2.2 and in every nydus-snapshotter so far: it
 * ignores `os.features`. `subset` is rc.3 and later, in containerd from 2.3 on: it skips an entry unless all features
 * of the entry are wanted.
 */
export type PlatformMatcher = 'legacy' | 'subset';

/** Repeats `platforms.Normalize`. An empty `os` means the system of the machine, which is Linux here. */
export function normalized(platform: GoPlatform): GoPlatform {
  const os = platform.os === '' ? 'linux' : platform.os.toLowerCase();
  const [architecture, variant] = normalArchitecture(
    platform.architecture.toLowerCase(),
    platform.variant.toLowerCase(),
  );
  return {
    os: os === 'macos' ? 'darwin' : os,
    architecture,
    variant,
    osVersion: platform.osVersion,
    osFeatures: [...new Set(platform.osFeatures)].sort(),
  };
}

function normalArchitecture(
  architecture: string,
  variant: string,
): readonly [architecture: string, variant: string] {
  switch (architecture) {
    case 'i386':
      return ['386', ''];
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return ['amd64', variant === 'v1' ? '' : variant];
    case 'aarch64':
    case 'arm64':
      if (['8', 'v8', 'v8.0'].includes(variant)) return ['arm64', ''];
      return ['arm64', ['9', '9.0', 'v9.0'].includes(variant) ? 'v9' : variant];
    case 'armhf':
      return ['arm', 'v7'];
    case 'armel':
      return ['arm', 'v6'];
    case 'arm':
      if (variant === '' || variant === '7') return ['arm', 'v7'];
      return ['arm', ['5', '6', '8'].includes(variant) ? `v${variant}` : variant];
    default:
      return [architecture, variant];
  }
}

/**
 * Repeats `platforms.NewMatcher(wanted).Match(actual)`. Versions of Windows are not compared: no Nydus image runs
 * there.
 */
export function matches(wanted: GoPlatform, actual: GoPlatform, matcher: PlatformMatcher): boolean {
  const left = normalized(wanted);
  const right = normalized(actual);
  if (left.os !== right.os || left.architecture !== right.architecture || left.variant !== right.variant)
    return false;
  return matcher === 'legacy' || right.osFeatures.every((feature) => left.osFeatures.includes(feature));
}

/** Repeats `platforms.Only`: lists the platforms that a machine of `platform` can run, best first. */
function runnable(platform: GoPlatform): readonly GoPlatform[] {
  return vector(normalized(platform));
}

function vector(platform: GoPlatform): readonly GoPlatform[] {
  const number = /^v?([0-9]{1,2})$/.exec(platform.variant)?.[1];
  const version = number === undefined ? 0 : Number(number);
  const below = (lowest: number): GoPlatform[] =>
    Array.from({ length: Math.max(0, version - lowest) }, (_, i) => ({
      ...platform,
      variant: `v${version - 1 - i}`,
    }));
  switch (platform.architecture) {
    case 'amd64':
      return [platform, ...below(1), { ...platform, architecture: '386', variant: '' }];
    case 'arm':
      return [platform, ...below(5)];
    case 'arm64': {
      const variants = arm64Variants(platform.variant === '' ? 'v8' : platform.variant);
      if (variants.length === 0) return [];
      const own = variants.map((variant) => ({ ...platform, variant }));
      return [...own, ...vector({ ...platform, architecture: 'arm', variant: 'v8' })];
    }
    default:
      return [platform];
  }
}

/**
 * Lists the arm64 versions that a version contains, highest first: 9.N contains 8.(N+5), for the versions that
 * containerd knows.
 */
function arm64Variants(variant: string): readonly string[] {
  const match = /^v([89])(?:\.([0-9]))?$/.exec(variant);
  if (match === null) return [];
  const minor = Number(match[2] ?? 0);
  if (match[1] === '9' && minor > 7) return [];
  const down = (major: number, from: number): string[] =>
    Array.from({ length: from + 1 }, (_, i) => (i === from ? `v${major}` : `v${major}.${from - i}`));
  return match[1] === '8' ? down(8, minor) : [...down(9, minor), ...down(8, Math.min(9, minor + 5))];
}

/**
 * Repeats `Manifest` of containerd's core/images: returns the entry for a machine of `platform`; undefined if none
 * fits.
 */
export function containerdChoice(
  entries: readonly GoDescriptor[],
  platform: GoPlatform,
  matcher: PlatformMatcher,
): GoDescriptor | undefined {
  const wanted = runnable(platform);
  let best: { readonly entry: GoDescriptor; readonly rank: number; readonly features: number } | undefined;
  for (const entry of entries) {
    const rank = rankOf(entry, wanted, matcher);
    if (rank === undefined) continue;
    // Between two entries that fit equally well, the newer matcher prefers the one with more features.
    const features = matcher === 'subset' ? (entry.platform?.osFeatures.length ?? 0) : 0;
    if (best === undefined || rank < best.rank || (rank === best.rank && features > best.features)) {
      best = { entry, rank, features };
    }
  }
  return best?.entry;
}

/** Ranks an entry; lower is better. An entry without a platform always fits, and comes last. */
function rankOf(
  entry: GoDescriptor,
  wanted: readonly GoPlatform[],
  matcher: PlatformMatcher,
): number | undefined {
  const { platform } = entry;
  if (platform === undefined) return wanted.length;
  const rank = wanted.findIndex((candidate) => matches(candidate, platform, matcher));
  return rank < 0 ? undefined : rank;
}

/** Repeats crane and other users of go-containerregistry: returns the first entry that has all that is asked for. */
export function craneChoice(
  entries: readonly GoDescriptor[],
  platform: GoPlatform,
): GoDescriptor | undefined {
  return entries.find((entry) => {
    const given = entry.platform ?? { ...platform, os: 'linux', architecture: 'amd64', variant: '' };
    if (given.os !== platform.os || given.architecture !== platform.architecture) return false;
    if (platform.osVersion !== '' && given.osVersion !== platform.osVersion) return false;
    if (platform.variant !== '' && given.variant !== platform.variant) return false;
    return platform.osFeatures.every((feature) => given.osFeatures.includes(feature));
  });
}

/** Variants from most to least capable, in the order of podman's library. */
const VARIANTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['arm', ['v8', 'v7', 'v6', 'v5']],
  ['arm64', ['v8']],
]);
const ZSTD_ANNOTATION = 'io.github.containers.compression.zstd';

/** Repeats podman, skopeo, buildah and CRI-O: returns the first entry of the best variant, preferring zstd layers. */
export function podmanChoice(
  entries: readonly GoDescriptor[],
  platform: GoPlatform,
): GoDescriptor | undefined {
  const variants = podmanVariants(platform);
  let best: { readonly entry: GoDescriptor; readonly rank: number; readonly zstd: boolean } | undefined;
  for (const entry of entries) {
    const given = entry.platform;
    let rank = variants.length;
    if (given !== undefined) {
      if (given.os !== platform.os || given.architecture !== platform.architecture) continue;
      rank = variants.indexOf(given.variant);
      if (rank < 0) continue;
    }
    const zstd = entry.annotations[ZSTD_ANNOTATION] === 'true';
    if (best === undefined || rank < best.rank || (rank === best.rank && zstd && !best.zstd))
      best = { entry, rank, zstd };
  }
  return best?.entry;
}

function podmanVariants({ architecture, variant }: GoPlatform): readonly string[] {
  const known = VARIANTS.get(architecture) ?? [];
  if (variant === '') return ['', ...known];
  const start = known.indexOf(variant);
  return [...(start < 0 ? [variant] : known.slice(start)), ''];
}

/** Repeats oras: like crane it returns the first entry that has all that is asked for, but passes by entries without a platform. */
export function orasChoice(entries: readonly GoDescriptor[], platform: GoPlatform): GoDescriptor | undefined {
  return craneChoice(
    entries.filter((entry) => entry.platform !== undefined),
    platform,
  );
}

/** Repeats regctl: returns the first of the entries with the best variant and version; it takes no notice of `os.features`. */
export function regctlChoice(
  entries: readonly GoDescriptor[],
  platform: GoPlatform,
): GoDescriptor | undefined {
  const wanted = regctlPlatform(platform);
  let best: { readonly entry: GoDescriptor; readonly given: RegctlPlatform } | undefined;
  for (const entry of entries) {
    if (entry.platform === undefined) continue;
    const given = regctlPlatform(entry.platform);
    if (given.os !== wanted.os || given.architecture !== wanted.architecture) continue;
    if (!runsVariant(wanted.variant, given.variant)) continue;
    if (best === undefined || isBetter(wanted, given, best.given)) best = { entry, given };
  }
  return best?.entry;
}

type RegctlPlatform = Pick<GoPlatform, 'os' | 'architecture' | 'variant' | 'osVersion'>;

/** regctl's normal form knows fewer spellings than containerd's, and no capital letters. */
function regctlPlatform({ os, architecture, variant, osVersion }: GoPlatform): RegctlPlatform {
  return { os, ...regctlArchitecture(architecture, variant), osVersion };
}

function regctlArchitecture(
  architecture: string,
  variant: string,
): Pick<GoPlatform, 'architecture' | 'variant'> {
  switch (architecture) {
    case 'i386':
      return { architecture: '386', variant: '' };
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { architecture: 'amd64', variant: variant === 'v1' ? '' : variant };
    case 'aarch64':
    case 'arm64':
      return { architecture: 'arm64', variant: ['8', 'v8'].includes(variant) ? '' : variant };
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' };
    case 'armel':
      return { architecture: 'arm', variant: 'v6' };
    case 'arm':
      if (variant === '' || variant === '7') return { architecture, variant: 'v7' };
      return { architecture, variant: ['5', '6', '8'].includes(variant) ? `v${variant}` : variant };
    default:
      return { architecture, variant };
  }
}

/** A variant that is no number counts as 0. */
function variantNumber(variant: string): number {
  return /^v?[+-]?\d+$/.test(variant) ? Number(variant.replace(/^v/, '')) : 0;
}

function runsVariant(wanted: string, given: string): boolean {
  const [left, right] = [variantNumber(wanted), variantNumber(given)];
  return left >= right || (left === 1 && given === '') || (wanted === '' && right === 1);
}

function isBetter(wanted: RegctlPlatform, given: RegctlPlatform, known: RegctlPlatform): boolean {
  if (given.variant !== known.variant) {
    if (given.variant === wanted.variant || known.variant === wanted.variant)
      return given.variant === wanted.variant;
    const difference = variantNumber(given.variant) - variantNumber(known.variant);
    if (difference !== 0) return difference > 0;
  }
  if (given.osVersion === known.osVersion) return false;
  if (given.osVersion === wanted.osVersion || known.osVersion === wanted.osVersion)
    return given.osVersion === wanted.osVersion;
  return compareVersions(known.osVersion, given.osVersion) < 0;
}

/** Part by part; a part that is no number is lower than any number, and two of those end the comparison. */
function compareVersions(left: string, right: string): number {
  const [a, b] = [left.split('.'), right.split('.')];
  for (const [i, part] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    const numbers = [part, other].map((text) => (/^[+-]?\d+$/.test(text) ? Number(text) : undefined));
    const [one, two] = numbers;
    if (one === undefined) return two === undefined ? 0 : -1;
    if (two === undefined) return 1;
    if (one !== two) return one - two;
  }
  return 0;
}
