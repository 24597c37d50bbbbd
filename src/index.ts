/**
 * The library: what the command does, as functions. They return values, emit events, throw NydusErrors (or the reason of the
 * caller's signal), and never print. `nydusify-ts/registry`, `/rafs` and `/testing` are further entry points.
 */

export {
  type CacheUse,
  convertImage,
  type ConvertImages,
  type ConvertResult,
  type ConvertTimes,
  type ImageReport,
} from './convert/convert.js';
export type { BuildCache, CacheMode } from './cache/options.js';
export type { LocalCacheOptions } from './cache/local/local-cache.js';
export type { CacheLayout } from './cache/update.js';
export {
  type CacheListing,
  listCache,
  type ListedCacheManifest,
  type ListedRecord,
  type RecordState,
} from './cache/listing.js';
export {
  pruneCache,
  type PrunedRecord,
  type PruneOptions,
  type PruneReason,
  type PruneResult,
} from './cache/prune.js';
export type { CacheStore } from './cache/root.js';
export { type CacheFault, type CacheVerdict, type FaultyRecord, verifyCache } from './cache/verify.js';
export type { HookedImage, PublishHooks } from './convert/hooks.js';
export { type LayerReport } from './convert/image.js';
export type { LeftDirectory, LeftFiles, LeftOut } from './convert/flat-image.js';
export {
  type ChunkSizeRow,
  type DedupEstimate,
  type EstimatedImage,
  type EstimateOptions,
  estimateDedup,
  type StoredSoFar,
} from './dedup/estimate.js';
export {
  type Choice,
  type Generated,
  generateDictionary,
  type GenerateOptions,
  type HeldBack,
} from './dedup/generate.js';
export type { ChoiceOptions } from './dedup/choose.js';
export type {
  BootstrapFile,
  DictionaryBlob,
  DictionaryOfPlatform,
  DictionarySource,
  OneDictionary,
} from './convert/dictionary.js';
export type { BorrowPlan, PlannedBorrow, PlannedDictionary } from './convert/plan-dictionary.js';
export {
  type ConvertOptions,
  convertOptions,
  type IndexMarks,
  type MergeIsolation,
} from './convert/options.js';
export { type FormatOptions } from './convert/format.js';
export {
  CODECS,
  FS_VERSIONS,
  type FsVersion,
  type OldestReader,
  READERS,
  type WrittenCompressor,
} from './native/formats.js';
export {
  type ConversionPlan,
  type CopyPlan,
  planConversion,
  type PlannedCacheUse,
  type PlannedImage,
  type PlannedLayer,
  type PlanImages,
  type PlanOptions,
  type PlanTotals,
} from './convert/plan.js';
export { type FormatChange, type Sample, type SampledChoice } from './convert/sample.js';
export { type BatchRule } from './convert/batching.js';
export {
  type ReversedImage,
  reverseImage,
  type ReverseImages,
  type ReverseResult,
} from './reverse/reverse.js';
export {
  type ImageProspect,
  type LayerProspect,
  type LayerWay,
  reverseProspects,
} from './reverse/prospects.js';
export { type ReversedLayer } from './reverse/rebuild.js';
export { type ReverseOptions } from './reverse/options.js';
export { type LayerChoice, type ReverseMode } from './reverse/choices.js';
export { buildFiles, type BuildPlace, type BuiltFiles } from './build/files.js';
export { buildImage, type BuildEnds, type BuildImageOptions, type BuiltImage } from './build/image.js';
export { type BuildFormat, type BuildOptions, type WhiteoutForm } from './build/options.js';
export { type LowerTree } from './build/pack.js';
export { type ImageSettings } from './build/settings.js';
export { optimizeImage, type OptimizeImages, type OptimizeResult } from './optimize/optimize.js';
export { commitImage, type CommitImages, type CommitResult } from './commit/commit.js';
export { openChanges } from './commit/changes.js';
export { type CommitOptions } from './commit/options.js';
export { type OptimizedImage } from './optimize/image.js';
export { type OptimizeOptions } from './optimize/options.js';
export { type Reads } from './optimize/reads.js';
export { type LayerCompression, type LayerCompressor } from './native/rebuilder.js';
export { prefetchMeaning } from './look/prefetch.js';
export { type PrefetchMeaning, type PrefetchPart } from './prefetch/meaning.js';
export { type PrefetchList, readPrefetchList } from './prefetch/read.js';
export { type PrefetchPattern } from './native/addon-types.js';
export { type Estimate } from './convert/estimate.js';
export { VERSION } from './convert/version.js';

