/** The platform of this machine, for commands that choose an image, and for `--platform linux`. */
import { arch } from 'node:os';
import type { Platform } from '../../oci/descriptor.js';
import { normalizePlatform } from '../../oci/platform.js';

const ARCHITECTURES: Readonly<Record<string, string>> = { ia32: '386', x64: 'amd64' };

/** The name that images give this machine's architecture. */
export function machineArchitecture(): string {
  return ARCHITECTURES[arch()] ?? arch();
}

/** The platform that a container engine on this machine would take. */
export function hostPlatform(): Platform {
  return normalizePlatform({ os: 'linux', architecture: machineArchitecture() });
}
