/** The only spelling of every media type and annotation key. */

/** The types come from OCI image-spec, media-types.md, and Docker distribution, manifest schema 2. */
export const MEDIA = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayerTar: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  /** Very old clients pushed configs with this type; containerd treats it as Docker's. */
  untypedConfig: 'application/octet-stream',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerTar: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  attestationManifest: 'application/vnd.docker.attestation.manifest.v1+json',
  /** The type of a RAFS blob as a layer: nydus-snapshotter pkg/converter/constant.go. */
  nydusBlob: 'application/vnd.oci.image.layer.nydus.blob.v1',
  /** The type of a Nydus manifest's config inside a merged index. It keeps containerd from unpacking the image. */
  nydusConfig: 'application/vnd.nydus.image.config.v1+json',
  /** The `artifactType` of the Nydus entry in a merged index. */
  nydusArtifact: 'application/vnd.nydus.image.manifest.v1+json',
} as const;

const DOCKER_LAYERS: ReadonlySet<string> = new Set([
  MEDIA.dockerLayerGzip,
  MEDIA.dockerLayerTar,
  MEDIA.dockerForeignLayer,
]);
const OCI_LAYERS: ReadonlySet<string> = new Set([MEDIA.ociLayerGzip, MEDIA.ociLayerTar, MEDIA.ociLayerZstd]);

export function isDockerLayerType(mediaType: string): boolean {
  return DOCKER_LAYERS.has(mediaType);
}

export function isOciLayerType(mediaType: string): boolean {
  return OCI_LAYERS.has(mediaType);
}

/** The older mark of a Nydus entry in an index. */
export const NYDUS_OS_FEATURE = 'nydus.remoteimage.v1';

/**
 * The keys come from nydus-snapshotter pkg/converter/constant.go and goharbor/acceleration-service pkg/driver/nydus.
 */
export const ANNOTATION = {
  nydusBlob: 'containerd.io/snapshot/nydus-blob',
  nydusBootstrap: 'containerd.io/snapshot/nydus-bootstrap',
  nydusFsVersion: 'containerd.io/snapshot/nydus-fs-version',
  nydusRef: 'containerd.io/snapshot/nydus-ref',
  nydusEncryptedBlob: 'containerd.io/snapshot/nydus-encrypted-blob',
  /** A layer with the recipes of tars; the value says where in it their index begins. No client of Nydus images reads it. */
  nydusTarRecipes: 'containerd.io/snapshot/nydus-tar-recipes',
  /** Of the bootstrap layer: the id of the blob that holds the files to load first, apart from those of the layers. */
  nydusPrefetchBlob: 'containerd.io/snapshot/nydus-separated-blob-with-prefetch-files',
  /** Of the bootstrap layer: the blobs of changes that were put on the image, the oldest first. Upstream lists those of the last time. */
  nydusCommitBlobs: 'containerd.io/snapshot/nydus-commit-blobs',
  nydusSourceDigest: 'containerd.io/snapshot/nydus-source-digest',
  nydusSourceReference: 'containerd.io/snapshot/nydus-source-reference',
  nydusBuilderVersion: 'containerd.io/snapshot/nydus-builder-version',
  nydusEmptyLayer: 'containerd.io/snapshot/nydus-empty-layer',
  /** A build cache has one of these; upstream's first cache had the second. */
  nydusCacheVersion: 'containerd.io/snapshot/nydus-cache-version',
  nydusFirstCache: 'containerd.io/snapshot/nydus-cache',
  /** The source layer of a cached blob that refers to other blobs; upstream, which knows a layer by its digest alone, skips it. */
  nydusCacheSource: 'containerd.io/snapshot/nydus-cache-source',
  /** The key of a record of a build cache: equal keys, equal blobs. */
  nydusCacheKey: 'containerd.io/snapshot/nydus-cache-key',
  /** Where the chunk data of a cached blob ends, and the digest of everything behind it. */
  nydusCacheTail: 'containerd.io/snapshot/nydus-cache-tail',
  /** The directories of a cached layer that look as if they had no entry, and have one. */
  nydusCacheEntered: 'containerd.io/snapshot/nydus-cache-entered',
  /** The diffID of the source layer of a cached blob. */
  nydusCacheDiffId: 'containerd.io/snapshot/nydus-cache-diff-id',
  /** containerd's mark of the digest of uncompressed content; upstream's cache has the blob's own digest in it. */
  uncompressed: 'containerd.io/uncompressed',
  /** BuildKit writes here the kind of an entry, and the digest of the manifest that it belongs to. */
  dockerReferenceType: 'vnd.docker.reference.type',
  dockerReferenceDigest: 'vnd.docker.reference.digest',
  ociRefName: 'org.opencontainers.image.ref.name',
  containerdImageName: 'io.containerd.image.name',
} as const;
