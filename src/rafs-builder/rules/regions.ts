/** Nothing overlaps, nothing reserved is used, and what belongs to nothing is zero. */
import { type AuditFinding, auditFinding } from './rules.js';
import { roundUp } from '../layout/struct.js';
import type { Region } from '../show/regions.js';

export interface RegionsSubject {
  readonly bytes: Buffer;
  /** In any order. */
  readonly regions: Iterable<Region>;
  /** The file must reach this, though no region does. */
  readonly reach: number;
  /** What the size of the file is a multiple of. */
  readonly unit: number;
}

export function* auditRegions(image: RegionsSubject): Generator<AuditFinding> {
  const regions = Array.from(image.regions)
    .filter((region) => region.size > 0)
    .sort((a, b) => a.offset - b.offset);
  let end = 0;
  let last: Region | undefined;
  for (const region of regions) {
    const { offset, path } = region;
    if (last !== undefined && offset < end) {
      const other =
        last.path === undefined || last.path === path ? last.name : `${last.name} of another file`;
      yield auditFinding('RAFS-OVERLAP', { message: `${region.name} overlaps ${other}`, offset, path });
    }
    yield* auditGap(image.bytes, end, offset);
    yield* auditInside(image.bytes, region);
    if (offset + region.size > end) {
      end = offset + region.size;
      last = region;
    }
  }
  yield* auditGap(image.bytes, end, image.bytes.length);
  const size = roundUp(Math.max(end, image.reach), image.unit);
  if (image.bytes.length > size) {
    yield auditFinding('RAFS-SIZE', {
      message: 'the file is longer than its structures',
      expected: size,
      found: image.bytes.length,
    });
  }
}

function* auditGap(bytes: Buffer, start: number, end: number): Generator<AuditFinding> {
  for (let i = start; i < end; i++) {
    if (bytes[i] === 0) continue;
    yield auditFinding('RAFS-GAP', {
      message: `bytes from ${start} to ${end} belong to nothing, and are not zero`,
      offset: i,
    });
    return;
  }
}

/** Reserved fields of its structures, and what lies between them. */
function* auditInside(bytes: Buffer, region: Region): Generator<AuditFinding> {
  let end = region.offset;
  for (const { struct, offset, size } of region.structs()) {
    yield* auditGap(bytes, end, offset);
    end = offset + size;
    const field = struct?.dirty(bytes, offset);
    if (struct === undefined || field === undefined) continue;
    yield auditFinding('RAFS-RESERVED', {
      message: `${struct.name}.${field.name} is not zero`,
      offset: offset + field.offset,
      path: region.path,
    });
  }
  yield* auditGap(bytes, end, region.offset + region.size);
}
