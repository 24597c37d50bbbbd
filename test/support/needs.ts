/**
 * Requirements of a test on the machine. A missing one skips the test by name and reason; `npm test -- --no-skips`, as CI
 * calls it, counts such a skip as a failure, so nothing is passed over silently.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';

/** Debian packages that hold the commands our tests use. */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  skopeo: 'skopeo',
  umoci: 'umoci',
  bwrap: 'bubblewrap',
  podman: 'podman',
  ctr: 'containerd',
  containerd: 'containerd',
  'docker-registry': 'docker-registry',
  'fsck.erofs': 'erofs-utils',
  openssl: 'openssl',
  chromium: 'chromium',
  python3: 'python3',
  zstd: 'zstd',
  xz: 'xz-utils',
  shellcheck: 'shellcheck',
  rsync: 'rsync',
  java: 'default-jre-headless',
  promtool: 'prometheus',
  mandoc: 'mandoc',
  man: 'man-db',
  strace: 'strace',
  pass: 'pass',
  cadaver: 'cadaver',
  rclone: 'rclone',
  gpg: 'gnupg',
  'docker-credential-pass': 'golang-docker-credential-helpers',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
};

/** How to get commands that no package of Debian holds. */
const SOURCE_OF: Readonly<Record<string, string>> = {};

export function findCommand(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

export const isRoot = process.getuid?.() === 0;

/** Why `requirement` is not met, or undefined. `root` means uid 0 with working mounts; anything else is a command. */
export function missing(requirement: string): string | undefined {
  if (requirement === 'root') return isRoot ? undefined : 'needs root';
  if (findCommand(requirement) !== undefined) return undefined;
  const pkg = PACKAGE_OF[requirement];
  const from = pkg === undefined ? SOURCE_OF[requirement] : `Debian package ${pkg}`;
  return `needs ${requirement}${from === undefined ? '' : ` (${from})`}`;
}

/** True when all requirements are there; otherwise the test is marked skipped, with the reason, and should return. */
export function needs(t: TestContext, ...requirements: readonly string[]): boolean {
  for (const requirement of requirements) {
    const reason = missing(requirement);
    if (reason !== undefined) {
      t.skip(reason);
      return false;
    }
  }
  return true;
}
