/** The judge (native/judge): what is wrong with a bootstrap, and whether it shows the tree of its source. */
import { FormatError, InternalError, UnsupportedError } from '../errors.js';
import type { RawPath } from '../oci/raw-name.js';
import { AUDIT_RULES, type AuditFinding, type Sentences } from '../rafs-builder/rules/rules.js';
import { SENTENCES, sentenceText } from '../rafs-builder/rules/sentences.js';
import { type RafsImage, readBootstrap } from '../rafs-builder/versions.js';
import { addon, asBuffer } from './addon.js';
import type { NativeFinding, ScannedTables } from './addon-types.js';
import { unwrap } from './outcome.js';

const BY_NUMBER = Object.values<Sentences[string]>(SENTENCES);

/** Everything that is wrong with a bootstrap, in the order of the rules. What cannot be read is one finding. */
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
 * Reads a bootstrap for looking at it. Throws FormatError, with the offset, for one that no reader could follow, and
 * UnsupportedError for one that ours does not.
 */
export function openBootstrap(bytes: Uint8Array): RafsImage {
  const refusal = unwrap(addon().refusalOfBootstrap(asBuffer(bytes)));
  if (refusal === null) return readBootstrap(bytes);
  const { message, offset } = toFinding(refusal);
  // Only what is legal, and not read here, has no place in the file at which it is wrong.
  throw offset === undefined ? new UnsupportedError(message) : new FormatError(message, { offset });
}

/** True when layers, lowest first, unpack to the very tree that a bootstrap shows, contents included by their BLAKE3. */
export function isTreeOfLayers(bytes: Uint8Array, layers: readonly ScannedTables[]): boolean {
  return unwrap(addon().isTreeOfLayers(asBuffer(bytes), layers));
}
