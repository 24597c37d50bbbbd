/** Sound bootstraps of which mutations are made: small ones that have, together, every structure of both formats. */
import { gzipSync } from 'node:zlib';
import { converted, storedImage } from '../images/memory-conversion.js';
import { char, dir, file, gzipEvery, hardlink, layer, symlink } from '../images/tar.js';
import { zstdStored } from '../images/unreferable.js';
import { bootstrapBytes } from '../references/read-image.js';
import { referenceBootstrap } from '../references/reference-bootstraps.js';

export interface MutatedBase {
  readonly name: string;
  readonly isV6: boolean;
  readonly bytes: () => Promise<Buffer>;
}

/** Bootstraps of the reference builder. */
export const STORED: readonly (readonly [name: string, option: string])[] = [
  ['basic', 'v6-zstd'],
  ['devices', 'v6-zstd'],
  ['symlinks', 'v6-none'],
  ['hardlinks', 'v6-zstd'],
  ['chunks', 'v6-zstd-64k'],
  ['no-data', 'v6-zstd'],
  ['basic', 'v5-zstd'],
  ['devices', 'v5-zstd'],
  ['hardlinks', 'v5-zstd'],
  ['chunks', 'v5-zstd'],
  ['basic', 'v6-lz4'],
  ['basic', 'v6-sha256'],
  ['hardlinks', 'v6-zstd-batch'],
];

export const BASES: readonly MutatedBase[] = [
  ...STORED.map(([name, option]) => ({
    name: `${name}/${option}`,
    isV6: option.startsWith('v6'),
    bytes: () => Promise.resolve(referenceBootstrap(name, option)),
  })),
  { name: 'referring/v6-mixed', isV6: true, bytes: referringBootstrap },
];

/**
 * The bootstrap of an image whose chunks stay in layers: in one of gzip, in one of several members and in a plain tar, beside a blob
 * that stores the chunks of a layer of zstd. Files of upper layers refer to chunks of lower ones of each kind.
 */
async function referringBootstrap(): Promise<Buffer> {
  const text = (word: string): string => word.repeat(3000);
  const tars = [
    layer(dir('./'), dir('a'), file('a/one', text('one ')), file('small', 'x'), symlink('link', 'a/one')),
    layer(file('a/two', text('two ')), file('a/again', text('one ')), hardlink('hard', 'a/two')),
    layer(file('stored', text('three ')), file('empty', ''), char('null', 1, 3)),
    layer(file('plain', text('four ')), file('all', text('three ') + text('two '))),
  ];
  const pack = [gzipSync, (tar: Buffer) => gzipEvery(5000, tar), zstdStored, (tar: Buffer) => tar];
  const stored = tars.map((tar, place) => pack[place]?.(tar) ?? tar);
  const target = await converted(storedImage(stored, tars), {
    ociRef: 'zran',
    dedup: 'image',
    chunkSize: 0x1000,
    zranSpan: 64 << 10,
  });
  return Buffer.from(await bootstrapBytes(target));
}
