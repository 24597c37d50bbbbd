/**
 * Everything that is wrong inside a bootstrap, as far as the bootstrap alone can tell. What cannot be read ends it with one
 * finding; what can is then held to rules that no reader checks but some reader relies on.
 */
import { FormatError, UnsupportedError } from '../errors.js';
import { roundUp } from './layout.js';
import { type AuditFinding, auditFinding } from './audit-rules.js';
import { auditTables } from './audit-tables.js';
import { auditTree } from './audit-tree.js';
import { BLOCK_SIZE } from './v6.js';
import { isCovered } from './v6-cover.js';
import { locateV6, type Region } from './v6-locate.js';
import { readV6, type V6Image } from './v6-read.js';

export { AUDIT_RULES, type AuditFinding, type AuditId } from './audit-rules.js';

/** Findings in the order of the rules; none for a sound bootstrap. */
export function* audit(bytes: Uint8Array): Generator<AuditFinding> {
  let image: V6Image;
  try {
    image = readV6(bytes);
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
    yield auditFinding('RAFS-READ', {
      message: error.message,
      offset: error instanceof FormatError ? error.offset : undefined,
    });
    return;
  }
  yield* auditImage(image);
}

/** The rules beyond reading, for a bootstrap that has been read. */
export function* auditImage(image: V6Image): Generator<AuditFinding> {
  yield* auditTables(image);
  yield* auditTree(image);
  // Most images are sound, and to see only that is much cheaper.
  if (!isCovered(image)) yield* auditRegions(image);
}

/** Nothing overlaps, nothing reserved is used, and what belongs to nothing is zero. */
function* auditRegions(image: V6Image): Generator<AuditFinding> {
  const regions = Array.from(locateV6(image))
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
    yield* auditReserved(image.bytes, region);
    if (offset + region.size > end) {
      end = offset + region.size;
      last = region;
    }
  }
  yield* auditGap(image.bytes, end, image.bytes.length);
  // An empty chunk table may stand in a block of its own.
  const size = roundUp(Math.max(end, image.tables.extended.chunkTableOffset), BLOCK_SIZE);
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

function* auditReserved(bytes: Buffer, region: Region): Generator<AuditFinding> {
  for (const { struct, offset } of region.structs()) {
    const field = struct?.dirty(bytes, offset);
    if (struct === undefined || field === undefined) continue;
    yield auditFinding('RAFS-RESERVED', {
      message: `${struct.name}.${field.name} is not zero`,
      offset: offset + field.offset,
      path: region.path,
    });
  }
}
