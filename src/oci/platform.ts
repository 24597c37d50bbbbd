/**
 * Platforms as `os/arch[/variant]`, lists of them, and `all`. Platforms are equal when their normal forms are, as in
 * containerd's platforms package: `arm64/v8` is `arm64`, `x86_64` is `amd64`, `arm` is `arm/v7`.
 */
import { InvalidReferenceError } from '../errors.js';
import type { Platform } from './descriptor.js';

/** Selects platforms of an index. */
export type PlatformSelection =
  { readonly kind: 'all' } | { readonly kind: 'list'; readonly platforms: readonly Platform[] };

export const allPlatforms: PlatformSelection = { kind: 'all' };

const PART = /^[A-Za-z0-9_.-]+$/;

/** A word alone means a system if it is one of these (Go's list), else an architecture of Linux. */
const SYSTEMS: ReadonlySet<string> = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux macos nacl netbsd openbsd plan9 solaris wasip1 windows zos'.split(
    ' ',
  ),
);
const KNOWN_ARCHITECTURES: ReadonlySet<string> = new Set(
  (
    '386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ' +
    'ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm'
  ).split(' '),
);

/** Other names of architectures, with the variant that they imply (containerd, platforms/database.go). */
const ARCHITECTURES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  i386: ['386'],
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  x64: ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};

/**
 * Returns a platform in normal form. As in containerd, `amd64` alone is `linux/amd64`, and `linux` alone has the architecture of
 * the machine, which the caller may give. Throws InvalidReferenceError.
 */
export function parsePlatform(text: string, machine?: string): Platform {
  const [os, architecture, variant, ...more] = inFull(text.trim(), machine).split('/');
  const parts = [os, architecture, ...(variant === undefined ? [] : [variant])];
  if (
    os === undefined ||
    architecture === undefined ||
    more.length > 0 ||
    !parts.every((part) => PART.test(part ?? ''))
  ) {
    throw new InvalidReferenceError(`invalid platform: "${text}"`, {
      hint: 'a platform is os/arch or os/arch/variant, or one of their first two words alone, such as linux/amd64 or linux/arm/v7',
    });
  }
  return normalizePlatform({ os, architecture, variant });
}

/** Adds what a single word leaves out. Other text stays. */
function inFull(text: string, machine: string | undefined): string {
  const word = text.toLowerCase();
  if (SYSTEMS.has(word)) return machine === undefined ? text : `${text}/${machine}`;
  return KNOWN_ARCHITECTURES.has(word) || Object.hasOwn(ARCHITECTURES, word) ? `linux/${text}` : text;
}

/** Parses a comma list, or `all`. Duplicates are dropped, and the order is kept. `machine` is as in `parsePlatform`. */
export function parsePlatforms(text: string, machine?: string): PlatformSelection {
  if (text.trim() === 'all') return allPlatforms;
  const platforms = new Map<string, Platform>();
  for (const item of text.split(',')) {
    const platform = parsePlatform(item, machine);
    platforms.set(formatPlatform(platform), platform);
  }
  return { kind: 'list', platforms: [...platforms.values()] };
}

/** Returns the normal form of a platform; its other fields stay. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === 'macos' ? 'darwin' : platform.os.toLowerCase();
  const named = platform.architecture.toLowerCase();
  // An image may name anything, `__proto__` and `constructor` included.
  const known = Object.hasOwn(ARCHITECTURES, named) ? ARCHITECTURES[named] : undefined;
  const [architecture, implied] = known ?? [named];
  const variant = normalVariant(architecture, implied ?? platform.variant?.toLowerCase() ?? '');
  const { osVersion, osFeatures } = platform;
  return {
    os,
    architecture,
    ...(variant === '' ? {} : { variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
    ...(osFeatures === undefined ? {} : { osFeatures }),
  };
}

/** Formats a platform as `os/arch[/variant]` in normal form. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = normalizePlatform(platform);
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** True for equal system, architecture and variant. The version of the system counts only when `wanted` has one. */
export function platformMatches(wanted: Platform, actual: Platform): boolean {
  if (formatPlatform(wanted) !== formatPlatform(actual)) return false;
  return wanted.osVersion === undefined || wanted.osVersion === actual.osVersion;
}

/** True if the selection includes a platform. Like containerd, it always includes an entry without a platform. */
export function isSelected(selection: PlatformSelection, actual: Platform | undefined): boolean {
  if (selection.kind === 'all' || actual === undefined) return true;
  return (byName(selection).get(formatPlatform(actual)) ?? []).some((wanted) =>
    platformMatches(wanted, actual),
  );
}

/** A question for many wanted platforms about many that are there: true if one of these matches. */
export function anyOf(there: readonly (Platform | undefined)[]): (wanted: Platform) => boolean {
  const named = groupByName(there.filter((platform) => platform !== undefined));
  return (wanted) =>
    (named.get(formatPlatform(wanted)) ?? []).some((actual) => platformMatches(wanted, actual));
}

const NAMED = new WeakMap<PlatformSelection, ReadonlyMap<string, readonly Platform[]>>();

/** The platforms of a list by their normal form: an index may list as many entries as a caller lists platforms. */
function byName(
  selection: PlatformSelection & { readonly kind: 'list' },
): ReadonlyMap<string, readonly Platform[]> {
  const known = NAMED.get(selection);
  if (known !== undefined) return known;
  const named = groupByName(selection.platforms);
  NAMED.set(selection, named);
  return named;
}

function groupByName(platforms: readonly Platform[]): ReadonlyMap<string, readonly Platform[]> {
  const named = new Map<string, Platform[]>();
  for (const platform of platforms) {
    const name = formatPlatform(platform);
    const group = named.get(name);
    if (group === undefined) named.set(name, [platform]);
    else group.push(platform);
  }
  return named;
}

/** True for BuildKit's mark of attestations, which are no images. */
export function isUnknownPlatform(platform: Platform | undefined): boolean {
  return platform?.os === 'unknown' && platform.architecture === 'unknown';
}

/** Formats a selection for messages. */
export function formatSelection(selection: PlatformSelection): string {
  return selection.kind === 'all' ? 'all' : selection.platforms.map(formatPlatform).join(', ');
}

function normalVariant(architecture: string, variant: string): string {
  switch (architecture) {
    case 'amd64':
      return variant === 'v1' || variant === '1' ? '' : variant;
    case 'arm64':
      return variant === 'v8' || variant === '8' ? '' : variant;
    case 'arm':
      if (variant === '') return 'v7';
      return /^[0-9]$/.test(variant) ? `v${variant}` : variant;
    default:
      return variant;
  }
}
