/** The corpora of the fuzzer: for each target a text with one input a line, deflated, in base64, and seeds that are made here. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { projectRoot } from '../project.js';
import { seedsOf } from './seeds.js';

/** Inputs that are kept, and the bytes of the largest of them, so that a corpus remains small and its test quick. */
const MAX_INPUTS = 60;
const MAX_BYTES = 2048;

function fileOf(name: string): string {
  return join(projectRoot, 'test', 'support', 'fuzz', 'corpus', `${name.replace(/[^a-z0-9]+/gi, '-')}.txt`);
}

async function kept(name: string): Promise<string[]> {
  const text = await readFile(fileOf(name), 'utf8').catch(() => ''); // a target may have no corpus yet
  return text.split('\n').filter((line) => line !== '');
}

/** Seeds and corpus of a target. */
export async function readCorpus(name: string): Promise<Buffer[]> {
  const inputs = (await kept(name)).map((line) => inflateRawSync(Buffer.from(line, 'base64')));
  return [...(await seedsOf(name)), ...inputs];
}

/** Adds inputs to the corpus of a target, as long as there is room. */
export async function keepInputs(name: string, inputs: readonly Buffer[]): Promise<void> {
  const small = inputs
    .map((input) => deflateRawSync(input, { level: 9 }))
    .filter(({ length }) => length <= MAX_BYTES);
  const lines = new Set([...(await kept(name)), ...small.map((input) => input.toString('base64'))]);
  const all = [...lines].slice(0, MAX_INPUTS).sort();
  if (all.length === 0) return;
  await mkdir(dirname(fileOf(name)), { recursive: true });
  await writeFile(fileOf(name), `${all.join('\n')}\n`);
}
