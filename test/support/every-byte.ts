/**
 * Every byte of the metadata of one image, changed in turn, and the files cut at every length: which rule of `check` sees
 * it. No digest of a whole file counts here: a registry's content digests would see everything, and say nothing of rules.
 */
import { checkSections, checkContent } from '../../src/check/content.js';
import { checkFilesystem } from '../../src/check/filesystem.js';
import { type Finding, formatFinding } from '../../src/check/finding.js';
import { inspectBootstrap, openImage, type OpenedImage, type UsedBlob } from '../../src/check/opened.js';
import { Collector } from '../../src/check/rule.js';
import { type ImageSubject, loadReference } from '../../src/check/subject.js';
import { bootstrapOf } from '../../src/look/bootstrap-layer.js';
import { type Descriptor } from '../../src/oci/descriptor.js';
import { digestHex } from '../../src/oci/digest.js';
import { allPlatforms } from '../../src/oci/platform.js';
import { blobMetaHeader, chunkMeta } from '../../src/rafs-builder/blob-meta.js';
import { type RafsImage, readBootstrap } from '../../src/rafs-builder/index.js';
import { type AnyStruct } from '../../src/rafs-builder/layout.js';
import { tarHeader } from '../../src/rafs-builder/tar-header.js';
import { parseToc, SECTIONS, tocEntry } from '../../src/rafs-builder/toc.js';
import { locateV5 } from '../../src/rafs-builder/v5-locate.js';
import { locateV6 } from '../../src/rafs-builder/v6-locate.js';
import { converted, sourceImage } from '../e2e/check-lab.js';
import { MemoryStore } from '../unit/check/memory-store.js';
import { referenceLayers } from './fixtures.js';
import { cpuMs } from './mutation-run.js';

/** One change must not take longer, in processor time. */
const LIMIT_MS = 1000;
/** How much is changed. */
export interface Thoroughness {
  /** Bits to turn over in a byte, one change each. */
  readonly flips: readonly number[];
  /** Of larger files only every so-manieth byte is changed, in a step that meets every field; bytes. */
  readonly sizeOfAll: number;
}

/** All bits of each byte. */
export const ONCE: Thoroughness = { flips: [0xff], sizeOfAll: 32 * 1024 };
/** And its lowest. */
export const TWICE: Thoroughness = { ...ONCE, flips: [0xff, 0x01] };

export interface FileReport {
  /** `bootstrap`, `blob 1`, … */
  readonly file: string;
  readonly flips: number;
  /** Every so-manieth byte was changed. */
  readonly step: number;
  /** By the rules that were asked, in turn, until one found something. */
  readonly found: ReadonlyMap<string, number>;
  /** By field, how many changes nothing saw. */
  readonly missed: ReadonlyMap<string, number>;
  readonly cuts: number;
  /** Lengths at which nothing was found. */
  readonly missedCuts: readonly number[];
  readonly slowestMs: number;
}

type Look = (bytes: Buffer) => Promise<readonly Finding[]> | readonly Finding[];

interface Subject {
  readonly file: string;
  readonly bytes: Buffer;
  /** Changes begin here: what stands before is chunk data, which digests of chunks cover. */
  readonly start: number;
  readonly looks: readonly (readonly [name: string, look: Look])[];
  /** What the byte belongs to. */
  readonly nameOf: (offset: number) => string;
}

/** A case of the fixtures, converted by us. */
export async function everyByteOfCase(name: string, how: Thoroughness): Promise<FileReport[]> {
  const target = await converted(sourceImage(referenceLayers(name)));
  const { images } = await loadReference(target, 'target', allPlatforms, {});
  const [image] = images;
  if (image === undefined) throw new Error(`case ${name} has no image`);
  const { opened } = await openImage(image, {});
  if (opened === undefined) throw new Error(`the image of case ${name} cannot be opened`);
  const reports = [await report(bootstrapSubject(opened), how)];
  for (const [number, blob] of image.manifest.value.layers.slice(0, -1).entries()) {
    reports.push(await report(blobSubject(opened, target, blob, number + 1), how));
  }
  return reports;
}

/** A bootstrap alone: what its own rules see. */
export function everyByteOfBootstrap(bytes: Buffer, how: Thoroughness): Promise<FileReport> {
  const look: Look = (changed) => inspectBootstrap(changed, {}).findings;
  return report(
    {
      file: 'bootstrap',
      bytes,
      start: 0,
      looks: [['bootstrap', look]],
      nameOf: structNames(readBootstrap(bytes)),
    },
    how,
  );
}

