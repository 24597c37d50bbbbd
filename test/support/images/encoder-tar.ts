/** The tar that other encoders have packed for `fixtures/gzip`: content of several kinds, so that their blocks differ. */
import { createHash } from 'node:crypto';
import { dir, file, layer } from './tar.js';

const WORDS = [
  'layer',
  'chunk',
  'window',
  'stop',
  'member',
  'trailer',
  'block',
  'code',
  'length',
  'distance',
];

/** Bytes that look random, the same in each run. */
function noise(seed: string, length: number): Buffer {
  const parts = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256').update(`${seed} ${i}`).digest(),
  );
  return Buffer.concat(parts).subarray(0, length);
}

function text(seed: string, length: number): Buffer {
  const picks = noise(seed, length / 4);
  const words = Array.from(picks, (pick, i) => `${WORDS[pick % 10] ?? ''}${pick % 7 === 0 ? i : ''}`);
  return Buffer.from(words.join(' ')).subarray(0, length);
}

export function encoderTar(): Buffer {
  return layer(
    dir('./'),
    file('text', text('text', 70_000)),
    file('noise', noise('noise', 5_000)),
    file('zeros', Buffer.alloc(40_000)),
    ...Array.from({ length: 24 }, (_, i) => file(`small/${i}`, text(`small ${i}`, 100 * i))),
    file('again', text('text', 35_000)),
    file('numbers', Array.from({ length: 4500 }, (_, i) => `${(i * 7919) % 100_003}\n`).join('')),
    file('tail', text('tail', 20_000)),
  );
}
