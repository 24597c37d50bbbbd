/** The addon as a whole: its versions, and the memory of its process. */
import { addon } from './addon.js';

/**
 * Makes the process return freed memory to the system at once, if its allocator can. It is meant for programs that only
 * convert; others may prefer speed.
 */
export function returnFreedMemory(): void {
  addon().returnFreedMemory();
}

/** Returns the versions of the addon and of the codecs that decide about bytes, for `--version` and bug reports. */
export function versions(): {
  readonly addon: string;
  readonly codecs: Readonly<Record<string, string>>;
} {
  const { codecs } = addon().formats();
  const known = codecs.flatMap(({ name, version }) => (version === undefined ? [] : [[name, version]]));
  return { addon: addon().version(), codecs: Object.fromEntries(known) as Record<string, string> }; // the entries are pairs of strings
}

