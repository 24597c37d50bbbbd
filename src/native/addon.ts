/** Finds the addon and loads it on first use. addon-types.ts has its types, generated from native/node. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LocalIoError } from '../errors.js';
import type { Addon } from './addon-types.js';

let loaded: Addon | undefined;

/**
 * Returns the addon. The first call loads it, which takes a few milliseconds. Throws LocalIoError when it is not built.
 */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  const root = packageRoot(import.meta.dirname);
  const path = join(root, 'native', 'nydusify.node');
  const hint = 'run `npm run build:native`, which needs Rust';
  if (!existsSync(path)) throw new LocalIoError(`${path}: the native addon is not built`, { hint });
  try {
    // The types are generated from the addon's own source, so they match.
    return createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new LocalIoError(`${path}: the native addon does not load`, { cause, hint });
  }
}

/** Returns the nearest folder upwards that holds our package.json. */
function packageRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (isOurPackage(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) {
      throw new LocalIoError(`${start}: not inside the package nydusify-ts, so there is no native addon`, {
        hint: 'install the package as a whole',
      });
    }
  }
}

function isOurPackage(path: string): boolean {
  try {
    return /"name":\s*"nydusify-ts"/.test(readFileSync(path, 'utf8'));
  } catch {
    return false; // the folder has no package.json
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
