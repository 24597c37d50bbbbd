/** The modes of files that are packed: npm takes them as they are, and those of this machine's files follow from its umask. */
import { chmodSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Gives a file, or all files of a folder, the modes that git knows: 644, or 755 for those that their owner may run. */
export function setPlainModes(path: string): void {
  const entry = statSync(path);
  const { mode } = entry;
  const wanted = entry.isDirectory() || (mode & 0o100) !== 0 ? 0o755 : 0o644;
  if ((mode & 0o7777) !== wanted) chmodSync(path, wanted);
  if (entry.isDirectory()) for (const name of readdirSync(path)) setPlainModes(join(path, name));
}
