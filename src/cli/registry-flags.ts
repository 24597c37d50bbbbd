/** How to speak with registries: the same flags for every command that does. */
import { type Flag } from './flags.js';

export const REGISTRY = 'Registries:';

export const REGISTRY_FLAGS: readonly Flag[] = [
  {
    name: 'source-insecure',
    type: 'boolean',
    env: 'SOURCE_INSECURE',
    group: REGISTRY,
    help: "do not verify the source registry's certificate",
  },
  {
    name: 'target-insecure',
    type: 'boolean',
    env: 'TARGET_INSECURE',
    group: REGISTRY,
    help: "do not verify the target registry's certificate",
  },
  {
    name: 'plain-http',
    type: 'boolean',
    env: 'PLAIN_HTTP',
    group: REGISTRY,
    help: 'speak HTTP with both registries; needless for those on this machine',
  },
];
