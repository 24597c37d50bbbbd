/** Tells why there is no addon to load, and what helps. */
import { AddonError } from '../errors.js';
import { packageOf, PLATFORMS } from './platforms.js';

/** The circumstances of a start without an addon. */
export interface Circumstances {
  /** The platform that this process runs on. */
  readonly platform: string;
  /** Platforms whose packages are installed. */
  readonly installed: readonly string[];
  /** The version of this package, which the packages of platforms share; undefined if there is no manifest to read it from. */
  readonly version: string | undefined;
}

/** Returns the error for a platform whose package is not installed. */
export function missingAddon({ platform, installed, version }: Circumstances): AddonError {
  const names = PLATFORMS.map(({ name }) => name);
  if (!names.includes(platform)) {
    return new AddonError(`there is no native addon for ${platform}; there is one for ${names.join(', ')}`, {
      platform,
      hint: 'build it from a clone of the repository with `npm run build:native`, which needs Rust',
    });
  }
  const wanted = packageOf(platform);
  const install = `npm install ${wanted}${version === undefined ? '' : `@${version}`}`;
  if (installed.length > 0) {
    const others = installed.join(', ');
    return new AddonError(
      `the native addon is installed for ${others}, but this process runs on ${platform}`,
      {
        platform,
        hint: onlyLibcDiffers(platform, installed)
          ? `the two have different C libraries: install with the Node.js that runs the program, or run \`${install}\``
          : `node_modules was made on another platform: install it on this one, or run \`${install}\``,
      },
    );
  }
  return new AddonError(`the package ${wanted}, which holds the native addon, is not installed`, {
    platform,
    hint: `npm leaves it out with --omit=optional and with a lock file of another platform: install without, or run \`${install}\``,
  });
}

function onlyLibcDiffers(platform: string, installed: readonly string[]): boolean {
  const withoutLibc = (name: string): string => name.replace(/-(?:gnu|musl)$/, '');
  return installed.every((name) => withoutLibc(name) === withoutLibc(platform));
}

/** Returns the error for an addon that is there, but that the system refuses to load. */
export function refusedAddon(path: string, platform: string, cause: unknown): AddonError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const glibc = /version `GLIBC_([\d.]+)' not found/.exec(reason)?.[1];
  const hint =
    glibc === undefined
      ? 'install the package again; if that does not help, build the addon from a clone of the repository with `npm run build:native`'
      : `it needs glibc ${glibc} or newer: use a newer system, or build it from a clone of the repository with \`npm run build:native\``;
  return new AddonError(`${path}: the native addon does not load on ${platform}`, { platform, hint, cause });
}

/** Returns the error for a clone whose addon has not been built. */
export function unbuiltAddon(path: string, platform: string): AddonError {
  return new AddonError(`${path}: the native addon is not built`, {
    platform,
    hint: 'run `npm run build:native`, which needs Rust',
  });
}
