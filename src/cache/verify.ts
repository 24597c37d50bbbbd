/** Reads every blob of a cache and compares it with its records. */
import { createHash } from 'node:crypto';
import { NydusError } from '../errors.js';
import { DEFAULT_CONCURRENCY, mapOrdered } from '../io/concurrency.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type Digest, digestFromHex } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import { formatPlatform } from '../oci/platform.js';
import type { CallOptions } from '../reporter.js';
import type { CacheRecord } from './record.js';
import { type CacheStore, readCache } from './root.js';

/**
 * `gone`: the registry has no such blob, or no such manifest; `bytes`: it sends other bytes, or none; `record`: annotations are missing or wrong; `tail`: the
 * end of the blob is not the one that the record names.
 */
export type CacheFault = 'gone' | 'bytes' | 'record' | 'tail';

export interface FaultyRecord {
  readonly digest: Digest;
  readonly source: Digest | undefined;
  readonly fault: CacheFault;
  readonly message: string;
}

export interface CacheVerdict {
  readonly cache: string;
  readonly records: number;
  /** Bytes that were read. */
  readonly bytes: number;
  readonly faults: readonly FaultyRecord[];
}

/** Undefined when there is no cache. Throws FormatError for a tag that leads to something else, and what the store throws. */
export async function verifyCache(
  store: CacheStore,
  call: CallOptions = {},
): Promise<CacheVerdict | undefined> {
  const root = await readCache(store, call);
  if (root === undefined) return undefined;
  const records = root.manifests.flatMap((manifest) => manifest.records);
  let bytes = 0;
  const found = await mapOrdered(
    records,
    DEFAULT_CONCURRENCY,
    async (record, _, signal) => {
      const fault = await faultOf(store, record, { ...call, signal }, (count) => {
        bytes += count;
      });
      if (fault === undefined) return [];
      const [kind, message] = fault;
      return [{ digest: record.digest, source: record.source, fault: kind, message }];
    },
    call.signal,
  );
  const lost = root.lost.map(({ digest, platform }) => ({
    digest,
    source: undefined,
    fault: 'gone' as const,
    message: `the manifest of ${platform === undefined ? 'a platform' : formatPlatform(platform)} is not there, or has other bytes`,
  }));
  return { cache: store.location, records: records.length, bytes, faults: [...lost, ...found.flat()] };
}

type Fault = readonly [CacheFault, string];

async function faultOf(
  store: CacheStore,
  { digest, size, usable, isUnkeyed, source }: CacheRecord,
  call: CallOptions,
  onRead: (bytes: number) => void,
): Promise<Fault | undefined> {
  if (usable === undefined && !(isUnkeyed && source !== undefined))
    return ['record', 'annotations of the record are missing or wrong'];
  const blob: Descriptor = { mediaType: MEDIA.nydusBlob, digest, size };
  if (!(await store.exists(blob, call))) return ['gone', 'the blob is not there, or has another size'];
  const whole = createHash('sha256');
  const tail = createHash('sha256');
  const tailStart = usable?.tail.start ?? size;
  let at = 0;
  try {
    for await (const bytes of store.fetch(blob, call)) {
      whole.update(bytes);
      if (at + bytes.length > tailStart) tail.update(bytes.subarray(Math.max(0, tailStart - at)));
      at += bytes.length;
      onRead(bytes.length);
    }
  } catch (error) {
    call.signal?.throwIfAborted();
    if (!(error instanceof NydusError)) throw error;
    return ['bytes', error.message];
  }
  if (digestFromHex(whole.digest('hex')) !== digest) return ['bytes', 'the blob has another digest'];
  if (usable !== undefined && digestFromHex(tail.digest('hex')) !== usable.tail.digest)
    return ['tail', 'the end of the blob is not what the record says'];
  return undefined;
}
