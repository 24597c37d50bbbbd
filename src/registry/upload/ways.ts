/** The ways in which a registry takes blobs, as far as its answers have shown, and what failed requests of an upload mean. */
import { AuthError, RegistryError } from '../../errors.js';
import { ANSWERS, meaningOf } from '../answers.js';

/** A blob in the PUT that ends its session; in one streamed PATCH before that PUT; in PATCHes of whole chunks. */
export type Way = 'put' | 'patch' | 'chunks';

/** Facts about one repository that its uploads have learned and share. */
export interface Ways {
  /** The way that the next whole blob tries first. */
  whole: 'put' | 'patch';
  /** False once the registry has refused a blob of unknown size. */
  takesGrowing: boolean;
  /** False once the registry has refused a chunk, and then taken a whole blob. */
  takesChunks: boolean;
  /** Bytes of a body at most: smaller than one that the registry has refused as too large. */
  largest: number;
  /** True once the count in an answer to PATCH has turned out to be that of the last part. */
  countsParts: boolean;
}

/** Bytes of a body, to be tried where a larger one is refused: content networks and proxies have limits of 100 MB, of 10 MB and of 1 MiB. */
const SIZES = [64 * 1024 * 1024, 8 * 1024 * 1024, 1024 * 1024] as const;

/** The size to try after a body of `size` bytes was too large; undefined when there is none. */
export function smallerThan(size: number): number | undefined {
  return SIZES.find((smaller) => smaller < size);
}

/** The ways to send a blob of `size` bytes, the most promising first. `failures`: attempts at this blob that have led nowhere. */
export function waysFor(size: number, chunkSize: number, ways: Ways, failures: number): readonly Way[] {
  const whole: readonly Way[] = ways.whole === 'put' ? ['put', 'patch'] : ['patch', 'put'];
  const chunksFirst = (chunkSize > 0 && ways.takesChunks) || size > ways.largest;
  const all: readonly Way[] = chunksFirst ? ['chunks', ...whole] : whole;
  // A registry may answer with a fault of its own to what it does not know, so the first way is not tried for ever.
  const first = failures < 2 ? 0 : (failures - 1) % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

/** True when the registry may take in another way what it has refused in one. */
export function wantsOtherWay(error: unknown): error is RegistryError | AuthError {
  // Some proxies deny a method, and not its content.
  if (error instanceof AuthError) return true;
  if (!isRefusal(error)) return false;
  const meaning = meaningOf(ANSWERS.sendPart, error.status ?? 0);
  if (meaning === 'noSpace' || meaning === 'tooLarge') return false;
  // Another way cannot repair a wrong digest, revive a lost session or make room.
  if (error.status === 403) return false; // not a denial, and so a quota
  return !['DIGEST_INVALID', 'BLOB_UPLOAD_UNKNOWN', 'QUOTA_EXCEEDED'].some((code) => hasCode(error, code));
}

/** True when the registry expects another offset than the one that was sent. */
export function isOutOfStep(error: unknown): boolean {
  return isRefusal(error) && meaningOf(ANSWERS.sendPart, error.status ?? 0) === 'outOfStep';
}

/** True when the registry, or a proxy before it, takes no body of this size. */
export function isTooLarge(error: unknown): error is RegistryError {
  return isRefusal(error) && meaningOf(ANSWERS.sendPart, error.status ?? 0) === 'tooLarge';
}

/** True when the registry has lost the session, or another host that holds it takes its URL no longer. */
export function isLostSession(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return false;
  // A denial that may pass comes from another host: see `refusalError`.
  const isClosed = error.retryable && (error.status === 401 || error.status === 403);
  return isClosed || hasCode(error, 'BLOB_UPLOAD_UNKNOWN');
}

/** True when the registry has refused for good; false for failures that may pass, and for those of the network. */
export function isRefusal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.status !== undefined && !error.retryable;
}

function hasCode(error: RegistryError, code: string): boolean {
  return error.registryCodes.includes(code);
}
