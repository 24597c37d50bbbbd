/** The flags that a command between two ends (../between-ends.ts) has beside its own. */
import { COPY_CONCURRENCY } from '../../io/concurrency.js';
import { backendFlags } from './backend.js';
import { ofConvert } from './convert.js';
import type { Flag } from './flags.js';
import { LIMIT_FLAGS } from './limits.js';
import { REGISTRY_FLAGS } from './registry.js';

/** `use` completes the sentence "the blobs of the source lie in this kind of storage". */
export function endsFlags(use: string): readonly Flag[] {
  return [
    ...REGISTRY_FLAGS,
    ...ofConvert('push-retry-count', 'push-retry-delay', 'push-chunk-size', 'verify-present'),
    ...LIMIT_FLAGS,
    ...ofConvert('work-dir', 'threads'),
    {
      name: 'concurrency',
      type: 'string',
      value: 'n',
      default: String(COPY_CONCURRENCY),
      group: 'Work:',
      help: 'blobs in flight',
    },
    ...ofConvert('progress', 'digest-file', 'image-file', 'json', 'nydus-image'),
    ...backendFlags('source-', use),
  ];
}
