/**
 * Guesses from a refused manifest why the registry has refused it. Some registries do not know `subject` or `os.features`, and
 * some do not yet have the parts of an index that were pushed just before it.
 */
import { isIndexType } from '../../oci/manifest.js';
import type { Known, Said } from './error-body.js';

/** Statuses that mean a bad manifest. */
const NOT_LIKE_THIS = new Set([400, 405, 415, 422]);
/** Codes that mean that something else has to be pushed first. */
const MISSES_PARTS = new Set(['MANIFEST_BLOB_UNKNOWN', 'MANIFEST_UNKNOWN', 'BLOB_UNKNOWN']);

/** Undefined when there is nothing to add to the refusal. */
export function explainManifestRefusal(said: Said, mediaType: string, bytes: Uint8Array): Known | undefined {
  const { status, codes, message } = said;
  const isIndex = isIndexType(mediaType);
  if ((status === 400 || status === 404) && codes.some((code) => MISSES_PARTS.has(code))) {
    return {
      mayPass: true, // its copies may not all have what was just pushed
      text: `the registry misses parts that the ${isIndex ? 'index' : 'manifest'} names`,
      hint: 'blobs must be there before their manifest, and manifests before their index; run it again',
    };
  }
  if (!NOT_LIKE_THIS.has(status)) return undefined;
  const text = Buffer.from(bytes).toString('utf8');
  const features = text.includes('"os.features"');
  const subject = /"subject"\s*:/.test(text);
  if (features && /os\.?features/i.test(message)) return { remedy: OTHER_MARKS };
  if (subject && /subject/i.test(message)) return { remedy: NO_SUBJECT };
  // Some give no reason, or one that misleads, such as ECR's "Invalid JSON syntax".
  if (features) return { remedy: { ...OTHER_MARKS, unlessKnown: true } };
  if (subject) return { remedy: { ...NO_SUBJECT, unlessKnown: true } };
  if (isIndex && status === 400 && codes.length === 0) {
    return {
      hint: 'often this means that the registry does not yet have all that the index names; run it again',
    };
  }
  return undefined;
}

const OTHER_MARKS = { kind: 'index-marks', marks: 'artifact-type' } as const;
const NO_SUBJECT = { kind: 'omit-subject' } as const;
