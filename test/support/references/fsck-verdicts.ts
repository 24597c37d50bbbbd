/** Mutations of a v6 bootstrap that we accept, before `fsck.erofs`: what it refuses, we should. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { mapOrdered } from '../../../src/io/concurrency.js';
import { readBootstrap } from '../../../src/rafs-builder/index.js';
import type { MutationRun } from '../damage/mutation-run.js';
import { applyEdits } from '../damage/mutations.js';

export interface FsckRun {
  readonly asked: number;
  /** The mutations that `fsck.erofs` refuses, each with the first words of its message. */
  readonly disagreements: readonly string[];
}

/** `folder` holds the files that it reads; devices are as large as the bootstrap says, and empty. */
export async function fsckRun(
  command: string,
  base: Buffer,
  { base: name, variants, refused }: MutationRun,
  folder: string,
): Promise<FsckRun> {
  const accepted = variants.filter((_, i) => refused[i] === false);
  const found = await mapOrdered(accepted, availableParallelism(), async (edits, i) => {
    const bytes = applyEdits(base, edits);
    const file = join(folder, `fsck-${i % 64}.boot`);
    await writeFile(file, bytes);
    const devices = await deviceFlags(bytes, join(folder, `fsck-${i % 64}`));
    const refusal = await fsck(command, [...devices, file]);
    return refusal === undefined ? undefined : `${name}: ${JSON.stringify(edits)}: ${refusal}`;
  });
  return { asked: accepted.length, disagreements: found.filter((line) => line !== undefined) };
}

async function deviceFlags(bytes: Buffer, prefix: string): Promise<string[]> {
  const { blobs } = readBootstrap(bytes).bootstrap;
  return mapOrdered(blobs, 1, async ({ record }, i) => {
    const path = `${prefix}-device${i}`;
    await writeFile(path, '');
    await truncate(path, record.uncompressedSize);
    return `--device=${path}`;
  });
}

/** Undefined when it finds nothing. */
async function fsck(command: string, args: readonly string[]): Promise<string | undefined> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.on('data', (text: Buffer) => {
    words += text.toString('utf8');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0 ? undefined : `exit ${code ?? 'by signal'}, ${words.trim().split('\n')[0] ?? ''}`;
}
