import { toFinding } from '../../../src/check/opened.js';
import type { Finding } from '../../../src/check/finding.js';
import { judgeBootstrap } from '../../../src/native/judge.js';
import { readBootstrap } from '../../../src/rafs-builder/index.js';

/**
 * Judges a bootstrap and reads it if it can be read, as opening an image does, but keeps nothing. What an open image keeps in
 * the addon is freed only between turns of the event loop, so a loop over thousands of bootstraps would keep them all.
 */
export function bootstrapFindings(bytes: Uint8Array): readonly Finding[] {
  const judged = judgeBootstrap(bytes);
  if (!judged.some(({ id }) => id === 'RAFS-READ')) readBootstrap(bytes);
  return judged.map((found) => toFinding(found, {}));
}
