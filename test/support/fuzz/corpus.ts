/** The corpora of the fuzzer: for each target a text with one input a line, deflated, in base64, and seeds that are made here. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { projectRoot } from '../project.js';
import { seedsOf } from './seeds.js';

/** What a corpus may hold, so that it remains small and its test quick. */
interface Room {
  readonly inputs: number;
  /** Bytes of the longest line. */
  readonly lineBytes: number;
  /** Bytes of the text. Inputs that are kept already stay, even if they are more. */
  readonly bytes: number;
}

const ROOM: Room = { inputs: 60, lineBytes: 2732, bytes: 128 * 1024 };

/** The corpus of a target that runs here. */
export function corpusFile(name: string): string {
  return join(projectRoot, 'test', 'support', 'fuzz', 'corpus', `${name.replace(/[^a-z0-9]+/gi, '-')}.txt`);
}

async function linesOf(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => ''); // a target may have no corpus yet
  return text.split('\n').filter((line) => line !== '');
}

/** The inputs in a file. */
export async function keptInputs(file: string): Promise<Buffer[]> {
  return (await linesOf(file)).map((line) => inflateRawSync(Buffer.from(line, 'base64')));
}

/** Seeds and corpus of a target that runs here. */
export async function readCorpus(name: string): Promise<Buffer[]> {
  return [...(await seedsOf(name)), ...(await keptInputs(corpusFile(name)))];
}

/** An input as a line of a corpus. */
export function corpusLine(input: Buffer): string {
  return deflateRawSync(input, { level: 9 }).toString('base64');
}

/** Adds inputs to those in a file, the small ones first, as long as there is room. */
export async function keepInputs(file: string, inputs: readonly Buffer[], room = ROOM): Promise<void> {
  const lines = new Set(await linesOf(file));
  let bytes = [...lines].reduce((sum, { length }) => sum + length + 1, 0);
  const added = inputs
    .map(corpusLine)
    .filter(({ length }) => length <= room.lineBytes)
    .sort((a, b) => a.length - b.length);
  for (const line of added) {
    bytes += line.length + 1;
    if (lines.size >= room.inputs || bytes > room.bytes) break;
    lines.add(line);
  }
  if (lines.size === 0) return;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(
    file,
    [...lines]
      .sort()
      .map((line) => `${line}\n`)
      .join(''),
  );
}