async function report(subject: Subject, how: Thoroughness): Promise<FileReport> {
  // Nobody reads the stack of an error that becomes a finding, and taking it costs more than most looks.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await changeAll(subject, how);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function changeAll(
  { file, bytes, start, looks, nameOf }: Subject,
  { flips, sizeOfAll }: Thoroughness,
): Promise<FileReport> {
  const found = new Map<string, number>();
  const missed = new Map<string, number>();
  const missedCuts: number[] = [];
  let slowestMs = 0;
  // What is found without any change, such as the reference's own oddities, is no answer.
  const known = new Map<string, ReadonlySet<string>>();
  for (const [name, look] of looks)
    known.set(name, new Set((await look(Buffer.from(bytes))).map(formatFinding)));
  const seenBy = async (changed: Buffer): Promise<string | undefined> => {
    for (const [name, look] of looks) {
      const findings = await look(changed);
      if (findings.some((finding) => known.get(name)?.has(formatFinding(finding)) !== true)) return name;
    }
    return undefined;
  };
  const ask = async (changed: Buffer): Promise<string | undefined> => {
    const began = performance.now();
    const by = await seenBy(changed);
    const elapsed = performance.now() - began;
    slowestMs = Math.max(slowestMs, elapsed);
    // A busy machine is not our fault. Processor time is asked for only then: asking takes as long as a look.
    if (elapsed > LIMIT_MS) await insist(file, () => seenBy(changed));
    return by;
  };
  // Structures have even sizes: an odd step comes to all of their bytes.
  const step = Math.floor((bytes.length - start - 1) / sizeOfAll) * 2 + 1;
  let changes = 0;
  let cuts = 0;
  const changed = Buffer.from(bytes);
  // Changed in place and put back: a copy for each change would be garbage faster than it is collected.
  for (let offset = start; offset < bytes.length; offset += step) {
    for (const flip of flips) {
      const sound = bytes[offset] ?? 0;
      changed[offset] = sound ^ flip;
      const by = await ask(changed);
      changed[offset] = sound;
      changes += 1;
      if (by === undefined) count(missed, nameOf(offset));
      else count(found, by);
    }
  }
  for (let length = start; length < bytes.length; length += step) {
    cuts += 1;
    if ((await ask(changed.subarray(0, length))) === undefined) missedCuts.push(length);
  }
  return { file, flips: changes, step, found, missed, cuts, missedCuts, slowestMs };
}

async function insist(file: string, look: () => Promise<unknown>): Promise<void> {
  const began = process.cpuUsage();
  await look();
  const elapsed = cpuMs(began);
  if (elapsed > LIMIT_MS) throw new Error(`${file}: a change takes ${elapsed} ms`);
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function bootstrapSubject(opened: OpenedImage): Subject {
  const { image, layer } = opened;
  const bytes = bootstrapOf(layer) ?? Buffer.alloc(0);
  // Each look reads again what the one before could read: only what nobody has seen yet comes that far.
  const read = (changed: Buffer): OpenedImage => {
    const { read: values } = inspectBootstrap(changed, {});
    if (values === undefined) throw new Error('a bootstrap that cannot be read had no finding');
    return { image, layer, ...values };
  };
  return {
    file: 'bootstrap',
    bytes,
    start: 0,
    looks: [
      ['bootstrap', (changed) => inspectBootstrap(changed, {}).findings],
      // The tree of the sound bootstrap stands for that of the source, which it was made from.
      [
        'filesystem (--source)',
        (changed) =>
          all(
            checkFilesystem(
              {
                target: image,
                bootstrap: read(changed).bootstrap,
                source: image,
                sourceBootstrap: opened.bootstrap,
                threads: 1,
              },
              {},
            ),
          ),
      ],
      [
        'content',
        (changed) => all(checkContent({ opened: read(changed), verified: new Set(), threads: 1 }, {})),
      ],
    ],
    nameOf: structNames(readBootstrap(bytes)),
  };
}

function blobSubject(opened: OpenedImage, target: MemoryStore, blob: Descriptor, number: number): Subject {
  const bytes = Buffer.from(target.content.get(blob.digest) ?? []);
  const used = opened.blobs.find(({ record }) => record.id === digestHex(blob.digest));
  const toc = parseToc(bytes.subarray(-4096), bytes.length);
  return {
    file: `blob ${number}`,
    bytes,
    start: toc.find(({ name }) => name === SECTIONS.data)?.compressedSize ?? 0,
    looks: [['sections', (changed) => lookAtSections(opened, target, { blob, used }, changed)]],
    nameOf: sectionNames(bytes),
  };
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

async function all(findings: AsyncIterable<Finding>): Promise<Finding[]> {
  const list: Finding[] = [];
  for await (const finding of findings) list.push(finding);
  return list;
}

function fieldName(struct: AnyStruct, offset: number): string {
  const field = struct.fields.find((one) => offset < one.offset + one.size);
  return `${struct.name}.${field?.name ?? '?'}`;
}

function structNames(image: RafsImage): (offset: number) => string {
  const names: string[] = [];
  for (const region of image.version === 6 ? locateV6(image) : locateV5(image)) {
    for (const { struct, name, offset, size } of region.structs()) {
      // The value of an xattr: what it is, not whose.
      const plain = name.replace(/ of xattr .*$/, ' of xattr').replace(/^name .*(?<!xattr)$/, 'name');
      for (let i = 0; i < size; i++) names[offset + i] = struct === undefined ? plain : fieldName(struct, i);
    }
  }
  return (offset) => names[offset] ?? 'unused';
}

/** Sections of a blob by its table of contents, each with the tar header behind it. */
function sectionNames(bytes: Buffer): (offset: number) => string {
  const names: string[] = [];
  const set = (offset: number, size: number, nameOf: (i: number) => string): void => {
    for (let i = 0; i < size; i++) names[offset + i] = nameOf(i);
  };
  const toc = parseToc(bytes.subarray(-4096), bytes.length);
  for (const { name, offset, compressedSize, flags } of toc) {
    const struct =
      name === SECTIONS.metaHeader
        ? blobMetaHeader
        : name === SECTIONS.meta && flags === 1
          ? chunkMeta
          : undefined;
    set(offset, compressedSize, (i) => (struct === undefined ? name : fieldName(struct, i % struct.size)));
    if (name !== SECTIONS.meta) set(offset + compressedSize, tarHeader.size, (i) => fieldName(tarHeader, i));
  }
  const end = bytes.length - tarHeader.size;
  set(end, tarHeader.size, (i) => fieldName(tarHeader, i));
  const start = end - toc.length * tocEntry.size;
  set(start, toc.length * tocEntry.size, (i) => fieldName(tocEntry, i % tocEntry.size));
  return (offset) => names[offset] ?? 'unused';
}
