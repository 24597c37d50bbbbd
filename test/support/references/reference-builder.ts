/** The upstream project's published libraries as a judge: `native/reference`, built apart from what ships. */
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { FormatOptions } from '../../../src/native/addon-types.js';
import type { Tool } from './tools.js';
import { runTool } from '../run-tool.js';
import { projectRoot } from '../project.js';

const program = join(projectRoot, 'native', 'reference', 'target', 'debug', 'nydus-reference');

export function referenceTool(): Tool {
  if (existsSync(program)) return { path: program };
  return {
    missing:
      'needs the reference builder (OPENSSL_NO_VENDOR=1 cargo build --locked --manifest-path native/reference/Cargo.toml)',
  };
}

export type ReferenceOptions = Pick<
  FormatOptions,
  'fsVersion' | 'compressor' | 'chunkSize' | 'digester' | 'alignChunks'
> & {
  readonly batchSize?: number | undefined;
  /** What the upstream converter gives on standard input: by default "read the whole image ahead". */
  readonly prefetch?: string | undefined;
  /** The path of the bootstrap whose chunks are referred to. */
  readonly dictionary?: string | undefined;
};

const PREFETCH = '/\n';

export interface ReferenceBlob {
  /** SHA-256 of the blob, which is its id and file name. */
  readonly id: string;
  readonly blob: string;
  /** Path of the layer's own bootstrap, named by the id. */
  readonly bootstrap: string;
}

/** Builds a layer tar into `folder`. */
export async function referenceLayer(
  tar: string,
  folder: string,
  options: ReferenceOptions,
): Promise<ReferenceBlob> {
  const unnamed = `${tar}.blob`;
  const create = [
    'create',
    ...['--fs-version', `${options.fsVersion}`],
    ...(options.alignChunks ? ['--aligned-chunk'] : []),
    ...['--compressor', options.compressor],
    ...['--digester', options.digester],
    ...['--chunk-size', `${options.chunkSize}`],
    ...['--batch-size', `${options.batchSize ?? 0}`],
    ...dictionaryFlag(options.dictionary),
    tar,
    unnamed,
  ];
  const id = (await runTool(program, create, { input: options.prefetch ?? PREFETCH }))
    .toString('utf8')
    .trim();
  const blob = join(folder, id);
  await rename(unnamed, blob);
  const bootstrap = `${blob}.boot`;
  await runTool(program, ['bootstrap', blob, bootstrap]);
  return { id, blob, bootstrap };
}

/** Merges layer bootstraps, lowest first; gives the ids of the blobs in the order of the image's blob table. */
export async function referenceMerge(
  out: string,
  layers: readonly { readonly bootstrap: string }[],
  { prefetch = PREFETCH, dictionary }: Pick<ReferenceOptions, 'prefetch' | 'dictionary'> = {},
): Promise<readonly string[]> {
  const sources = layers.map(({ bootstrap }) => bootstrap);
  const stdout = await runTool(program, ['merge', ...dictionaryFlag(dictionary), '--json', out, ...sources], {
    input: prefetch,
  });
  const { blobs } = JSON.parse(stdout.toString('utf8')) as { blobs: string[] }; // written by merge.rs
  return blobs;
}

const dictionaryFlag = (path: string | undefined): string[] =>
  path === undefined ? [] : ['--chunk-dict', path];

export interface CheckReport {
  readonly nodes: number;
  readonly chunks: number;
  readonly blobs: readonly string[];
}

/** Loads a bootstrap as `nydus-image check` does. Rejects when it is refused. */
export async function referenceCheck(bootstrap: string): Promise<CheckReport> {
  const stdout = await runTool(program, ['check', bootstrap]);
  return JSON.parse(stdout.toString('utf8')) as CheckReport; // written by check.rs
}

/**
 * Reads every file of an image with the digest of every chunk checked; gives the tree as canonical lines. `devices`: a
 * folder that receives the uncompressed address space of each blob, named by its number. Rejects at the first wrong byte.
 */
export async function referenceRead(bootstrap: string, blobs: string, devices?: string): Promise<string> {
  const flags = devices === undefined ? [] : ['--devices', devices];
  return (await runTool(program, ['read', ...flags, bootstrap, blobs])).toString('latin1');
}

/** The tree of a folder as canonical lines. */
export async function listTree(folder: string): Promise<string> {
  return (await runTool(program, ['list', folder])).toString('latin1');
}
