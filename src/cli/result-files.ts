/** The files that name what a run has pushed, for the steps that follow it. */
import { tryReportFile, writeWholeReportFile } from './report-file.js';

const IMAGE_FILE = '--image-file';
const DIGEST_FILE = '--digest-file';

export interface ResultFiles {
  readonly imageFile: string | undefined;
  readonly digestFile: string | undefined;
}

/** Finds out before the work whether the files can be written. Throws LocalIoError. */
export function tryResultFiles({ imageFile, digestFile }: ResultFiles): void {
  if (imageFile !== undefined) tryReportFile(imageFile, IMAGE_FILE);
  if (digestFile !== undefined) tryReportFile(digestFile, DIGEST_FILE);
}

/** Throws LocalIoError. */
export async function writeResultFiles(
  { imageFile, digestFile }: ResultFiles,
  { image, digest }: { readonly image: string; readonly digest: string },
): Promise<void> {
  if (imageFile !== undefined) await writeWholeReportFile(imageFile, image, IMAGE_FILE);
  if (digestFile !== undefined) await writeWholeReportFile(digestFile, digest, DIGEST_FILE);
}
