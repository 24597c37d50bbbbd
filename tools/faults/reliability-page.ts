/** docs/reliability.md: sections between marks are written by the commands that measure them, the rest by hand. */
import { writePageSection } from '../docs/page-section.js';

/** Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->`. */
export function writeSection(name: string, text: string): Promise<void> {
  return writePageSection('reliability.md', name, text);
}
