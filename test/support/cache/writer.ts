/**
 * A writer of a cache as a process of its own, so that a test can kill it: `node writer.js LOCATION NAME LAYOUT`. It says `ready` before it
 * writes, and `done` when its record is in the cache.
 */
import type { CacheLayout } from '../../../src/cache/update.js';
import { writeCache } from '../../../src/cache/write.js';
import { contentOf } from '../../../src/io/streams.js';
import { sha256 } from '../../../src/oci/digest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openTarget } from '../../../src/registry/open.js';
import { madeUpRecord, PLATFORM } from './made-up-record.js';

/** Writes the made-up record of this name. */
export async function writeMadeUp(location: string, name: string, layout: CacheLayout): Promise<void> {
  const { record, bytes, source } = madeUpRecord(name);
  await using cache = openTarget(location, { credentials: anonymous });
  const blob = { mediaType: MEDIA.nydusBlob, digest: record.digest, size: record.size };
  await cache.push(blob, contentOf(bytes));
  // Upstream's reader refuses a cache if the repository lacks one of the source layers.
  const layer = { mediaType: MEDIA.ociLayerTar, digest: sha256(source), size: source.length };
  await cache.push(layer, contentOf(source));
  const writing = { cache, target: cache, maxRecords: 200, layout, version: undefined };
  await writeCache(writing, [{ platform: PLATFORM, records: [record] }], {});
}

const [script = '', location = '', name = '', layout = 'auto'] = process.argv.slice(1);
if (script === import.meta.filename) {
  process.stdout.write('ready\n');
  await writeMadeUp(location, name, layout as CacheLayout); // the test's own word
  process.stdout.write('done\n');
}
