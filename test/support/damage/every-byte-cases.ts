/** The fixture cases as subjects of "every byte counts": the bootstrap of a small image, and the end of each of its blobs. */
import { bootstrapRules } from '../../../src/check/bootstrap.js';
import { checkSections } from '../../../src/check/blob.js';
import { checkContent, type ContentSubject } from '../../../src/check/content.js';
import { checkFilesystem } from '../../../src/check/filesystem.js';
import type { Finding } from '../../../src/check/finding.js';
import { inspectBootstrap, openImage, type OpenedImage, type UsedBlob } from '../../../src/check/opened.js';
import { Collector } from '../../../src/check/rule.js';
import { type ImageSubject, loadSubject } from '../../../src/check/subject.js';
import { bootstrapOf } from '../../../src/image/bootstrap-layer.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { digestHex } from '../../../src/oci/digest.js';
import { allPlatforms } from '../../../src/oci/platform.js';
import { readBootstrap } from '../../../src/rafs-builder/index.js';
import { SECTIONS, TAR_HEADER_SIZE } from '../../../src/rafs-builder/layout/blob.js';
import { decodeTarHeader } from '../../../src/rafs-builder/blob/section-header.js';
import { tocOf } from '../images/blob-toc.js';
import { converted, sourceImage } from '../images/memory-conversion.js';
import { dataLayersOf } from '../../../src/image/kinds.js';
import { MemoryStore } from '../registries/memory-store.js';
import { bootstrapFindings } from './findings.js';
import { everyByteOf, type FileReport, type Subject, type Thoroughness } from './every-byte.js';
import { type BlobRecord, rafsBlobOf } from '../../../src/rafs-builder/model/tree.js';
import type { FormatOptions } from '../../../src/native/addon-types.js';
import { sectionNames, sectionNamesV5, structNames } from './every-byte-names.js';
import { PACKING, referenceDigests, referenceJson, referenceLayers } from '../images/fixtures.js';
import { bareV5Parts, isFramedV5, v5Image, v5Parts } from '../images/v5-image.js';

/** The options of fixtures, and chunks that stay in their layers: with contexts, dictionaries and records of their own. */
const OPTIONS = {
  ...PACKING,
  'v6-ref': { ociRef: 'zran', zranSpan: 64 << 10 },
} as const satisfies Readonly<Record<string, Partial<FormatOptions>>>;

/** Cases that are converted with other options than the usual ones: small images that have, together, every structure. */
const CONVERTED: readonly (readonly [name: string, option: keyof typeof OPTIONS])[] = [
  ['all-deleted', 'v5-zstd'],
  ['basic', 'v5-zstd'],
  ['chunks', 'v5-zstd-aligned'],
  ['xattrs-hardlinks', 'v5-zstd'],
  ['basic', 'v6-lz4'],
  ['chunks', 'v6-lz4'],
  ['no-data', 'v6-sha256'],
  ['basic', 'v6-lz4-batch64k'],
  ['hardlinks', 'v6-lz4-batch64k'],
  ['dedup', 'v6-zstd-batch'],
  ['zran', 'v6-ref'],
];

/** `CASE`, `CASE:OPTION`: converted by us; `CASE/v5-…`: a v5 image with the reference's bootstrap. */
export function everyByteCases(): string[] {
  const v5 = referenceJson('v5-digests.json') as Record<string, Record<string, string>>; // our own file
  return [
    ...Object.keys(referenceDigests()),
    ...Object.entries(v5).map(([name, options]) => `${name}/${Object.keys(options)[0] ?? ''}`),
    ...CONVERTED.map((words) => words.join(':')),
  ];
}

/** Changes the bootstrap first, then the blobs in the order of layers. */
export async function everyByteOfCase(name: string, how: Thoroughness): Promise<FileReport[]> {
  const reports: FileReport[] = [];
  for (const subject of await subjectsOfCase(name)) reports.push(await everyByteOf(subject, how));
  return reports;
}

/** The bootstrap of a case's image, then its blobs in the order of layers. */
export async function subjectsOfCase(name: string): Promise<Subject[]> {
  const target = await targetOf(name);
  const { images } = await loadSubject(target, 'target', allPlatforms, {});
  const [image] = images;
  if (image === undefined) throw new Error(`case ${name} has no image`);
  const { opened } = await openImage(image, {});
  if (opened === undefined) throw new Error(`the image of case ${name} cannot be opened`);
  const blobs = image.manifest.value.layers
    .slice(0, -1)
    .map((blob, number) => blobSubject(opened, target, blob, number + 1));
  return [bootstrapSubject(opened), ...blobs.filter(({ start, bytes }) => start < bytes.length)];
}

async function targetOf(name: string): Promise<MemoryStore> {
  const [written = '', packing] = name.split(':');
  if (packing !== undefined)
    return converted(sourceImage(referenceLayers(written)), OPTIONS[packing as keyof typeof OPTIONS]); // a name of `CONVERTED`
  const [first = '', option] = name.split('/');
  if (option === undefined) return converted(sourceImage(referenceLayers(first)));
  const parts = isFramedV5(first) ? await v5Parts(first) : await bareV5Parts(first, option);
  const { target } = await v5Image(first, parts);
  return target;
}

