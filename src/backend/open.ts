/** Opens a storage backend: the one door to every kind of it. Code for a kind is loaded only where it is asked for. */
import type { OpenOptions } from '../registry/open.js';
import { Redactor } from '../registry/http/redact.js';
import { Transport } from '../registry/http/transport.js';
import type { BlobBackend } from './backend.js';
import type { BackendConfig, BucketConfig } from './config.js';
import type { ObjectStore } from './objects/store.js';

/** How to speak with the servers of a backend. Everything has a default. */
export type BackendOptions = Pick<
  OpenOptions,
  'side' | 'proxies' | 'trust' | 'userAgent' | 'timeouts' | 'connections' | 'rate' | 'retry'
> & {
  /** Bytes of a part: larger blobs are sent in several. S3 takes no less than 5 MiB; 8 MiB by default. */
  readonly partBytes?: number | undefined;
};

/** Nothing is read or written before the first verb. Throws UnsupportedError where a kind needs a package that is not installed. */
export async function openBackend(config: BackendConfig, options: BackendOptions = {}): Promise<BlobBackend> {
  if (config.type === 'localfs') {
    const { LocalBackend } = await import('./localfs.js');
    return new LocalBackend(config);
  }
  const { ObjectBackend } = await import('./objects/backend.js');
  const { prefix, metaPrefix } = config;
  const { retry, partBytes } = options;
  const base = baseOf(config);
  return new ObjectBackend(await openStore(config, options), { prefix, metaPrefix, base, retry, partBytes });
}

/** What stands before the key of an object in its URL, as upstream's build names objects. */
function baseOf({ type, bucket, scheme, endpoint }: BucketConfig & Pick<BackendConfig, 'type'>): string {
  return type === 'oss' ? `oss://${bucket}/` : `${scheme}//${endpoint}/${bucket}/`;
}

async function openStore(
  config: Exclude<BackendConfig, { readonly type: 'localfs' }>,
  options: BackendOptions,
): Promise<ObjectStore> {
  if (config.type === 'oss') {
    const { OssStore } = await import('./oss/store.js');
    return new OssStore(config, transportTo(config, options));
  }
  const [{ loadSdk }, { S3Store }] = await Promise.all([import('./s3/sdk.js'), import('./s3/store.js')]);
  return new S3Store(await loadSdk(), config, transportTo(config, options));
}

/** The settings name the server, so its scheme and its network are as they say. */
function transportTo(
  { insecure, scheme, keys }: BucketConfig,
  { side = 'target', proxies, trust, userAgent, timeouts, connections, rate }: BackendOptions,
): Transport {
  const redactor = new Redactor();
  redactor.add(keys?.secret);
  redactor.add(keys?.token);
  const plainHttp = scheme === 'http:';
  return new Transport(
    {
      side,
      peer: 'storage backend',
      proxies,
      trust,
      userAgent,
      timeouts,
      connections,
      rate,
      insecure,
      plainHttp,
    },
    redactor,
  );
}
