/**
 * Everything that is wrong inside a v6 bootstrap, as far as the bootstrap alone can tell. What cannot be read ends it with one
 * finding; what can is then held to rules that no reader checks but some reader relies on.
 */
import { FormatError, UnsupportedError } from '../../errors.js';
import { auditRegions } from './regions.js';
import { type AuditFinding, auditFinding } from './rules.js';
import { auditTables } from './tables.js';
import { auditTree } from './tree.js';
import * as v6 from '../layout/v6.js';
import { locateV6 } from '../show/locate-v6.js';
import { readV6, type V6Image } from '../read/v6/read.js';

export { AUDIT_RULES, type AuditFinding, type AuditId } from './rules.js';

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
  for (const step of auditSteps(image)) yield* step();
}

/** The same in pieces, between which the caller may give way to others: each takes as long as the image is large. */
export function auditSteps(image: V6Image): readonly (() => Iterable<AuditFinding>)[] {
  return [() => auditTables(image), () => auditTree(image), () => auditPlaces(image)];
}

function auditPlaces(image: V6Image): Iterable<AuditFinding> {
  // What the tables reserve is no matter of the tree, and who vouches has not looked there.
  if (image.vouched && areTablesClean(image)) return [];
  const { bytes } = image;
  // An empty chunk table may stand in a block of its own.
  const reach = image.tables.extended.chunkTableOffset;
  return auditRegions({ bytes, regions: locateV6(image), reach, unit: v6.BLOCK_SIZE });
}

function areTablesClean({ bytes, tables }: V6Image): boolean {
  const { extended } = tables;
  if (v6.superBlock.dirty(bytes, v6.SUPER_OFFSET) !== undefined) return false;
  if (v6.extendedSuperBlock.dirty(bytes, v6.EXTENDED_SUPER_OFFSET) !== undefined) return false;
  return tables.devices.every(
    (_, i) =>
      v6.deviceSlot.dirty(bytes, v6.DEVICE_TABLE_OFFSET + i * v6.deviceSlot.size) === undefined &&
      v6.blobEntry.dirty(bytes, extended.blobTableOffset + i * v6.blobEntry.size) === undefined,
  );
}
