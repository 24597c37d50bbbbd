/**
 * The software of others in the image, each file by its version and digest: tools/image/lock.txt. The same lock file gives the same layers,
 * whatever else Debian or npm publish.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';
import { ARCHITECTURES, type Architecture } from './architectures.js';

const LOCK = join(projectRoot, 'tools', 'image', 'lock.txt');

export interface Locked {
  /** `node` is the program, from npm's package `node-linux-…`; the others are packages of Debian. */
  readonly kind: 'debian' | 'node';
  readonly name: string;
  readonly version: string;
  readonly architecture: Architecture;
  /** SHA-256 in hexadecimal: of the package, or of Node's program. */
  readonly sha256: string;
}

export function readLock(): readonly Locked[] {
  return parseLock(readFileSync(LOCK, 'utf8'));
}

export function writeLock(locked: readonly Locked[]): void {
  writeFileSync(LOCK, formatLock(locked));
}

const LINE = /^(debian|node) (\S+) (\S+) (\S+) ([0-9a-f]{64})$/;

export function parseLock(text: string): readonly Locked[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, kind, name = '', version = '', architecture, sha256 = ''] = LINE.exec(line) ?? [];
      const known = ARCHITECTURES.find(({ debian }) => debian === architecture);
      if ((kind !== 'debian' && kind !== 'node') || known === undefined)
        throw new Error(`tools/image/lock.txt: this line names no file: ${line}`);
      return { kind, name, version, architecture: known, sha256 };
    });
}

export function formatLock(locked: readonly Locked[]): string {
  const lines = locked.map(
    ({ kind, name, version, architecture, sha256 }) =>
      `${kind} ${name} ${version} ${architecture.debian} ${sha256}`,
  );
  return `# Written by \`npm run image -- --update\`: kind, name, version, processor, SHA-256\n${lines.sort().join('\n')}\n`;
}
