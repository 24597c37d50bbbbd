/** How the addon is built for each platform. */

export interface Target {
  /** rustc's name of the target. */
  readonly triple: string;
  /** The name for cargo-zigbuild, with the oldest glibc that the addon may need. */
  readonly zig: string;
  /** The compiler's flags beyond those of every build. */
  readonly flags: readonly string[];
  readonly library: string;
  /** True if the system loads signed libraries only; the linker signs them. */
  readonly signed: boolean;
}

const OLDEST_GLIBC = '2.17';

/** An addon is loaded into a process that has its C library already. */
const DYNAMIC_MUSL = ['-C', 'target-feature=-crt-static'];

const TARGETS: Readonly<Record<string, Target>> = {
  'linux-x64-gnu': linux('x86_64-unknown-linux-gnu'),
  'linux-arm64-gnu': linux('aarch64-unknown-linux-gnu'),
  'linux-x64-musl': linux('x86_64-unknown-linux-musl'),
  'linux-arm64-musl': linux('aarch64-unknown-linux-musl'),
  'darwin-x64': darwin('x86_64-apple-darwin'),
  'darwin-arm64': darwin('aarch64-apple-darwin'),
};

export function targetOf(platform: string): Target {
  const target = TARGETS[platform];
  if (target === undefined)
    throw new Error(`${platform}: no such platform; there are ${Object.keys(TARGETS).join(', ')}`);
  return target;
}

function linux(triple: string): Target {
  const musl = triple.endsWith('musl');
  return {
    triple,
    zig: musl ? triple : `${triple}.${OLDEST_GLIBC}`,
    flags: musl ? DYNAMIC_MUSL : [],
    library: 'libnydus_node.so',
    signed: false,
  };
}

function darwin(triple: string): Target {
  return {
    triple,
    zig: triple,
    flags: [],
    library: 'libnydus_node.dylib',
    signed: triple.startsWith('aarch64'),
  };
}