export {
  type CopyComparison,
  compareCopy,
  type CopyDifference,
  type DifferenceKind,
} from './copy/compare.js';
export { type CopiedContent, type CopyOutcome } from './copy/copier.js';
export { copyImage, type CopyImages, type CopyOptions, type CopyResult } from './copy/copy.js';

export {
  type BackendType,
  type BlobBackend,
  type NamedBlob,
  type StoredBlob,
  type UnfinishedUpload,
} from './backend/backend.js';
export {
  type BackendConfig,
  type BucketConfig,
  type Checksum,
  type Keys,
  type LocalConfig,
  type OssConfig,
  parseBackendConfig,
  type S3Config,
} from './backend/config.js';
export { type BackendOptions, openBackend } from './backend/open.js';
export { type BackedTargetOptions, withBackend, withBackendTarget } from './backend/stores.js';

export { checkImage } from './check/check.js';
export type { CheckImages, CheckOptions } from './check/options.js';
export type { CheckedPlatform, CheckResult } from './check/result.js';
export {
  type Client,
  type ClientOutcome,
  type ClientVerdict,
  type PickedManifest,
  type PlatformClients,
} from './check/clients.js';
export { type PlatformMatcher } from './check/client-platforms.js';
export { type CheckedLayer, type ImageContents, type SizedDirectory } from './check/contents.js';
export {
  detectAlternative,
  type Detection,
  type DetectionMode,
  type DetectionOptions,
  type DetectionStep,
  type DetectionStepName,
} from './check/detect.js';
export { type Finding, formatFinding, type Place, type PlaceInFile, type Severity } from './check/finding.js';
export { type GoDescriptor, type GoPlatform } from './check/go-json.js';

export {
  type ContentDifference,
  contentsComparable,
  readContents,
  type ReadContents,
} from './look/contents.js';
export {
  type AttributeChange,
  diffFiles,
  downloadCost,
  type DownloadCost,
  type FileChange,
  type FileDiffOptions,
  type Pieces,
} from './look/diff.js';
export { type IndexedChunk, type Inflated, type LocatedChunk } from './look/chunks.js';
export { type ChunkContext } from './look/contexts.js';
export {
  type ChunkedFilesystem,
  type FileChunk,
  type FileInode,
  type Filesystem,
} from './look/filesystem.js';
export { type ImageChoice } from './image/choose.js';
export { type Entry, type Image } from './image/image.js';
export { type EntryKind, type Half, type RecordedSource } from './image/kinds.js';
export { type Problem } from './image/loaded.js';
export { type Found, lookup, type LookupOptions, pathFromText, showPath } from './look/lookup.js';
export { type BackendUse, backendUse } from './look/unnamed-blobs.js';
export { type ChunkedOptions, openChunked, openFilesystem, type LookOptions } from './look/open.js';
export { selectedTree } from './extract/selection.js';
export { type Extracted, type ExtractOptions, extractToDirectory } from './extract/to-directory.js';
export { type NotExtracted } from './native/extractor.js';
export { tarOf, type TarOptions } from './extract/to-tar.js';
export { type Answered, ImageServer, type ServeOptions } from './serve/server.js';
export {
  type BlobSummary,
  type BootstrapSummary,
  type ImageSummary,
  type LayerSummary,
  type ReferenceSummary,
  summarizeReference,
  type SummaryOptions,
  type UnreadImage,
} from './look/summary.js';
export {
  type ChunkBytes,
  type ChunkSizes,
  type DirectoryUsage,
  usageByDirectory,
} from './rafs-builder/show/usage.js';

export * from './rafs.js';

export * from './registry/index.js';

export { type Document } from './oci/descriptor.js';
export { type JsonObject, type JsonValue, type ListedDescriptor, type Manifest } from './oci/manifest.js';
export {
  allPlatforms,
  formatPlatform,
  parsePlatform,
  parsePlatforms,
  type PlatformSelection,
} from './oci/platform.js';

export { silentReporter } from './reporter.js';
export { type Budget, DEFAULT_LIMITS } from './limits.js';
export { openBudget } from './native/budget.js';
export * from './errors.js';
