/** Records of blobs that no conversion has made, for tests of caches alone. */
import assert from 'node:assert/strict';
import { type CacheRecord, recordOf } from '../../../src/cache/record.js';
import { type DiffId, sha256 } from '../../../src/oci/digest.js';

export const PLATFORM = { os: 'linux', architecture: 'amd64' };

export function madeUpRecord(name: string): { readonly record: CacheRecord; readonly bytes: Buffer } {
  const bytes = Buffer.from(`blob ${name}`);
  const source = sha256(`source ${name}`);
  const record = recordOf({
    blob: { digest: sha256(bytes), size: bytes.length },
    source,
    standsAlone: true,
    key: sha256(`key of ${source}`),
    diffId: sha256(name) as string as DiffId, // a diffID is a digest
    tail: { start: 1, digest: sha256('tail') },
    entered: 'none',
  });
  assert.ok(record);
  return { record, bytes };
}
