/**
 * Why a registry refuses a manifest of ours, as far as the manifest itself tells. Three things that we write are newer than
 * some registries: `subject`, `os.features`, and an index whose parts have only just arrived.
 */
import { isIndexType } from '../../oci/manifest.js';
import type { Known, Said } from './error-body.js';

/** Statuses by which registries say "not like this". */
const NOT_LIKE_THIS = new Set([400, 405, 415, 422]);
/** Codes that say that something else has to be there first. */
const MISSES_PARTS = new Set(['MANIFEST_BLOB_UNKNOWN', 'MANIFEST_UNKNOWN', 'BLOB_UNKNOWN']);

/** Undefined when the refusal means nothing more than it says. */
export function explainManifestRefusal(said: Said, mediaType: string, bytes: Uint8Array): Known | undefined {
  const { status, codes, message } = said;
  const isIndex = isIndexType(mediaType);
  if ((status === 400 || status === 404) && codes.some((code) => MISSES_PARTS.has(code))) {
    return {
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
