/** The ways in which a registry takes blobs, as far as its answers have shown, and what failed requests of an upload mean. */
import { RegistryError } from '../../errors.js';

/** A blob in the PUT that ends its session, or in one streamed PATCH before that PUT. */
export type Way = 'put' | 'patch';

/** Facts about one repository that its uploads have learned and share. */
export interface Ways {
  /** The way that the next whole blob tries first. */
  whole: Way;
  /** False once the registry has refused a blob of unknown size. */
  takesGrowing: boolean;
}

/** Statuses of a PUT with a body by which registries ask for another way. */
const WANTS_PATCH = new Set([400, 404, 405, 411, 415, 416, 501]);

/** True when the registry may take by PATCH what it has refused in a PUT. */
export function wantsPatch(error: unknown): error is RegistryError {
  if (!(error instanceof RegistryError) || error.status === undefined || !WANTS_PATCH.has(error.status))
    return false;
  // PATCH cannot repair a wrong digest or revive a lost session.
  return !hasCode(error, 'DIGEST_INVALID') && !hasCode(error, 'BLOB_UPLOAD_UNKNOWN');
}

/** True when the registry expects another offset than the one that was sent. */
export function isOutOfStep(error: unknown): boolean {
  return error instanceof RegistryError && error.status === 416;
}

/** True when the registry has lost the session, or another host that holds it takes its URL no longer. */
export function isLostSession(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return false;
  // A denial that may pass comes from another host: see `refusalError`.
  const isClosed = error.retryable && (error.status === 401 || error.status === 403);
  return isClosed || hasCode(error, 'BLOB_UPLOAD_UNKNOWN');
}

/** True when the registry has refused for good; false for failures that may pass, and for those of the network. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RegistryError && error.status !== undefined && !error.retryable;
}

function hasCode(error: RegistryError, code: string): boolean {
  return error.registryCodes.includes(code);
}
