/** Loads the SDK of S3, which is installed only by those who use it. */
import type * as Client from '@aws-sdk/client-s3';
import { UnsupportedError } from '../../errors.js';
import { errorCode } from '../../io/system-error.js';

export type Sdk = typeof Client;

const NAME = '@aws-sdk/client-s3';
/** The start of a sentence. */
export const S3_NEEDS_SDK = `storage backends of type s3 need the package ${NAME}`;

/** Finds the package without loading it. */
export function isSdkInstalled(): boolean {
  try {
    import.meta.resolve(NAME);
    return true;
  } catch {
    return false;
  }
}

/** Throws UnsupportedError where it is not installed. */
export async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (cause) {
    if (errorCode(cause) !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new UnsupportedError(`${S3_NEEDS_SDK}, which is not installed`, {
      cause,
      hint: `npm install ${NAME}@3`,
    });
  }
}
