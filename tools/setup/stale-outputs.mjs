/** Compiled files whose TypeScript source is gone: a test that was moved or deleted would run on from them. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const OUTPUT = /\.(?:js|js\.map|d\.ts|d\.ts\.map)$/;

/** Folders that the compiler does not write: the bundle of the published package, and tarballs. */
const OF_OTHERS = /^(?:bundle|packages)\//;

/** Removes what the compiler wrote for sources that no longer exist; returns the removed paths, relative to `dist`. */
export function removeStaleOutputs(root) {
  const dist = join(root, 'dist');
  if (!existsSync(dist)) return [];
  const stale = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter(
    (name) =>
      OUTPUT.test(name) && !OF_OTHERS.test(name) && !existsSync(join(root, name.replace(OUTPUT, '.ts'))),
  );
  for (const name of stale) rmSync(join(dist, name));
  // The compiler's notes would take a removed file for written, should its source come back unchanged.
  if (stale.length > 0) rmSync(join(dist, 'tsconfig.tsbuildinfo'), { force: true });
  return stale;
}
