/** `nydusify-ts/registry`: images in registries, folders and archives. It knows no RAFS, and loads no addon. */
export { type Branded, type DiffId, type Digest, isDigest, parseDigest, sha256 } from '../oci/digest.js';
export type { Annotations, Descriptor, Platform } from '../oci/descriptor.js';
export { formatReference, parseReference, type Reference } from '../oci/reference.js';
export {
  type ByteRange,
  type ByteStream,
  collect,
  contentOf,
  type ReplayableContent,
} from '../io/streams.js';
export { RateLimit } from '../io/rate.js';
export type { RetryPolicy } from '../io/retry.js';
export type { LimitName, Limits } from '../limits.js';
export type { CallOptions, ConvertEvent, PackStats, Reporter, Stage, StageTimes } from '../reporter.js';
export type { Remedy, Side } from '../remedy.js';
export {
  anonymous,
  type Credential,
  type CredentialStore,
  dockerCredentials,
  type DockerCredentialsOptions,
} from './auth/credentials.js';
export type { RegistrySettings, SettingsByRegistry } from './distribution/registry-settings.js';
export type { Proxies } from './http/proxies.js';
export type { Timeouts } from './http/transport.js';
export type { Roots, TrustOptions } from './http/trust.js';
export { formatLocation, type Location, parseLocation, type Selector } from './location.js';
export { openSource, openTarget, type OpenOptions } from './open.js';
export {
  type Backed,
  type ContentSink,
  type ContentSource,
  type FetchOptions,
  type ImageSource,
  type ImageTarget,
  type Measurable,
  isMountable,
  isMovedTag,
  isReferable,
  listReferrers,
  type Located,
  type Mountable,
  type PushOptions,
  type PushOutcome,
  type Referable,
  type ReferrerList,
  type ReferrerOptions,
  type TagOptions,
} from './stores/store.js';
