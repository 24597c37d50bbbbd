/** The flags of `version`. */
import type { Flag } from './flags.js';
import { OUTPUT } from './global.js';

export const VERSION_FLAGS: readonly Flag[] = [
  { name: 'json', type: 'boolean', group: OUTPUT, help: 'print the versions as JSON' },
];
