/**
 * Checks the signature that a linker puts into a library for macOS: hashes of its pages. Apple's processors load nothing whose pages differ,
 * and a tool that strips the library afterwards makes them differ. Layout: <mach-o/loader.h>, <Kernel/kern/cs_blobs.h>.
 */
import { createHash } from 'node:crypto';

const MACH_O_64 = 0xfeedfacf;
const LC_CODE_SIGNATURE = 0x1d;
const CODE_DIRECTORY_SLOT = 0;
const HEADER_BYTES = 32;

/** Returns how many pages differ from the signature. Throws if there is no signature, or not one over the whole of the code. */
export function badPages(library: Buffer): number {
  if (library.readUInt32LE(0) !== MACH_O_64) throw new Error('this is no 64-bit library of macOS');
  const signature = signatureOf(library);
  const directory = signature + codeDirectory(library.subarray(signature));
  // The numbers of a signature are big-endian.
  const at = (offset: number): number => library.readUInt32BE(directory + offset);
  const [hashes, pages, codeLimit] = [at(16), at(28), at(32)];
  const hashBytes = library.readUInt8(directory + 36);
  const pageBytes = 2 ** library.readUInt8(directory + 39);
  if (codeLimit !== signature || pages !== Math.ceil(codeLimit / pageBytes))
    throw new Error('the signature does not cover the code');
  let bad = 0;
  for (let page = 0; page < pages; page++) {
    const bytes = library.subarray(page * pageBytes, Math.min((page + 1) * pageBytes, codeLimit));
    const found = createHash('sha256').update(bytes).digest().subarray(0, hashBytes);
    const start = directory + hashes + page * hashBytes;
    if (!found.equals(library.subarray(start, start + hashBytes))) bad++;
  }
  return bad;
}

/** The offset of the signature, from the load command that names it. */
function signatureOf(library: Buffer): number {
  let offset = HEADER_BYTES;
  for (let left = library.readUInt32LE(16); left > 0; left--) {
    if (library.readUInt32LE(offset) === LC_CODE_SIGNATURE) return library.readUInt32LE(offset + 8);
    offset += library.readUInt32LE(offset + 4);
  }
  throw new Error('the library is not signed');
}

/** The offset of the directory of hashes in the signature. */
function codeDirectory(signature: Buffer): number {
  for (let index = 0; index < signature.readUInt32BE(8); index++) {
    const entry = 12 + index * 8;
    if (signature.readUInt32BE(entry) === CODE_DIRECTORY_SLOT) return signature.readUInt32BE(entry + 4);
  }
  throw new Error('the signature has no hashes of pages');
}
