/** The newest files for the image, as tools/image/lock.txt is to name them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_LINES, nodeFolder } from '../../test/support/node-lines.js';
import { ARCHITECTURES } from './architectures.js';
import { newestPackages } from './debian.js';
import { DEBIAN_PACKAGES } from './layers.js';
import type { Locked } from './lock.js';

/** The line with long support whose addons and tests we run. */
const LINE = '24.';

export function newestFiles(architectures = ARCHITECTURES): readonly Locked[] {
  const version = NODE_LINES.find((one) => one.startsWith(LINE)) ?? NODE_LINES[0];
  return architectures.flatMap((architecture): readonly Locked[] => [
    ...newestPackages(architecture, DEBIAN_PACKAGES),
    {
      kind: 'node',
      name: 'node',
      version,
      architecture,
      sha256: digestOfNode(version, architecture.node),
    },
  ]);
}

function digestOfNode(version: string, processor: string): string {
  return createHash('sha256')
    .update(readFileSync(join(nodeFolder(version, processor), 'node')))
    .digest('hex');
}
