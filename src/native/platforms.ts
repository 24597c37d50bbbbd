/** The platforms that an addon is published for, each in a package of its own. */
import { familySync, MUSL } from 'detect-libc';

export interface Platform {
  /** The words of napi-rs: system, processor and, on Linux, C library. */
  readonly name: string;
  readonly os: 'linux' | 'darwin';
  readonly cpu: 'x64' | 'arm64';
  readonly libc?: 'glibc' | 'musl';
}

export const PLATFORMS: readonly Platform[] = [
  { name: 'linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' },
  { name: 'linux-arm64-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { name: 'linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  { name: 'linux-arm64-musl', os: 'linux', cpu: 'arm64', libc: 'musl' },
  { name: 'darwin-x64', os: 'darwin', cpu: 'x64' },
  { name: 'darwin-arm64', os: 'darwin', cpu: 'arm64' },
];

/** Returns the package that holds the addon for a platform. */
export function packageOf(platform: string): string {
  return `nydusify-ts-${platform}`;
}

/** Returns the name of the platform that this process runs on, in the same words even when no addon is published for it. */
export function thisPlatform(): string {
  const { platform, arch } = process;
  if (platform !== 'linux') return `${platform}-${arch}`;
  return `${platform}-${arch}-${familySync() === MUSL ? 'musl' : 'gnu'}`;
}
