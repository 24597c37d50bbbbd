/** The part of docs/clients.md about the readers of each form of an image. */
import { READERS } from '../../src/native/formats.js';
import { markdownTable } from '../../test/support/markdown-table.js';

interface Row {
  /** How the image was converted. */
  readonly image: string;
  readonly nydusd: string;
  readonly kernel: string;
  readonly snapshotter: string;
}

const FROM_2_2 = '2.2';
const EROFS = 'EROFS from 5.16';
const ANY_DRIVER = 'every driver';

/** What nydusd takes is what its releases check in `storage/src/device.rs`, `storage/src/meta` and `rafs/src/metadata`. */
const ROWS: readonly Row[] = [
  {
    image: 'RAFS v6, the default',
    nydusd: `${FROM_2_2}; checksums of chunks count from 2.3.2 on, and are passed by before`,
    kernel: EROFS,
    snapshotter: ANY_DRIVER,
  },
  { image: '`--fs-version 5`', nydusd: FROM_2_2, kernel: 'none', snapshotter: '`fusedev` alone' },
  {
    image: '`--compressor lz4_block`, `none`, `zstd:LEVEL`; `--digester`; `--fs-chunk-size` to 16 MiB',
    nydusd: FROM_2_2,
    kernel: 'as the version',
    snapshotter: 'as the version',
  },
  {
    image: '`--prefetch-dir`, `--prefetch-patterns`, `--prefetch-file`',
    nydusd: FROM_2_2,
    kernel: 'takes no notice of the list',
    snapshotter: 'as the version',
  },
  {
    image: '`--chunk-dict`, `--dedup image`',
    nydusd: FROM_2_2,
    kernel: 'as the version',
    snapshotter: 'as the version; tools that unpack single layers write zeros for chunks of other blobs',
  },
  {
    image: '`--batch-size`',
    nydusd: '2.3.2: earlier ones refuse the checksums in the records of such blobs',
    kernel: `${EROFS}, over blobs that nydusd has laid out`,
    snapshotter: ANY_DRIVER,
  },
  {
    image: '`--batch-size` with `--compat nydusd-2.3`',
    nydusd: '2.3.0; 2.2 refuses the blobs',
    kernel: `${EROFS}, over blobs that nydusd has laid out`,
    snapshotter: ANY_DRIVER,
  },
  {
    image: 'any of the others with `--compat nydusd-2.2`',
    nydusd: `${FROM_2_2}; its records are those of that release, without checksums`,
    kernel: 'as the version',
    snapshotter: 'as the version',
  },
];

export function readersSection(): string {
  const rows = ROWS.map(({ image, nydusd, kernel, snapshotter }) => [image, nydusd, kernel, snapshotter]);
  const mark = (value: boolean): string => (value ? 'yes' : 'no');
  return [
    '## Readers',
    `The least version of each reader, by what an image was converted with. nydusd refuses what it does not know in a blob's records and features,
and passes by unknown flags of chunks in a bootstrap; known from its sources at the tags v2.2.0 to v2.4.4. RAFS v6 needs chunk-based files
(Linux 5.15) and a table of devices (5.16).`,
    markdownTable(['image', 'nydusd', 'kernel', 'nydus-snapshotter'], rows),
    'The values of `--compat`. The default stays; only what is written differs, not the files:',
    markdownTable(
      ['`--compat`', 'checksums of chunks', 'batches'],
      READERS.map(({ name, checksums, batches }) => [
        `\`${name}\``,
        mark(checksums),
        batches ? 'allowed' : 'refused',
      ]),
    ),
  ].join('\n\n');
}
