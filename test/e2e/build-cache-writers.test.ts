/** Many writers of one cache at the same time: none that has finished loses a record, and every reader finds a whole cache. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheKey, type CacheRecord, recordOf } from '../../src/cache/record.js';
import { readCache } from '../../src/cache/root.js';
import type { CacheLayout } from '../../src/cache/update.js';
import { writeCache } from '../../src/cache/write.js';
import { contentOf } from '../../src/io/streams.js';
import { type DiffId, sha256 } from '../../src/oci/digest.js';
import { MEDIA } from '../../src/oci/media-types.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openTarget } from '../../src/registry/open.js';
import { registry } from '../support/command.js';

const PLATFORM = { os: 'linux', architecture: 'amd64' };
const WRITERS = 24;

function madeUp(name: string): { readonly record: CacheRecord; readonly bytes: Buffer } {
  const bytes = Buffer.from(`blob ${name}`);
  const source = sha256(`source ${name}`);
  const record = recordOf({
    blob: { digest: sha256(bytes), size: bytes.length },
    source,
    key: cacheKey(source, 'any'),
    diffId: sha256(name) as string as DiffId, // a diffID is a digest
    tail: { start: 1, digest: sha256('tail') },
    entered: 'none',
  });
  assert.ok(record);
  return { record, bytes };
}

for (const layout of ['manifest', 'index'] satisfies CacheLayout[]) {
  test(`${WRITERS} writers of one tag keep each other's records: ${layout}`, async (t) => {
    const lab = await registry(t);
    const location = `${lab.host}/app:cache`;
    await using reader = openTarget(location, { credentials: anonymous });
    const finished = new Set<string>();
    let isOver = false;
    const reading = (async () => {
      let count = 0;
      for (; !isOver; count++) {
        const root = await readCache(reader, {}); // throws for a cache that is not whole
        assert.ok(root === undefined || root.manifests.length === 1);
        await sleep(5);
      }
      return count;
    })();
    await Promise.all(
      Array.from({ length: WRITERS }, async (_, i) => {
        const { record, bytes } = madeUp(String(i));
        await using cache = openTarget(location, { credentials: anonymous });
        await sleep((i % 7) * 3);
        await cache.push(
          { mediaType: MEDIA.nydusBlob, digest: record.digest, size: record.size },
          contentOf(bytes),
        );
        const writing = { cache, target: cache, maxRecords: 200, layout, version: undefined };
        await writeCache(writing, [{ platform: PLATFORM, records: [record] }], {});
        finished.add(record.digest);
      }),
    );
    isOver = true;
    assert.ok((await reading) > 3);
    const root = await readCache(reader, {});
    const kept = new Set<string>(root?.manifests[0]?.records.map(({ digest }) => digest));
    assert.deepEqual(
      [...finished].filter((digest) => !kept.has(digest)),
      [],
    );
    assert.equal(kept.size, WRITERS);
  });
}
