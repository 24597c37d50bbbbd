/**
 * The layers and results of `fixtures/reference`. Layers are made by its Python script, once, into a folder for temporary
 * files; results are read from where they lie.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FormatOptions } from '../../../src/native/addon-types.js';
import { upstreamPatterns } from '../../../src/prefetch/lines.js';
import { projectRoot } from '../project.js';

/** The packer's options for each folder of results. The lists are what the reference read from standard input. */
export const PACKING = {
  'v6-zstd': {},
  'v6-none': { compressor: 'none' },
  'v6-lz4': { compressor: 'lz4_block' },
  'v6-zstd-64k': { chunkSize: 0x1_0000 },
  'v6-zstd-2m': { chunkSize: 0x20_0000 },
  'v6-sha256': { digester: 'sha256' },
  'v5-zstd': { fsVersion: 5 },
  'v5-none': { fsVersion: 5, compressor: 'none' },
  'v5-zstd-aligned': { fsVersion: 5, alignChunks: true },
  'v6-zstd-batch': { batchSize: 0x10_0000 },
  'v6-zstd-file': { prefetch: upstreamPatterns('/b/1\n') },
  'v6-zstd-list': {
    prefetch: upstreamPatterns('/c\n/b/1\n/missing\n/a/2\n/c/1\n/b/3\n'),
  },
  'v6-zstd-link': {
    prefetch: upstreamPatterns('/c/link\n/c/empty\n relative\n\n  /a/1  \n'),
  },
  'v6-zstd-missing': { prefetch: upstreamPatterns('/missing\n') },
  'v6-lz4-batch64k': { compressor: 'lz4_block', batchSize: 0x1_0000 },
  'v5-zstd-list': {
    fsVersion: 5,
    prefetch: upstreamPatterns('/c\n/b/1\n/missing\n/a/2\n/c/1\n/b/3\n'),
  },
} as const satisfies Readonly<Record<string, Partial<FormatOptions>>>;
export type ReferenceOption = keyof typeof PACKING;

export const REFERENCE_OPTIONS = Object.keys(PACKING) as readonly ReferenceOption[]; // the keys of the table

/** One line of `digests.json`: hex SHA-256 of the bootstrap and of each layer's RAFS blob. */
export interface ReferenceDigests {
  readonly bootstrap: string;
  readonly bootstrapSize: number;
  readonly layers: readonly string[];
}

export const fixturesFolder = join(projectRoot, 'fixtures');
const folder = join(fixturesFolder, 'reference');

export function referenceText(...path: readonly string[]): string {
  return readFileSync(join(folder, ...path), 'utf8');
}
export function hasReference(...path: readonly string[]): boolean {
  return existsSync(join(folder, ...path));
}
export function referenceJson(...path: readonly string[]): unknown {
  return JSON.parse(referenceText(...path));
}

/** Cases with results; the odd ones have none. */
export function referenceCases(): string[] {
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, 'expected.tree')));
}

/** Results with the dictionary that is the bootstrap of `dedup` in the same format. */
type WithDictionary = `${ReferenceOption}-dict`;

export function referenceDigests(): Readonly<
  Record<string, Readonly<Partial<Record<ReferenceOption | WithDictionary, ReferenceDigests>>>>
> {
  // Our own file, written when the results were taken over.
  return referenceJson('digests.json') as ReturnType<typeof referenceDigests>;
}

/** The layers of a case, lowest first. Needs python3. */
export function referenceLayers(name: string): Buffer[] {
  const from = join(sourcesFolder(), name);
  return readdirSync(from)
    .sort()
    .map((file) => readFileSync(join(from, file)));
}

/** Made at first use; test files that run side by side may both make it, and one of them wins. */
function sourcesFolder(): string {
  const script = join(folder, 'make-sources.py');
  const version = createHash('sha256').update(readFileSync(script)).digest('hex').slice(0, 16);
  const made = join(tmpdir(), `nydusify-ts-fixtures-${version}-${process.getuid?.() ?? 0}`);
  if (existsSync(made)) return made;
  const fresh = mkdtempSync(join(tmpdir(), 'nydusify-ts-fixtures-'));
  execFileSync('python3', [script, '--check', fresh], { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    renameSync(fresh, made);
  } catch (error) {
    if (!existsSync(made)) throw error;
    rmSync(fresh, { recursive: true });
  }
  return made;
}
