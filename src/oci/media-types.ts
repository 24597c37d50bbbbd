/** Every media type and annotation key, spelled once. */

/** OCI image-spec, media-types.md; Docker distribution, manifest schema 2. */
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
  /** What very old clients pushed as the type of a config; containerd takes it for Docker's. */
  untypedConfig: 'application/octet-stream',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerTar: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  attestationManifest: 'application/vnd.docker.attestation.manifest.v1+json',
  /** nydus-snapshotter pkg/converter/constant.go: a RAFS blob as a layer. */
  nydusBlob: 'application/vnd.oci.image.layer.nydus.blob.v1',
  /** Config of a Nydus manifest inside a merged index: keeps containerd from unpacking it. */
  nydusConfig: 'application/vnd.nydus.image.config.v1+json',
  /** `artifactType` of the Nydus entry in a merged index. */
  nydusArtifact: 'application/vnd.nydus.image.manifest.v1+json',
} as const;

/** The legacy mark of a Nydus entry in an index. */
export const NYDUS_OS_FEATURE = 'nydus.remoteimage.v1';

/** nydus-snapshotter pkg/converter/constant.go and goharbor/acceleration-service pkg/driver/nydus. */
export const ANNOTATION = {
  nydusBlob: 'containerd.io/snapshot/nydus-blob',
  nydusBootstrap: 'containerd.io/snapshot/nydus-bootstrap',
  nydusFsVersion: 'containerd.io/snapshot/nydus-fs-version',
  nydusRef: 'containerd.io/snapshot/nydus-ref',
  nydusEncryptedBlob: 'containerd.io/snapshot/nydus-encrypted-blob',
  nydusSourceDigest: 'containerd.io/snapshot/nydus-source-digest',
  nydusSourceReference: 'containerd.io/snapshot/nydus-source-reference',
  nydusBuilderVersion: 'containerd.io/snapshot/nydus-builder-version',
  nydusEmptyLayer: 'containerd.io/snapshot/nydus-empty-layer',
  /** BuildKit: what kind of entry this is, and for which manifest. */
  dockerReferenceType: 'vnd.docker.reference.type',
  dockerReferenceDigest: 'vnd.docker.reference.digest',
  ociRefName: 'org.opencontainers.image.ref.name',
  containerdImageName: 'io.containerd.image.name',
} as const;
