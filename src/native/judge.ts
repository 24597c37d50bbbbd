/** The addon's quick verdicts on v6 bootstraps (native/judge): yes, or in doubt. What is wrong then, the rules tell. */
import { recordLimits } from '../rafs-builder/rules/tables.js';
import * as v6 from '../rafs-builder/layout/v6.js';
import type { V6Tables } from '../rafs-builder/read/v6/tables.js';
import { FormatError, InternalError, UnsupportedError } from '../errors.js';
import type { RawPath } from '../oci/raw-name.js';
import { audit } from '../rafs-builder/rules/audit.js';
import { isV5 } from '../rafs-builder/read/v5/tables.js';
import { AUDIT_RULES, type AuditFinding, type Sentences } from '../rafs-builder/rules/rules.js';
import { SENTENCES, sentenceText } from '../rafs-builder/rules/sentences.js';
import { type RafsImage, readBootstrap } from '../rafs-builder/versions.js';
import { addon, asBuffer, type NativeExtent, type NativeFacts, type NativeFinding, unwrap } from './addon.js';
import type { ScannedTables } from './tables.js';

const BY_NUMBER = Object.values<Sentences[string]>(SENTENCES);

/** Everything that is wrong with a bootstrap, in the order of the rules. What cannot be read is one finding. */
export function findingsOf(bytes: Uint8Array): readonly AuditFinding[] {
  if (!isV5(bytes)) return Array.from(audit(bytes));
  return unwrap(addon().judgeBootstrap(asBuffer(bytes))).map(toFinding);
}

function toFinding({ sentence, args, path, offset, expected, found }: NativeFinding): AuditFinding {
  const known = BY_NUMBER[sentence];
  if (known === undefined) throw new InternalError(`the judge names sentence ${sentence}, which is not there`);
  const [id, template] = known;
  return {
    id,
    severity: AUDIT_RULES[id].severity,
    message: sentenceText(template, args, offset),
    path: path as RawPath | undefined, // the addon writes one character a byte
    offset,
    expected,
    found,
  };
}

/**
 * Reads a bootstrap for looking at it. Throws FormatError, with the offset, for one that no reader could follow, and
 * UnsupportedError for one that ours does not.
 */
export function openBootstrap(bytes: Uint8Array): RafsImage {
  const refusal = isV5(bytes) ? unwrap(addon().refusalOfBootstrap(asBuffer(bytes))) : null;
  if (refusal === null) return readBootstrap(bytes);
  const { message, offset } = toFinding(refusal);
  // Only what is legal, and not read here, has no place in the file at which it is wrong.
  throw offset === undefined ? new UnsupportedError(message) : new FormatError(message, { offset });
}

/** A bootstrap that keeps every rule over inodes, directories, chunk records and places. */
export interface SoundBootstrap {
  /** True: layers, lowest first, unpack to the very tree that it shows, contents included by their BLAKE3. */
  isSameAs(layers: readonly ScannedTables[]): boolean;
}

/** Undefined when something is wrong with the bootstrap, or looks as if it might be. Its tables have been judged. */
export function judgeBootstrap(buffer: Buffer, tables: V6Tables): SoundBootstrap | undefined {
  const facts = factsOf(tables);
  if (!unwrap(addon().isBootstrapSound(buffer, facts))) return undefined;
  return { isSameAs: (layers) => unwrap(addon().isTreeOfLayers(buffer, facts, layers)) };
}

function factsOf({ superBlock, extended, ...tables }: V6Tables): NativeFacts {
  return {
    metaOffset: tables.metaOffset,
    rootNid: superBlock.rootNid,
    names: superBlock.inos,
    chunkSize: extended.chunkSize,
    withXattrs: v6.superFlags.has(extended.flags, 'HAS_XATTR'),
    tables: [
      extent(v6.SUPER_OFFSET, v6.superBlock.size),
      extent(v6.EXTENDED_SUPER_OFFSET, v6.extendedSuperBlock.size),
      extent(v6.DEVICE_TABLE_OFFSET, v6.deviceSlot.size * tables.devices.length),
      extent(extended.blobTableOffset, v6.blobEntry.size * tables.blobs.length),
      extent(extended.prefetchTableOffset, v6.prefetchEntry.size * tables.prefetch.length),
      extent(extended.chunkTableOffset, v6.chunkInfo.size * tables.chunkCount),
    ],
    // An empty chunk table may stand in a block of its own.
    reach: extended.chunkTableOffset,
    prefetch: tables.prefetch,
    chunkOffset: extended.chunkTableOffset,
    chunkCount: tables.chunkCount,
    limits: tables.blobEntries.map(recordLimits),
  };
}

function extent(start: number, size: number): NativeExtent {
  return { start, end: start + size };
}
