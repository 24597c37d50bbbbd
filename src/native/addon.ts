/**
 * Finds the addon and loads it on first use: in a clone the one that was built there, elsewhere that of the package for this
 * platform. addon-types.ts has its types, generated from native/node.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Addon } from './addon-types.js';
import { missingAddon, refusedAddon, unbuiltAddon } from './missing-addon.js';
import { packageOf, PLATFORMS, thisPlatform } from './platforms.js';

let loaded: Addon | undefined;

/** Returns the addon. The first call loads it, which takes a few milliseconds. Throws AddonError when there is none to load. */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}

const requireHere = createRequire(import.meta.url);

function load(): Addon {
  const platform = thisPlatform();
  const home = ourPackage(import.meta.dirname);
  if (home !== undefined && existsSync(join(home.folder, 'native', 'Cargo.toml'))) {
    const built = join(home.folder, 'native', 'nydusify.node');
    if (!existsSync(built)) throw unbuiltAddon(built, platform);
    return loadFile(built, platform);
  }
  const own = installed(platform);
  if (own !== undefined) return loadFile(own, platform);
  const others = PLATFORMS.map(({ name }) => name).filter((name) => installed(name) !== undefined);
  return loadOther(others) ?? fail(missingAddon({ platform, installed: others, version: home?.version }));
}

function loadFile(path: string, platform: string): Addon {
  try {
    // The types are generated from the addon's own source, so they match.
    return requireHere(path) as Addon;
  } catch (cause) {
    throw refusedAddon(path, platform, cause);
  }
}

/**
 * Tries the addons of other platforms: npm asks the process for its C library, we read the name of the loader in Node's file, and a Node that was
 * changed after it was built can give two answers. An addon that does not fit is refused by the system.
 */
function loadOther(platforms: readonly string[]): Addon | undefined {
  for (const name of platforms) {
    const path = installed(name);
    try {
      if (path !== undefined) return requireHere(path) as Addon; // the types are generated from its source
    } catch {
      continue; // the system refuses it
    }
  }
  return undefined;
}

function fail(error: Error): never {
  throw error;
}

/** Returns the path of the installed addon for a platform. */
function installed(platform: string): string | undefined {
  try {
    return requireHere.resolve(packageOf(platform));
  } catch {
    return undefined; // the package is not installed
  }
}

interface Home {
  readonly folder: string;
  readonly version: string | undefined;
}

/** Returns the nearest folder upwards that holds our package.json; there is none in a bundle that another program is part of. */
function ourPackage(start: string): Home | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    const text = read(join(folder, 'package.json'));
    if (/"name":\s*"nydusify-ts"/.test(text)) {
      return { folder, version: /"version":\s*"([^"]+)"/.exec(text)?.[1] };
    }
    if (folder === dirname(folder)) return undefined;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the folder has no such file
  }
}

/**
 * Returns the same bytes as a Buffer, the only type that the addon takes. Shared memory is copied: the addon reads its arguments
 * during the call and copies what it needs later, but another thread may change shared memory even during the call.
 */
export function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes.buffer instanceof SharedArrayBuffer) return Buffer.copyBytesFrom(bytes);
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
