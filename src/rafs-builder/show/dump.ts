/**
 * A bootstrap as text: one fact a line, fields separated by one blank, the same for the same image. Bytes outside
 * 0x21…0x7E and the backslash are written `\xHH`, an empty string is `-`.
 *
 * | line | fact |
 * | S | super blocks | B | one blob | P | prefetched nids | I | one name and its inode | L | symlink target |
 * | X | xattr | C | chunk of the file above | T | chunk table in stored order (v6) | D | inode digest, blocks (v5) |
 */
import { type RafsImage, viewOf } from '../versions.js';

/** Yields lines without line ends. Inodes come depth first, children in byte order of their names. */
export function dump(image: RafsImage): Generator<string> {
  return viewOf(image).dump();
}
