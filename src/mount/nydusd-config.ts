/** The configuration that `nydusd` takes: where blobs are, where it keeps what it has fetched, and how it reads. */
import { join } from 'node:path';
import { UnsupportedError } from '../errors.js';
import { registryHost } from '../oci/reference.js';
import type { Location } from '../registry/location.js';

/** Where blobs lie, in nydusd's words. */
export interface NydusdBackend {
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface RegistryAccess {
  readonly login: { readonly username: string; readonly password: string } | undefined;
  /** Undefined lets nydusd try both. */
  readonly scheme: 'https' | 'http' | undefined;
  readonly skipVerify: boolean;
  /** URL of a proxy. */
  readonly proxy: string | undefined;
}

/** The blobs where the image is. Throws UnsupportedError for archives, of which nydusd can read no part. */
export function backendOfLocation(location: Location, access: RegistryAccess): NydusdBackend {
  if (location.kind === 'oci')
    return { type: 'localfs', config: { dir: join(location.path, 'blobs/sha256') } };
  if (location.kind !== 'registry') throw new UnsupportedError('nydusd reads no archives');
  const { reference } = location;
  const { login, scheme, skipVerify, proxy } = access;
  const auth =
    login === undefined ? undefined : Buffer.from(`${login.username}:${login.password}`).toString('base64');
  return {
    type: 'registry',
    config: {
      ...(scheme === undefined ? {} : { scheme }),
      host: registryHost(reference),
      repo: reference.repository,
      ...(auth === undefined ? {} : { auth }),
      skip_verify: skipVerify,
      timeout: 5,
      connect_timeout: 5,
      retry_limit: 2,
      ...(proxy === undefined
        ? {}
        : { proxy: { url: proxy, fallback: true, ping_url: '', check_interval: 5 } }),
    },
  };
}

export interface NydusdOptions {
  readonly backend: NydusdBackend;
  /** The folder for what was fetched. */
  readonly cache: string;
  readonly prefetch: boolean;
  readonly fsVersion: number;
}

const PREFETCH_THREADS = 10;
const MERGING_SIZE = 131_072;

/** The text of the file. It may hold a login. */
export function nydusdConfig({ backend, cache, prefetch, fsVersion }: NydusdOptions): string {
  const config = {
    device: { backend, cache: { type: 'blobcache', config: { work_dir: cache } } },
    mode: 'direct',
    // A bootstrap of v6 has no digests of inodes; chunks are verified by their own.
    digest_validate: fsVersion === 5,
    iostats_files: false,
    enable_xattr: true,
    fs_prefetch: { enable: prefetch, threads_count: PREFETCH_THREADS, merging_size: MERGING_SIZE },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
