/**
 * Writes docs/format.md, docs/checks.md, docs/clients.md, docs/security.md, docs/terminal.md, docs/traps.md, sections of docs/ARCHITECTURE.md, docs/registries.md, docs/service.md and docs/upstream.md,
 * native/layout, the types and tables of the addon in src/native, and the scripts of `completion`, from the tables that the code runs on. `--check` writes nothing, and fails when a file differs
 * from what would be written, or when a test that a page names does not exist. Run it from the root of the project.
 */
import { type DocumentName, DOCUMENTS, publishedSchema } from './schemas/documents.js';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { AUDIT_RULES } from '../../src/rafs-builder/rules/rules.js';
import * as blob from '../../src/rafs-builder/layout/blob.js';
import type { AnyStruct, FlagInfo } from '../../src/rafs-builder/layout/struct.js';
import * as v5 from '../../src/rafs-builder/layout/v5.js';
import * as v6 from '../../src/rafs-builder/layout/v6.js';
import { DEVIATIONS } from './deviations.js';
import { answersSection } from './answers.js';
import { addonTypes, formatTables } from './addon.js';
import { layeringSection } from './architecture.js';
import { checksPage } from './checks.js';
import { clientsPage } from './clients.js';
import { completionScripts } from './completion.js';
import { LAYOUT_FILES } from './layout.js';
import { missingTests } from './named-test.js';
import { withSection } from './page-section.js';
import {
  codesTable,
  driverKeys,
  endpointsTable,
  metricsTable,
  schemasTable,
  serviceKeys,
} from './service.js';
import { DIFFERENCE_TESTS, differencesTable } from './service-differences.js';
import { terminalPage } from './terminal.js';
import { SECURITY_TESTS, securityPage } from './security/page.js';
import { TRAP_TESTS, trapsPage } from './traps.js';
import { rulesSource } from './rules.js';
import { CASE_TESTS } from './upstream/cases.js';
import { casesSection, surfaceSection } from './upstream/page.js';
import { markdownTable } from '../../test/support/markdown-table.js';

const PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/format.md': render,
  'docs/checks.md': checksPage,
  'docs/clients.md': clientsPage,
  'docs/security.md': securityPage,
  'docs/terminal.md': terminalPage,
  'docs/traps.md': trapsPage,
  'docs/ARCHITECTURE.md': () =>
    withSection(readFileSync('docs/ARCHITECTURE.md', 'utf8'), 'layering', layeringSection()),
  'docs/registries.md': () =>
    withSection(readFileSync('docs/registries.md', 'utf8'), 'answers', answersSection()),
  'docs/service.md': () =>
    Object.entries({
      'service-differences': differencesTable(),
      'service-keys': serviceKeys(),
      'service-driver': driverKeys(),
      'service-endpoints': endpointsTable(),
      'service-schemas': schemasTable(),
      'service-codes': codesTable(),
      'service-metrics': metricsTable(),
    }).reduce((page, [name, text]) => withSection(page, name, text), readFileSync('docs/service.md', 'utf8')),
  'docs/upstream.md': () =>
    withSection(
      withSection(readFileSync('docs/upstream.md', 'utf8'), 'surface', surfaceSection()),
      'cases',
      casesSection(),
    ),
  'src/native/formats.ts': formatTables,
  'src/native/addon-types.ts': addonTypes,
  ...Object.fromEntries(
    Object.entries(LAYOUT_FILES).map(([name, page]) => [`native/layout/src/${name}`, page]),
  ),
  'native/layout/src/rules.rs': rulesSource,
  'src/cli/completion/scripts.ts': completionScripts,
  ...Object.fromEntries(
    (Object.keys(DOCUMENTS) as DocumentName[]).map((name) => [
      `docs/schemas/${name}.schema.json`,
      () => publishedSchema(name),
    ]),
  ),
};

