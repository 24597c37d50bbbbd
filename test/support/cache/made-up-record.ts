/** Records of blobs that no conversion has made, for tests of caches alone. */
import assert from 'node:assert/strict';
import { type CacheRecord, recordOf } from '../../../src/cache/record.js';
import { type DiffId, sha256 } from '../../../src/oci/digest.js';

export const PLATFORM = { os: 'linux', architecture: 'amd64' };

export interface MadeUpRecord {
  readonly record: CacheRecord;
  /** The blob. */
  readonly bytes: Buffer;
  /** The source layer. */
  readonly source: Buffer;
}

export function madeUpRecord(name: string): MadeUpRecord {
  const bytes = Buffer.from(`blob ${name}`);
  const layer = Buffer.from(`source ${name}`);
  const source = sha256(layer);
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
  return { record, bytes, source: layer };
}
