/**
 * Builds the addon from its sources: `npm run build:native`, in a clone and in an installed package alike. Plain JavaScript with
 * nothing but Node in it, so that it runs before anything is compiled.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = import.meta.dirname;

/** cargo's arguments for the addon. It knows itself what has changed, and takes a fraction of a second when nothing has. */
export const CARGO_ARGUMENTS = [
  'build',
  '--release',
  '--locked',
  '--manifest-path',
  join(native, 'Cargo.toml'),
  '-p',
  'nydus-node',
];

/** Puts what cargo has built where src/native looks for it, unless that is as new. */
export function placeAddon() {
  const library = process.platform === 'darwin' ? 'libnydus_node.dylib' : 'libnydus_node.so';
  const built = join(native, 'target', 'release', library);
  const addon = join(native, 'nydusify.node');
  if (existsSync(addon) && statSync(addon).mtimeMs >= statSync(built).mtimeMs) return;
  // The file is renamed into place, so that a running process keeps the one that it has mapped.
  copyFileSync(built, `${addon}.new`);
  renameSync(`${addon}.new`, addon);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { status, error } = spawnSync('cargo', CARGO_ARGUMENTS, { stdio: 'inherit' });
  if (error !== undefined) process.stderr.write(`error: cannot run cargo: ${error.message}\n`);
  if (status === 0) placeAddon();
  process.exitCode = status ?? 1;
}