function bootstrapSubject(opened: OpenedImage): Subject {
  const { image, layer, data } = opened;
  const bytes = bootstrapOf(layer) ?? Buffer.alloc(0);
  // Each look reads again what the look before it could read, so that only unseen changes come that far.
  const read = (changed: Buffer): OpenedImage => {
    const { read: values } = inspectBootstrap(changed, {});
    if (values === undefined) throw new Error('a bootstrap that cannot be read had no finding');
    return { image, layer, data, ...values };
  };
  return {
    file: 'bootstrap',
    bytes,
    start: 0,
    looks: [
      ['bootstrap', bootstrapFindings],
      // The tree of the sound bootstrap stands for that of the source, which it was made from.
      [
        'filesystem (--source)',
        (changed) => {
          const { bootstrap, readTree } = read(changed);
          const content = opened.bootstrap;
          return all(checkFilesystem({ target: image, bootstrap, readTree, source: image, content }, {}));
        },
      ],
      ['manifest', (changed) => all(againstManifest(read(changed)))],
      [
        'content',
        (changed) => all(checkContent({ opened: read(changed), verified: new Set(), threads: 1 }, {})),
      ],
    ],
    nameOf: structNames(readBootstrap(bytes)),
  };
}

async function* againstManifest(opened: OpenedImage): AsyncGenerator<Finding> {
  for (const rule of bootstrapRules) yield* rule.check(opened, {});
}

function blobSubject(opened: OpenedImage, target: MemoryStore, blob: Descriptor, number: number): Subject {
  const bytes = Buffer.from(target.content.get(blob.digest) ?? []);
  const used = opened.blobs.find(({ record }) => rafsBlobOf(record) === digestHex(blob.digest));
  const { start, nameOf } = opened.version === 5 ? endOfV5(bytes) : endOfV6(bytes);
  return {
    file: `blob ${number}`,
    bytes,
    start,
    looks: [
      ['sections', (changed) => lookAtSections(opened, target, { blob, used }, changed)],
      ['content', (changed) => all(checkContent(withBlob(opened, target, blob, changed), {}))],
    ],
    nameOf,
  };
}

type End = Pick<Subject, 'start' | 'nameOf'>;

function endOfV6(bytes: Buffer): End {
  const toc = tocOf(bytes);
  const start = toc.find(({ name }) => name === SECTIONS.data)?.compressedSize ?? 0;
  return { start, nameOf: sectionNames(bytes) };
}

/** Nothing is behind the data of a bare one. */
function endOfV5(bytes: Buffer): End {
  const last = bytes.length - TAR_HEADER_SIZE;
  const tail = last < 0 ? '' : bytes.toString('latin1', last, last + SECTIONS.bootstrap.length);
  if (tail !== SECTIONS.bootstrap) return { start: bytes.length, nameOf: () => SECTIONS.data };
  const boot = last - decodeTarHeader(bytes, last).size;
  const start = boot === 0 ? 0 : boot - TAR_HEADER_SIZE;
  return { start, nameOf: sectionNamesV5(bytes, start) };
}

async function lookAtSections(
  opened: OpenedImage,
  target: MemoryStore,
  { blob, used }: { readonly blob: Descriptor; readonly used: UsedBlob | undefined },
  changed: Buffer,
): Promise<readonly Finding[]> {
  const store = MemoryStore.copyOf(target);
  store.content.set(blob.digest, changed);
  const image: ImageSubject = { ...opened.image, store };
  const collector = new Collector({});
  await checkSections({ ...opened, image }, { blob: { ...blob, size: changed.length }, used }, collector, {});
  return collector.findings;
}

/** The image with other bytes for a blob, and the digest right for them: what a rule says of them is its own. */
function withBlob(
  opened: OpenedImage,
  target: MemoryStore,
  blob: Descriptor,
  changed: Buffer,
): ContentSubject {
  const store = MemoryStore.copyOf(target);
  const put = store.put(blob.mediaType, changed);
  const id = digestHex(blob.digest);
  const blobs = opened.blobs.map((used) => ({
    ...used,
    record: rafsBlobOf(used.record) === id ? renamed(used.record, digestHex(put.digest)) : used.record,
  }));
  const { manifest } = opened.image;
  const layers = manifest.value.layers.map((layer) =>
    layer.digest === blob.digest ? { ...layer, ...put } : layer,
  );
  const image = { ...opened.image, store, manifest: { ...manifest, value: { ...manifest.value, layers } } };
  const data = { ...opened.data, blobs: dataLayersOf(image.manifest.value) };
  return { opened: { ...opened, image, data, blobs }, verified: new Set(), threads: 1 };
}

/** The record of a blob that has another digest now; the layer that it may refer to stays. */
function renamed(record: BlobRecord, id: string): BlobRecord {
  return record.rafsBlob === undefined ? { ...record, id } : { ...record, rafsBlob: id };
}

async function all(findings: AsyncIterable<Finding>): Promise<Finding[]> {
  const list: Finding[] = [];
  for await (const finding of findings) list.push(finding);
  return list;
}
