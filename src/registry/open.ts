/** Opens a location: the one door to every kind of store. */
import type { Budget } from '../limits.js';
import { UsageError } from '../errors.js';
import type { ClientOptions } from './distribution/client.js';
import type { SettingsByRegistry } from './distribution/registry-settings.js';
import { openArchiveSource, openArchiveTarget } from './stores/archive.js';
import type { RateLimit } from '../io/rate.js';
import type { RetryPolicy } from '../io/retry.js';
import type { Side } from '../remedy.js';
import { type CredentialStore, dockerCredentials } from './auth/credentials.js';
import type { Proxies } from './http/proxies.js';
import type { Timeouts } from './http/transport.js';
import type { TrustOptions } from './http/trust.js';
import { openDockerArchiveSource } from './stores/docker-archive.js';
import { openLayoutSource, openLayoutTarget } from './stores/layout.js';
import { formatLocation, type Location, type Selector, toLocation } from './location.js';
import type { Reference } from '../oci/reference.js';
import { positionOf } from './stores/select-entry.js';
import { openRemoteSource, openRemoteTarget } from './stores/remote.js';
import type { ImageSource, ImageTarget } from './stores/store.js';

/** How to speak with a registry, and where archives are unpacked. Everything has a default. */
export interface OpenOptions {
  /** Docker's by default: what `docker login` has stored for this user. */
  readonly credentials?: CredentialStore | undefined;
  /** The side that errors name; `openTarget` always says `target`. */
  readonly side?: Side | undefined;
  /** Do not verify certificates. */
  readonly insecure?: boolean | undefined;
  /** Plain HTTP is fine for every host; it always is for those on this machine. */
  readonly plainHttp?: boolean | undefined;
  /** None by default, whatever the environment says. */
  readonly proxies?: Proxies | undefined;
  /** The authorities to trust; those that come with Node by default. */
  readonly trust?: TrustOptions | undefined;
  readonly userAgent?: string | undefined;
  /** Milliseconds without a sign of life before an exchange is given up. */
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** Connections to each host at most; further requests wait for one. */
  readonly connections?: number | undefined;
  /** Bodies go no faster than this, in and out, together with all others that share it. */
  readonly rate?: RateLimit | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Bytes: blobs are pushed in chunks of this size; 0, the default, sends them whole. */
  readonly chunkSize?: number | undefined;
  /**
   * Read and digest content that a registry says it has, before relying on it. Registries are believed by default, since they must
   * verify what is pushed; folders and archives never are.
   */
  readonly verifyPresent?: boolean | undefined;
  /** Folder, or several as in `PATH`, with a folder for each registry that holds a `hosts.toml` or certificates. */
  readonly hostsDir?: string | undefined;
  /** Settings of registries that have no folder there, by host as in references: `{ 'registry.lan:5000': { plainHttp: true } }`. */
  readonly registries?: SettingsByRegistry | undefined;
  /** Hosts, with a port or without, to which a registry may lead even if their addresses are private; the registry itself needs no leave. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Where archives are unpacked; beside the archive by default. */
  readonly workDir?: string | undefined;
  /** Charged with the bytes of unpacked archives; by default each archive has one of its own. */
  readonly budget?: Budget | undefined;
  /** The full name that an archive gives its image, for clients that load it; else none but the tag. */
  readonly imageName?: Reference | undefined;
}

/** Throws InvalidReferenceError. Nothing is read before the first verb. */
export function openSource(location: string | Location, options: OpenOptions = {}): ImageSource {
  const parsed = toLocation(location);
  switch (parsed.kind) {
    case 'registry':
      return openRemoteSource(parsed.reference, clientOptions(options, options.side ?? 'source'));
    case 'oci':
      return openLayoutSource(parsed.path, selectorOf(parsed));
    case 'oci-archive':
      return openArchiveSource(parsed.path, selectorOf(parsed), options);
    case 'docker-archive':
      return openDockerArchiveSource(parsed.path, selectorOf(parsed), options);
  }
}

/** Throws InvalidReferenceError, or UsageError for a kind that cannot be written. Nothing is written before the first verb. */
export function openTarget(location: string | Location, options: OpenOptions = {}): ImageTarget {
  const parsed = toLocation(location);
  if (parsed.kind !== 'registry' && parsed.digest !== undefined) {
    throw new UsageError(`"${formatLocation(parsed)}" is no target: its digest follows from the content`, {
      hint: 'give the target a tag instead',
    });
  }
  if (parsed.kind !== 'registry' && positionOf(parsed.name) !== undefined) {
    throw new UsageError(
      `"${formatLocation(parsed)}" is no target: a position names an image that is there`,
      {
        hint: 'give the target a tag instead',
      },
    );
  }
  switch (parsed.kind) {
    case 'registry':
      return openRemoteTarget(parsed.reference, clientOptions(options, 'target'));
    case 'oci':
      return openLayoutTarget(parsed.path, selectorOf(parsed));
    case 'oci-archive':
      return openArchiveTarget(parsed.path, selectorOf(parsed), options);
    case 'docker-archive':
      throw new UsageError('docker-archive: can only be a source', {
        hint: 'write oci-archive:FILE, which Docker 25 and later load too',
      });
  }
}

function clientOptions(
  { credentials = dockerCredentials(), ...options }: OpenOptions,
  side: Side,
): ClientOptions {
  return { ...options, credentials, side };
}

function selectorOf({ name, digest }: Selector): Selector {
  return { name, digest };
}
