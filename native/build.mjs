/**
 * Builds the addon from its sources: `npm run build:native`. Plain JavaScript with nothing but Node in it, so that it runs before
 * anything is compiled.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, realpathSync, renameSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
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

/**
 * The environment of every release build. The compiler writes names of source files into messages and line tables; with these
 * flags they name no folder of this machine, so that clones in different places make the same bytes. Flags of the environment
 * are kept; those in settings of cargo are not used, since cargo prefers the environment.
 */
export function cargoEnvironment() {
  const { CARGO_ENCODED_RUSTFLAGS: encoded, RUSTFLAGS: plain = '' } = process.env;
  const given = (encoded?.split('\x1f') ?? plain.split(' ')).filter((flag) => flag !== '');
  const home = cargoHome();
  const flags = sourceFolders(home).map(([folder, name]) => `--remap-path-prefix=${folder}=${name}`);
  return { ...process.env, CARGO_HOME: home, CARGO_ENCODED_RUSTFLAGS: [...given, ...flags].join('\x1f') };
}

/** The folder of cargo, not a link to it: the compiler would know some files below it by another name. */
function cargoHome() {
  const home = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  return existsSync(home) ? realpathSync(home) : home;
}

/** Folders that hold sources of the addon, and their names in it. If several hold a file, the compiler takes the last. */
function sourceFolders(home) {
  const standard = join(ask('--print', 'sysroot').trim(), 'lib', 'rustlib', 'src', 'rust');
  return [
    [native, '/nydusify'],
    [join(home, 'registry', 'src'), '/cargo'],
    // Unless its sources are installed, the standard library has this name already.
    ...(existsSync(standard) ? [[standard, `/rustc/${commit()}`]] : []),
  ];
}

/** The commit of the compiler. */
function commit() {
  return /^commit-hash: (.*)$/m.exec(ask('--version', '--verbose'))?.[1];
}

/** Asks the compiler that cargo will call. If there is none, cargo says so. */
function ask(...args) {
  return spawnSync(process.env.RUSTC ?? 'rustc', args, { encoding: 'utf8' }).stdout ?? '';
}

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
  const { status, error } = spawnSync('cargo', CARGO_ARGUMENTS, { stdio: 'inherit', env: cargoEnvironment() });
  if (error !== undefined) process.stderr.write(`error: cannot run cargo: ${error.message}\n`);
  if (status === 0) placeAddon();
  process.exitCode = status ?? 1;
}
