/** The library: what the command does, as functions. It returns values, throws NydusErrors, emits events, and never prints. */

export { convertImage, type ConvertResult, type ConvertTimes } from './convert/convert.js';
export { type ConvertedImage, type LayerReport } from './convert/image.js';
export {
  type ConvertOptions,
  convertOptions,
  type IndexMarks,
  type MergeIsolation,
} from './convert/options.js';
export { VERSION } from './convert/version.js';

export { checkImage, type CheckOptions, type CheckResult } from './check/check.js';
export { clientsOf, platformsOf, type ClientVerdict, type PlatformClients } from './check/clients.js';
export { type PlatformMatcher } from './check/client-platforms.js';
export {
  detectAlternative,
  type Detection,
  type DetectionMode,
  type DetectionOptions,
  type DetectionStep,
} from './check/detect.js';
export { type Finding } from './check/finding.js';

export { contentsComparable, readContents, type ReadContents } from './look/contents.js';
export { diffFiles, downloadCost, type DownloadCost, type FileChange } from './look/diff.js';
export { type Filesystem } from './look/filesystem.js';
export { lookup, pathFromText } from './look/lookup.js';
export { openFilesystem, type LookOptions } from './look/open.js';
export { summarizeReference, type ImageSummary, type ReferenceSummary } from './look/summary.js';
export { type DirectoryUsage, usageByDirectory } from './rafs-builder/show/usage.js';

export { formatLocation, type Location, parseLocation } from './registry/location.js';
export { openSource, openTarget, type OpenOptions } from './registry/open.js';
export {
  anonymous,
  type Credential,
  type CredentialStore,
  dockerCredentials,
} from './registry/auth/credentials.js';
export {
  type ContentSink,
  type ContentSource,
  type ImageSource,
  type ImageTarget,
  isMountable,
  type Mountable,
  isReferable,
  type PushOutcome,
  type Referable,
  type ReferrerList,
  type ReferrerOptions,
} from './registry/stores/store.js';
export { listReferrers } from './registry/stores/referrers.js';

export { type RafsImage, readBootstrap } from './rafs-builder/index.js';
export { type Bootstrap, type Inode, type TreeNode } from './rafs-builder/model/tree.js';

export { type Annotations, type Descriptor, type Platform } from './oci/descriptor.js';
export { type Digest, type DiffId, parseDigest, sha256 } from './oci/digest.js';
export {
  allPlatforms,
  formatPlatform,
  parsePlatform,
  parsePlatforms,
  type PlatformSelection,
} from './oci/platform.js';
export { formatReference, parseReference, type Reference } from './oci/reference.js';

export {
  type CallOptions,
  type ConvertEvent,
  type PackStats,
  type Reporter,
  silentReporter,
} from './reporter.js';
export { contentOf, type ByteStream, type ReplayableContent } from './io/streams.js';
export * from './errors.js';
