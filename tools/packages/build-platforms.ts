/**
 * Builds the addon for every platform on one machine: cargo-zigbuild links, with the C compiler and the libraries of Zig. Both come from
 * PyPI, and the standard libraries of Rust from rustup.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Platform } from '../../src/native/platforms.js';
import { projectRoot } from '../../test/support/project.js';
import { badPages } from './code-signature.js';
import { packPlatform } from './platform-package.js';
import { type Target, targetOf } from './targets.js';

/** Exact versions, so that the same sources give the same bytes. */
const TOOLS = ['ziglang==0.16.0', 'cargo-zigbuild==0.24.1'] as const;
const ZIG = join(projectRoot, '.cache', 'zig');
const BUILDS = join(projectRoot, 'native', 'target', 'platforms');

export interface Built {
  readonly platform: string;
  readonly seconds: number;
  readonly addonBytes: number;
  readonly tarball: string;
}

export interface NotBuilt {
  readonly platform: string;
  readonly reason: string;
}

/** Builds and packs; a platform that cannot be built does not keep the others from it. */
export async function buildPlatforms(
  platforms: readonly Platform[],
  destination: string,
): Promise<readonly (Built | NotBuilt)[]> {
  installZig();
  const environment = await buildEnvironment();
  return platforms.map((platform) => {
    const started = Date.now();
    try {
      const addon = build(targetOf(platform.name), environment);
      return {
        platform: platform.name,
        seconds: (Date.now() - started) / 1000,
        addonBytes: statSync(addon).size,
        tarball: packPlatform(platform, addon, destination),
      };
    } catch (error) {
      return { platform: platform.name, reason: error instanceof Error ? error.message : String(error) };
    }
  });
}

function installZig(): void {
  if (existsSync(join(ZIG, 'bin', 'cargo-zigbuild'))) return;
  mkdirSync(ZIG, { recursive: true });
  call('python3', ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', ZIG, ...TOOLS], process.env);
}

interface BuildModule {
  readonly cargoEnvironment: () => NodeJS.ProcessEnv;
}

/** The environment of every build of the addon, with Zig. */
async function buildEnvironment(): Promise<NodeJS.ProcessEnv> {
  const url = pathToFileURL(join(projectRoot, 'native', 'build.mjs')).href;
  const { cargoEnvironment } = (await import(url)) as BuildModule;
  return {
    ...cargoEnvironment(),
    PATH: `${join(ZIG, 'bin')}:${process.env['PATH'] ?? ''}`,
    CARGO_ZIGBUILD_ZIG_PATH: join(ZIG, 'ziglang', 'zig'),
  };
}

/** Returns the path of the addon. */
function build({ triple, zig, flags, library, signed }: Target, environment: NodeJS.ProcessEnv): string {
  addTarget(triple);
  const given = environment['CARGO_ENCODED_RUSTFLAGS'];
  const all = [...(given === undefined || given === '' ? [] : [given]), ...flags].join('\x1f');
  const options = ['--release', '--locked', '--manifest-path', 'native/Cargo.toml', '-p', 'nydus-node'];
  call(
    'cargo-zigbuild',
    [
      'zigbuild',
      ...options,
      '--target',
      zig,
      '--target-dir',
      BUILDS,
      '--config',
      'profile.release.strip="symbols"',
    ],
    { ...environment, CARGO_ENCODED_RUSTFLAGS: all },
  );
  const addon = join(BUILDS, triple, 'release', library);
  if (signed) {
    const bad = badPages(readFileSync(addon));
    if (bad !== 0)
      throw new Error(`${bad} pages of ${addon} differ from its signature, so that macOS would refuse it`);
  }
  return addon;
}

/** Adds Rust's standard library for a target. Without rustup, or without its host, those that are installed serve. */
function addTarget(triple: string): void {
  const { stdout } = spawnSync('rustc', ['--print', 'target-libdir', '--target', triple], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  if (existsSync(stdout.trim())) return;
  call('rustup', ['target', 'add', triple], process.env);
}

function call(command: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const { status, error, stderr } = spawnSync(command, args, {
    cwd: projectRoot,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw new Error(`cannot run ${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} failed: ${stderr.trim().split('\n').slice(-5).join(' / ')}`);
}
