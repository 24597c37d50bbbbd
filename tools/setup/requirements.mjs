/** The versions of Node and Rust that the project needs. They stand in package.json and native/Cargo.toml alone. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The oldest versions that serve, as `{ node: '20.18.1', rust: '1.95' }`. */
export function requirements(root) {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const cargo = readFileSync(join(root, 'native', 'Cargo.toml'), 'utf8');
  const node = /^>=(\d+(?:\.\d+)*)$/.exec(engines.node)?.[1];
  const rust = /^rust-version = "(\d+(?:\.\d+)*)"$/m.exec(cargo)?.[1];
  if (node === undefined) throw new Error('package.json: engines.node is not ">=VERSION"');
  if (rust === undefined) throw new Error('native/Cargo.toml: there is no rust-version');
  return { node, rust };
}

/** Compares dotted numbers; a missing number counts as 0. */
export function isAtLeast(version, minimum) {
  const [have, need] = [version, minimum].map((text) =>
    text.split('.').map((part) => Number.parseInt(part, 10)),
  );
  for (let i = 0; i < Math.max(have.length, need.length); i++) {
    const difference = (have[i] ?? 0) - (need[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Throws one sentence when this machine's Node or Rust is missing or too old. */
export function checkRequirements(root) {
  const { node, rust } = requirements(root);
  if (!isAtLeast(process.versions.node, node)) {
    throw new Error(`Node ${process.versions.node} is too old; Node ${node} or newer is needed`);
  }
  const cargo = spawnSync('cargo', ['--version'], { cwd: root, encoding: 'utf8' });
  if (cargo.error !== undefined) {
    throw new Error(`cargo is missing; install Rust ${rust} or newer (https://rustup.rs)`);
  }
  // rustup's cargo fails when it may not or cannot install the compiler of rust-toolchain.toml, and says so.
  if (cargo.status !== 0) throw new Error(`cargo does not start: ${cargo.stderr.trim()}`);
  const version = /^cargo (\S+)/.exec(cargo.stdout)?.[1] ?? '0';
  if (!isAtLeast(version, rust)) {
    throw new Error(`Rust ${version} is too old; Rust ${rust} or newer is needed (https://rustup.rs)`);
  }
}