async function main(args: readonly string[]): Promise<number> {
  const check = args.includes('--check');
  const faults = missingTests([
    ...DEVIATIONS.map(({ test }) => test),
    ...TRAP_TESTS,
    ...DIFFERENCE_TESTS,
    ...SECURITY_TESTS,
    ...CASE_TESTS,
  ]);
  for (const [file, page] of Object.entries(PAGES)) {
    const text = await page();
    if (!check) writeFileSync(file, text);
    else if (!existsSync(file) || readFileSync(file, 'utf8') !== text)
      faults.push(`${file} is not up to date: npm run docs`);
  }
  if (!check) return 0;
  for (const fault of faults) console.error(fault);
  return faults.length === 0 ? 0 : 1;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function structure(struct: AnyStruct): string {
  const rows = struct.fields.map(({ name, offset, type, meaning }) => [
    hex(offset),
    type,
    `\`${name}\``,
    meaning,
  ]);
  return `### ${struct.name}, ${struct.size} bytes\n\n${struct.purpose}\n\n${markdownTable(['at', 'type', 'field', 'meaning'], rows)}`;
}

function flagTable(set: { readonly name: string; readonly rows: readonly FlagInfo[] }): string {
  const rows = set.rows.map(({ name, value, meaning }) => [hex(value), `\`${name}\``, meaning]);
  return `### ${set.name}\n\n${markdownTable(['bit', 'name', 'meaning'], rows)}`;
}

function render(): string {
  return [
    HEAD,
    BLOB,
    ...[blob.tarHeader, blob.tocEntry].map(structure),
    flagTable(blob.tocFlags),
    ...[blob.chunkMeta, blob.blobMetaHeader].map(structure),
    BLOB_META_V2,
    structure(blob.chunkMetaV2),
    flagTable(blob.chunkMetaV2Flags),
    ...[blob.batchContext, blob.zranContext].map(structure),
    BOOTSTRAP,
    ...[v6.superBlock, v6.extendedSuperBlock, v6.deviceSlot, v6.blobEntry, v6.prefetchEntry].map(structure),
    INODES,
    ...[v6.inodeExtended, v6.inodeCompact, v6.xattrHeader, v6.xattrEntry, v6.chunkIndexEntry, v6.dirent].map(
      structure,
    ),
    CHUNK_TABLE,
    structure(v6.chunkInfo),
    '## Flags and numbers',
    ...[v6.superFlags, v6.blobFeatures, v6.chunkFlags].map(flagTable),
    numbers(),
    V5,
    ...[
      v5.superBlock,
      v5.inodeTableEntry,
      v5.prefetchEntry,
      v5.blobPrefix,
      v5.extendedBlob,
      v5.inode,
      v5.xattrTotal,
      v5.xattrPair,
    ].map(structure),
    flagTable(v5.inodeFlags),
    LIMITS,
    rules(),
    deviations(),
    '',
  ].join('\n\n');
}

function numbers(): string {
  const list = (table: Readonly<Record<string, number>>): string =>
    Object.entries(table)
      .map(([name, value]) => `${value} \`${name}\``)
      .join(', ');
  return `Compressors: ${list(v6.COMPRESSORS)}. Digesters: ${list(v6.DIGESTERS)}.`;
}

function rules(): string {
  const rows = Object.entries(AUDIT_RULES).map(([id, { severity, holds }]) => [`\`${id}\``, severity, holds]);
  return `## What holds in a sound bootstrap

\`nydusify check\` and \`nydusify inspect\` hold every bootstrap to these. The reference's readers check the first; the kernel
relies on some of the others without looking.

${markdownTable(['id', 'severity', 'rule'], rows)}`;
}

function deviations(): string {
  const rows = DEVIATIONS.map(({ what, reference, ours, test }) => [
    what,
    reference,
    ours,
    `\`${test.file}\`: ${test.words}`,
  ]);
  return `## Deviations from the reference

With \`--dedup layer\`, the default, layer blobs and merged bootstraps are those of nydus-image (v2.4.4), byte for byte, but for these
rows. In each of them the reference contradicts the image spec, does not repeat itself, or gives up.

${markdownTable(['what', 'reference', 'ours', 'test'], rows)}`;
}

const HEAD = `<!-- Written by tools/docs/main.ts from the tables in src/rafs-builder. Do not edit: npm run docs. -->

# The format

What nydusify-ts writes and reads: bootstraps of RAFS v6 and v5, and RAFS blobs, as Nydus defines them. All integers are little-endian,
sizes and offsets in bytes unless a unit is given.

- **Bootstrap**: the metadata of an image. A valid EROFS file system that holds no file data.
- **RAFS blob**: what one source layer becomes: its chunks, records of them, the layer's own bootstrap, a table of contents.
- **Chunk**: a piece of one file, at most the chunk size. Chunks of a blob also have an address in its *uncompressed address
  space*, in which each starts at a multiple of 4096: the device that EROFS sees, and nydusd's cache file.`;

const BLOB = `## RAFS blob

Sections lie one behind the other. A tar header *follows* each, and nothing is padded: a blob is read from its end.

| section | content | compressed |
| - | - | - |
| \`image.blob\` | chunks, back to back | each on its own |
| \`blob.meta\` | a record a chunk, then the header | records: as chunks, when that is smaller |
| \`blob.digest\` | a digest a chunk, 32 bytes | no |
| \`image.boot\` | the layer's bootstrap | zstd, when that is smaller |
| \`rafs.blob.toc\` | the table of contents | no |

A layer that stores no chunk has the last two alone. In the table of contents \`blob.meta.header\` is an entry of its own,
the digest of \`image.blob\` covers its tar header too, and its uncompressed size is that of the address space. The blob's id is
the SHA-256 of the whole file, so its own bootstrap cannot know it and says 64 × \`x\`; its \`compressedSize\` there is the offset of
\`image.boot\`, and stays so in the merged bootstrap. The image's bootstrap layer carries, for each blob with chunks, the file
\`<id>.blob.meta\`: the records uncompressed, zero padded to 4096, and the header, exactly nydusd's cache file.`;

const BLOB_META_V2 = `### Records of version 2

Written with \`--batch-size\`. Blobs with the feature CHUNK_INFO_V2 (batches of small chunks, inflate contexts of an
original layer, encryption) have records of 24 bytes, and the contexts follow them: \`BatchContext\` or \`ZranContext\`, then the
dictionaries of the latter. All of it is compressed as one.`;

const BOOTSTRAP = `## Bootstrap

\`\`\`
0x000  zero
0x400  SuperBlock
0x480  ExtendedSuperBlock
0x580  DeviceSlot × N                      N blobs
       BlobEntry × N                       at the next multiple of 4096
       PrefetchEntry × 1                   right behind: the root, that is everything
       metadata area                       at the next multiple of 4096; its first block is unused
       ChunkInfo × C                       at the next multiple of 4096
\`\`\`

Without blobs there is no prefetch table and the metadata area starts at 0, so that the root is at 4096 in any case. The file
ends at a multiple of 4096.`;

const INODES = `## Inodes and directories

An inode's nid is its distance from the start of the metadata area in slots of 32 bytes; the root's is 128. Behind the inode
come its xattrs, then its body: chunk entries of a file (8-byte aligned), or the last, partial block of a directory or symlink when inode
and tail fit one block (*inline*); whole blocks lie elsewhere (*plain*).

**Walk order** numbers, merges and places: all names of a directory sorted by bytes, then the directories among them, each with
all that is below. Inode numbers count every name in this order. Inodes are placed in it too, a directory first, then what is
no directory in it, then its directories; gaps that alignment leaves at the ends of blocks are filled, the smallest that fits and the
oldest of its size.

**Directories** list \`.\` and \`..\` among their names, all sorted by bytes. A block holds as many entries as fit with their names; entries
come first, then the names without separators. All blocks but the last count as 4096 bytes of the directory's size.

**Chunk format** (\`union\` of a file): 0x20, plus the binary logarithm of chunk size / 4096. A file of several chunks that follow each
other in one blob shows the next power of two of its size instead: to the kernel it is one extent.`;

const CHUNK_TABLE = `## Chunk table

One record for each chunk that some file refers to, sorted by digest, then by blob. Nydus' tools find the chunks of an inode in it
by blob, index and block; the kernel ignores it.`;

const V5 = `## RAFS v5

Written with \`--fs-version 5\`, for nydusd alone: no kernel mounts it. A format of its own: an inode table by number, and for each *name* a record with everything
in it: inode, name, target, xattrs, and the chunk records of a file (\`ChunkInfo\`, as above, with the true file offset). Tables and
records are padded to 8 bytes with zeros.

\`\`\`
0x0000  SuperBlockV5
0x2000  InodeTableEntry × names
        PrefetchEntryV5
        BlobPrefix, id, NUL between entries
        ExtendedBlob × N
        InodeV5, name, target, xattrs, ChunkInfo × chunks     for each name, depth first
\`\`\`

Entries of a directory have numbers in a row, sorted by name. Hard links have a record each, with the number of the first in \`ino\`. An
inode's digest is that of its chunks' digests, one behind the other; of a symlink's target; of the digests of a directory's entries; of
nothing for anything else. A v5 blob has two sections, \`image.blob\` and \`image.boot\`, and no table of contents.`;

const LIMITS = `## Limits

| what | limit |
| - | - |
| blobs of an image of RAFS v6 | ${v6.MAX_BLOBS} |
| bootstrap of RAFS v5 | 4 GiB |
| chunks of a blob | 16777215 |
| chunk size | ${hex(v6.MIN_CHUNK_SIZE)} to ${hex(v6.MAX_CHUNK_SIZE)}, a power of two |
| blob, compressed / uncompressed | 2^40 / 2^44 bytes |
| name | ${v6.MAX_NAME_LENGTH} bytes |
| symlink target | 1 to ${v6.MAX_SYMLINK_LENGTH} bytes |
| xattr name / value / all of an inode | 255 / 65535 / 262140 bytes |
| device | major 12 bits, minor 20 bits |
| directories below each other | ${v6.MAX_DEPTH}; more cannot be named by a path |`;

process.exitCode = await main(process.argv.slice(2));
