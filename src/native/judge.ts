/**
 * Calls the judge (native/judge), which finds every fault of a bootstrap, and compares its tree with that of its
 * source.
 */
import { FormatError, InternalError, UnsupportedError } from '../errors.js';
import type { RawPath } from '../oci/raw-name.js';
import { AUDIT_RULES, type AuditFinding, type Sentences } from '../rafs-builder/rules/rules.js';
import { SENTENCES, sentenceText } from '../rafs-builder/rules/sentences.js';
import { type RafsImage, readBootstrap } from '../rafs-builder/versions.js';
import { addon, asBuffer } from './addon.js';
import type { NativeFinding, ScannedTables } from './addon-types.js';
import { unwrap } from './outcome.js';

const BY_NUMBER = Object.values<Sentences[string]>(SENTENCES);

/** Returns every fault of a bootstrap, in the order of the rules. An unreadable bootstrap gives one finding. */
export function judgeBootstrap(bytes: Uint8Array): readonly AuditFinding[] {
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
 * Reads a bootstrap for looking at it. Throws FormatError, with the offset, for one that no reader can follow, and
 * UnsupportedError for a legal one that this reader cannot.
 */
export function openBootstrap(bytes: Uint8Array): RafsImage {
  const refusal = unwrap(addon().refusalOfBootstrap(asBuffer(bytes)));
  if (refusal === null) return readBootstrap(bytes);
  const { message, offset } = toFinding(refusal);
  // A refusal without an offset is about a legal bootstrap that this reader does not support.
  throw offset === undefined ? new UnsupportedError(message) : new FormatError(message, { offset });
}

/** True if the layers, lowest first, unpack to the tree of the bootstrap, contents included, compared by BLAKE3. */
export function isTreeOfLayers(bytes: Uint8Array, layers: readonly ScannedTables[]): boolean {
  return unwrap(addon().isTreeOfLayers(asBuffer(bytes), layers));
}
