/**
 * Brings a fresh clone to where it runs: npm packages, the native addon, the compiled TypeScript. Plain JavaScript with
 * nothing but Node in it, since it runs before anything is installed. Each step is skipped when nothing has changed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CARGO_ARGUMENTS, cargoEnvironment, placeAddon } from '../native/build.mjs';
import { checkRequirements } from './setup/requirements.mjs';
import { removeStaleOutputs } from './setup/stale-outputs.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFolder = join(root, '.cache', 'stamps');

/** Runs a command in the project, its output shown only when it fails. Throws with one sentence. */
export function run(title, command, args, { env = {}, quiet = true } = {}) {
  const started = Date.now();
  process.stderr.write(`  ${title} … `);
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (result.error !== undefined) {
    process.stderr.write('failed\n');
    throw new Error(`${title}: cannot run ${command}: ${result.error.message}`);
  }
  if (result.status !== 0) {
    process.stderr.write(`failed after ${seconds} s\n${result.stdout ?? ''}${result.stderr ?? ''}\n`);
    throw new Error(`${title} failed; to see it again: ${[command, ...args].join(' ')}`);
  }
  process.stderr.write(`${seconds} s\n`);
  return result.stdout ?? '';
}

/** npm packages, when the lock file is not the one installed last. */
function installPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(stampFolder, 'npm');
  const installed =
    existsSync(join(root, 'node_modules')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === lock;
  if (installed) return;
  run('npm packages', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  mkdirSync(stampFolder, { recursive: true });
  writeFileSync(stamp, lock);
}

export function buildNative() {
  run('native addon', 'cargo', CARGO_ARGUMENTS, { env: cargoEnvironment() });
  placeAddon();
}

/** The yardstick of `npm run bench`: native/core/examples/bound. With other flags, cargo would compile everything again. */
export function buildBound() {
  const args = ['build', '--release', '--locked', '--manifest-path', 'native/Cargo.toml'];
  run('native yardstick', 'cargo', [...args, '-p', 'nydus-core', '--example', 'bound'], {
    env: cargoEnvironment(),
  });
}

/** TypeScript 7 takes a quarter of the time of 5.9, which stays for the linter: it needs the API that 7 no longer has. */
export function buildTypeScript() {
  removeStaleOutputs(root);
  run('TypeScript', process.execPath, [
    join('node_modules', 'typescript-7', 'bin', 'tsc'),
    '-p',
    'tsconfig.json',
  ]);
}

export function setup() {
  checkRequirements(root);
  installPackages();
  buildNative();
  buildTypeScript();
}

/** Runs `work`; what it throws becomes one line and exit code 1. */
export function orSay(work) {
  try {
    work();
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

/** Runs a compiled module of this project with `args`, in this terminal; its exit code becomes ours. */
export function runCompiled(path, args) {
  const options = { stdio: ['ignore', 'inherit', 'inherit'] };
  const result = spawnSync(
    process.execPath,
    ['--enable-source-maps', join(root, 'dist', path), ...args],
    options,
  );
  process.exitCode = result.status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) orSay(setup);
