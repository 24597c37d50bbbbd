/** A bootstrap with one bit of some bytes turned over, each in turn: those that still can be read. */
import { FormatError, UnsupportedError } from '../../src/errors.js';
import { readV6, type V6Image } from '../../src/rafs-builder/v6-read.js';

export interface FlippedImage {
  /** The byte. */
  readonly at: number;
  readonly image: V6Image;
}

/** Some hundred of them: every `step`th byte that is not 0, and fewer zeros. A prime step comes to every field in one inode or another. */
export function* flippedImages(sound: Buffer, step: number): Generator<FlippedImage> {
  for (let at = 0; at < sound.length; at += sound[at] === 0 ? 67 : step) {
    const bytes = Buffer.from(sound);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    const image = imageOf(bytes);
    if (image !== undefined) yield { at, image };
  }
}

/** Undefined when it cannot be read. */
export function imageOf(bytes: Buffer): V6Image | undefined {
  try {
    return readV6(bytes);
  } catch (cause) {
    if (cause instanceof FormatError || cause instanceof UnsupportedError) return undefined;
    throw cause;
  }
}
