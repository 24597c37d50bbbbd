/**
 * Calls the judge (native/judge), which finds every fault of a bootstrap and of a blob, and compares a bootstrap's tree
 * with that of its source.
 */
import { FormatError, InternalError, UnsupportedError } from '../errors.js';
import type { RawPath } from '../oci/raw-name.js';
import type { ChunkTable, CompressorName, DigesterName } from '../rafs-builder/model/tree.js';
import {
  AUDIT_RULES,
  type AuditFinding,
  type AuditId,
  type BlobFinding,
  type BlobRuleId,
  type Sentences,
} from '../rafs-builder/rules/rules.js';
import { SENTENCES, sentenceText } from '../rafs-builder/rules/sentences.js';
import { DIGESTERS } from '../rafs-builder/layout/v6.js';
import { type RafsImage, readBootstrapSteps } from '../rafs-builder/versions.js';
import { atOnce, inTurns, type Steps } from '../turns.js';
import { addon, asBuffer } from './addon.js';
import type { NativeBlob, NativeFinding, ScannedTables } from './addon-types.js';
import { CODECS } from './formats.js';
import { unwrap } from './outcome.js';
import type { VerifierContexts } from './verifier.js';
import { PackedChunkTable } from './tables.js';

const BY_NUMBER = Object.values<Sentences[string]>(SENTENCES);

/** Returns every fault of a bootstrap, in the order of the rules. An unreadable bootstrap gives one finding. */
export function judgeBootstrap(bytes: Uint8Array): readonly AuditFinding[] {
  return unwrap(addon().judgeBootstrap(asBuffer(bytes))).map(toAuditFinding);
}

/** A bootstrap that the judge has read once. */
export interface JudgedBootstrap {
  /** Every fault, in the order of the rules. An unreadable bootstrap gives one finding. */
  readonly findings: readonly AuditFinding[];
  /**
   * True if the layers, lowest first, unpack to the tree of the bootstrap, contents included, compared by BLAKE3. False
   * means unknown, as for layers that describe too much; it is always false for RAFS v5.
   */
  readonly isTreeOf: (layers: readonly ScannedTables[]) => Promise<boolean>;
  /**
   * Judges a blob of the image whose bootstrap this is. `number` is the blob's position in the bootstrap; undefined
   * means that no file uses the blob.
   */
  readonly judgeBlob: (blob: NativeBlob, number: number | undefined) => JudgedBlob;
}

export interface JudgedBlob {
  /** Faults of the bootstrap inside the blob. */
  readonly own: readonly AuditFinding[];
  /** All other faults, in the order of the rules. */
  readonly findings: readonly BlobFinding[];
  readonly chunks: VerifiableChunks;
}

/** The chunks of a blob whose data can be verified. */
export interface VerifiableChunks {
  readonly table: ChunkTable;
  /** The index in the blob of each chunk of the table; undefined if the table has all chunks of the blob. */
  readonly indexes: readonly number[] | undefined;
  readonly compressor: CompressorName;
  readonly digester: DigesterName;
  /** The contexts that lead to the chunks, if these stay in a gzip layer; the table then says where they are in what these make. */
  readonly contexts: VerifierContexts | undefined;
}

/** Nothing can be verified in a blob that cannot be read. */
export const NO_CHUNKS: VerifiableChunks = {
  table: new PackedChunkTable(Buffer.alloc(0)),
  indexes: undefined,
  compressor: 'none',
  digester: 'blake3',
  contexts: undefined,
};

/** Reads and judges a copy of a bootstrap. */
export function readAndJudge(bytes: Uint8Array): JudgedBootstrap {
  const native = unwrap(addon().readBootstrap(asBuffer(bytes)));
  return {
    findings: native.findings().map(toAuditFinding),
    isTreeOf: async (layers) => unwrap(await native.isTreeOf(layers)),
    judgeBlob: (blob, number) => {
      const judged = native.judgeBlob(blob, number);
      const { own, findings, chunks, indexes, compressor, digester, contexts, contextCount } = judged;
      return {
        own: own.map(toAuditFinding),
        findings: findings.map(toBlobFinding),
        chunks: {
          table: new PackedChunkTable(chunks),
          indexes,
          compressor: codecNamed(compressor),
          digester: digester === DIGESTERS.sha256 ? 'sha256' : 'blake3',
          contexts: contextCount === 0 ? undefined : { bytes: contexts, count: contextCount },
        },
      };
    },
  };
}

function codecNamed(number: number): CompressorName {
  const codec = CODECS[number];
  if (codec === undefined) throw new InternalError(`the judge names codec ${number}, which is not there`);
  return codec.name;
}

interface Said {
  readonly id: AuditId | BlobRuleId;
  readonly message: string;
}

function sentenceOf({ sentence, args, offset }: NativeFinding): Said {
  const known = BY_NUMBER[sentence];
  if (known === undefined) throw new InternalError(`the judge names sentence ${sentence}, which is not there`);
  const [id, template] = known;
  return { id, message: sentenceText(template, args, offset) };
}

function toAuditFinding(native: NativeFinding): AuditFinding {
  const { id, message } = sentenceOf(native);
  if (!isAuditId(id)) throw new InternalError(`the judge breaks rule ${id} in a bootstrap`);
  return {
    id,
    severity: AUDIT_RULES[id].severity,
    message,
    path: native.path as RawPath | undefined, // the addon writes one character a byte
    offset: native.offset,
    expected: native.expected,
    found: native.found,
  };
}

function toBlobFinding(native: NativeFinding): BlobFinding {
  const { id, message } = sentenceOf(native);
  if (isAuditId(id)) throw new InternalError(`the judge breaks rule ${id} in a blob`);
  const { offset, expected, found } = native;
  return { id, message, offset, expected, found };
}

function isAuditId(id: AuditId | BlobRuleId): id is AuditId {
  return id in AUDIT_RULES;
}

/**
 * Reads a bootstrap for looking at it. Throws FormatError, with the offset, for one that no reader can follow, and
 * UnsupportedError for a legal one that this reader cannot.
 */
export function openBootstrap(bytes: Uint8Array): RafsImage {
  return atOnce(openSteps(bytes));
}

/** `openBootstrap` for one that may be large: signals are heard while it is read. */
export function openBootstrapInTurns(bytes: Uint8Array, signal?: AbortSignal): Promise<RafsImage> {
  return inTurns(openSteps(bytes), signal);
}

function* openSteps(bytes: Uint8Array): Steps<RafsImage> {
  const refusal = unwrap(addon().refusalOfBootstrap(asBuffer(bytes)));
  yield;
  if (refusal === null) return yield* readBootstrapSteps(bytes);
  const { message, offset } = toAuditFinding(refusal);
  // A refusal without an offset is about a legal bootstrap that this reader does not support.
  throw offset === undefined ? new UnsupportedError(message) : new FormatError(message, { offset });
}
