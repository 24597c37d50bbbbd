/**
 * The corpus of the fuzzer, kept as text: `native/fuzz/corpus.txt`, one input a line, deflated, in base64, sorted.
 *
 *   node tools/fuzz-corpus.mjs unpack FOLDER      one file for each input, as libFuzzer wants them
 *   node tools/fuzz-corpus.mjs pack FOLDER        the other way; merge first, so that the folder holds only what counts
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

const FILE = join(import.meta.dirname, '..', 'native', 'fuzz', 'corpus.txt');
const [verb, folder] = process.argv.slice(2);

if (folder === undefined || (verb !== 'pack' && verb !== 'unpack')) {
  console.error('usage: node tools/fuzz-corpus.mjs pack|unpack FOLDER');
  process.exitCode = 2;
} else if (verb === 'unpack') {
  mkdirSync(folder, { recursive: true });
  for (const line of readFileSync(FILE, 'utf8').trim().split('\n')) {
    const input = inflateRawSync(Buffer.from(line, 'base64'));
    writeFileSync(join(folder, createHash('sha1').update(input).digest('hex')), input);
  }
} else {
  const lines = readdirSync(folder).map((name) =>
    deflateRawSync(readFileSync(join(folder, name)), { level: 9 }).toString('base64'),
  );
  writeFileSync(FILE, `${lines.sort().join('\n')}\n`);
}
