/**
 * The catalogue lists every finding that the rules of this folder can make: its id, its severity and why it matters.
 * One rule gives the severities (`docs/checks.md` has it): an error when a client fails, when content or the way
 * containers start differs from the source, or when it cannot be judged; a warning when the image works, and is not as it should be; else a note.
 * Programs rely on the ids, so they are added and never renamed. Findings about the inside of a bootstrap (`RAFS-…`)
 * come from `native/judge`, and their texts from `rafs-builder/rules`; so do those about sections of a blob, which have
 * their ids and severities here.
 */

export interface CatalogueEntry {
  readonly severity: 'error' | 'warning' | 'note';
  /** Says what is wrong, and which client or tool has trouble with it. */
  readonly meaning: string;
}

function error(meaning: string): CatalogueEntry {
  return { severity: 'error', meaning };
}
function warning(meaning: string): CatalogueEntry {
  return { severity: 'warning', meaning };
}
function note(meaning: string): CatalogueEntry {
  return { severity: 'note', meaning };
}

export const CATALOGUE = {
  // The reference as a whole
  'CONTENT-MISSING': error(
    'a manifest, config or blob that is referred to is not in the registry, folder or archive of the image, or has another size there',
  ),
  'CONTENT-DIGEST': error(
    'bytes do not have the digest or size that the descriptor promises; clients refuse them',
  ),
  'CONTENT-UNREAD': error(
    'a part of the image is of a kind or size that is not read here, so that nothing shows whether it is right',
  ),
  'DOCUMENT-INVALID': error('a manifest, index or config does not parse'),
  'IMAGE-NOT-NYDUS': error('there is no Nydus image for this platform, or no image at all'),
  'IMAGE-ORDINARY': note('an image that cannot become a Nydus image stands in the index as it is'),
  'IMAGE-NO-PLATFORM': error('a platform that is asked for is not there'),
  'SOURCE-NO-PLATFORM': error('the source has no image for a platform of the target'),
  'SOURCE-PLATFORM': error(
    'the index lists an image for another platform than its source is for, so that it starts on the wrong machines',
  ),

  // Index
  'INDEX-MEDIA-TYPE': error('the index has another media type than its descriptor says'),
  'INDEX-MEDIA-TYPE-MISSING': warning('the index has no mediaType of its own; strict registries want it'),
  'INDEX-SIZE': error('the index is larger than the 8 MiB that index detection reads'),
  'INDEX-PLATFORM': error(
    'an image entry has no platform, or an incomplete one; index detection stops there with a panic',
  ),
  'INDEX-ORDER': error(
    'a Nydus entry stands before the OCI entry of its platform, so that ordinary clients take it',
  ),
  'INDEX-MARK-MISSING': error(
    'a Nydus entry has neither artifactType nor os.features mark; index detection skips it',
  ),
  'INDEX-MARK-FALSE': error('an entry is marked as Nydus, and its manifest does not end with a bootstrap'),
  'INDEX-PAIR': warning(
    'a Nydus entry has no OCI entry of the same platform; no ordinary client can use that platform',
  ),
  'INDEX-DUPLICATE': warning(
    'two entries of one kind have the same platform; only the first one is ever used',
  ),

  // nydus-snapshotter's detection; `check --clients` replays all clients
  'DETECT-INDEX': error(
    'index detection of nydus-snapshotter does not lead from the OCI entry to the Nydus image of its platform',
  ),
  'DETECT-INDEX-NEXT': note(
    'said when clients are asked about: the platform matcher of containerd 2.3 skips an entry with os.features; a snapshotter with that matcher no longer finds this image',
  ),
  'DETECT-REFERRER': warning(
    'a Nydus image refers to the manifest, but referrer detection does not find it, because it looks only at the first referrer',
  ),

  // Manifest
  'MANIFEST-MEDIA-TYPE': error('the manifest has another media type than its descriptor says'),
  'MANIFEST-FAMILY': error('parts of the OCI and of the Docker family are mixed in one manifest'),
  'MANIFEST-LAYER-ORDER': error('the bootstrap is not the last layer; every reader looks there'),
  'MANIFEST-LAYER-TYPE': error('a layer has a media type that its place does not allow'),
  'MANIFEST-LAYER-ANNOTATION': error('a layer lacks the annotation by which snapshotters know what it is'),
  'MANIFEST-FS-VERSION': error(
    'the RAFS version in the annotations is missing, unknown, or not the version of the bootstrap',
  ),
  'MANIFEST-EMPTY-LAYER': warning(
    'the empty layer below the OCI half is not exactly the known one; converting the image again needs the source itself',
  ),
  'MANIFEST-SOURCE-DIGEST': warning(
    'the recorded digest of the source is neither that of the source given nor that of an index that leads to it; a second conversion cannot find it',
  ),
  'MANIFEST-SOURCE-HALVES': note(
    'the halves of an index name their source by different digests, and only the source tells whether one is of an index that lists the other',
  ),
  'MANIFEST-SOURCE-UNKNOWN': warning(
    'the image does not record the digest of its source; a second conversion cannot find it',
  ),
  'MANIFEST-ORIGINAL': warning(
    'the source manifest cannot be restored from the OCI half, or is not it; converting it again needs the source itself',
  ),
  'MANIFEST-DESCRIPTOR': error(
    'descriptors of one manifest contradict each other, or the bytes embedded in them',
  ),
  'MANIFEST-FAMILY-LAYER': warning('an ordinary image mixes layers of the OCI and of the Docker family'),
  'MANIFEST-SUBJECT': error(
    'the image refers to another subject than the source given; referrer detection mounts it in place of that other image',
  ),
  'MANIFEST-SUBJECT-OTHER': note(
    'the subject and the recorded source have different digests, and only the source tells whether one is of an index that lists the other',
  ),
  'MANIFEST-SUBJECT-MISSING': warning('the image refers to a subject that is not in its repository'),
  'MANIFEST-OCI-HALF': error('the OCI half of the merged index is not the source image'),
  'MANIFEST-ANNOTATIONS': warning('an annotation of the source manifest is lost or changed'),

  // Config
  'CONFIG-MEDIA-TYPE': error(
    'the config has a media type that does not fit its manifest; clients do not take it for an image',
  ),
  'CONFIG-MEDIA-TYPE-HALF': warning(
    'the Nydus half of an index has the config type of an ordinary image; a client that unpacks every entry unpacks this one too',
  ),
  'CONFIG-PLATFORM': warning(
    'the config names another platform than the index entry; clients believe the index, and some tools the config',
  ),
  'CONFIG-PLATFORM-MISSING': warning(
    'the config names no os or no architecture; upstream refuses such an image',
  ),
  'CONFIG-ROOTFS-TYPE': error(
    'rootfs of the config has another type than "layers"; containerd refuses to unpack it',
  ),
  'CONFIG-DIFF-ID-COUNT': error('the number of diffIDs is not the number of layers'),
  'CONFIG-HISTORY-COUNT': warning(
    'the number of history entries with a layer is not the number of layers; containerd does not look at them, tools that edit images do',
  ),
  'CONFIG-HISTORY-OCI': warning(
    'the history of an ordinary image does not fit its layers, as in the image that it was made from',
  ),
  'CONFIG-DIFF-ID': error('a diffID is not that of its layer'),
  'CONFIG-FIELD': error(
    'a field by which containers run or clients choose is lost, changed or new: a parameter of execution of the OCI specification, or the platform',
  ),
  'CONFIG-METADATA': warning(
    'another field of the source config is lost, changed or new: times, the history, or what only Docker reads (Healthcheck, OnBuild, Shell)',
  ),
  'CONFIG-HALVES': error(
    'the configs of both halves of an index differ, so that clients with and without Nydus run different images',
  ),

  // Blobs and bootstrap
  'BOOTSTRAP-LAYER': error('the bootstrap layer cannot be unpacked'),
  'BOOTSTRAP-MISSING': error('the bootstrap layer holds no image/image.boot'),
  'BOOTSTRAP-BLOB-TABLE': error('a blob of the bootstrap is not among the layers, or is listed twice'),
  'BLOB-BACKEND': note(
    'the manifest lists the bootstrap alone: the blobs lie in a storage backend, and were not read',
  ),
  'BOOTSTRAP-BLOB-META': error(
    'a blob.meta file beside the bootstrap is not that of the blob; reads through nydusd fail',
  ),
  'BOOTSTRAP-BLOB-META-EXTRA': warning(
    'a blob.meta file beside the bootstrap is that of no blob; nothing reads it',
  ),
  'BOOTSTRAP-BLOB-META-MISSING': warning(
    'the bootstrap layer lacks the blob.meta of a blob, or has its header alone; every mount fetches it again',
  ),
  'BLOB-FRAME': error('the sections at the end of a blob cannot be found or read'),
  'BLOB-TOC': error('the table of contents of a blob does not fit its sections'),
  'BLOB-DATA-DIGEST': warning(
    'the table of contents has another digest of the chunk data; readers ignore it, because each chunk has its own digest',
  ),
  'BLOB-RESERVED': warning(
    'reserved bytes in the structures of a blob are not zero; readers ignore them, and old builders left garbage there',
  ),
  'BLOB-META': error('the chunk table of a blob contradicts itself or the bootstrap'),
  'BLOB-CONTEXT': error(
    'an inflate context does not lead to the chunks in its layer as clients follow it: they fail to read them, or get wrong bytes',
  ),
  'BLOB-BOOTSTRAP': error('the bootstrap inside a blob cannot be read, or contradicts the blob'),
  'BLOB-LAYER-MISSING': error(
    'an original layer that holds the data is not in the repository, or has another size there; clients cannot read the files in it',
  ),
  'BLOB-LAYER-DIGEST': error(
    'an original layer that holds the data has other bytes than its digest promises; the files in it are lost or wrong',
  ),
  'BLOB-LAYER-REF': error(
    'the annotation of a data layer names another original layer than the bootstrap; tools that go by it copy or keep the wrong one',
  ),
  'BLOB-LAYER-UNREFERENCED': note(
    'no manifest that stays with the image names the original layers that hold the data; garbage collection in the registry may delete them with the original image',
  ),
  'CHUNK-RECORD': error('the bootstrap and the blob describe a chunk differently'),
  'CHUNK-DATA': error('a chunk does not decode to the bytes that its record promises'),

  // Filesystem against the source
  'FS-SOURCE': error(
    'the source image cannot be read as a filesystem, so that there is nothing to compare with',
  ),
  'FS-DIGESTER': note(
    'contents were not compared with the source, a Nydus image whose chunks have digests of another kind',
  ),
  'FS-MISSING': error('a path of the source is not in the image'),
  'FS-EXTRA': error('a path of the image is not in the source'),
  'FS-TYPE': error('a path has another type'),
  'FS-MODE': error('permission bits differ'),
  'FS-OWNER': error('owner or group differ'),
  'FS-MTIME': error('the time of modification differs'),
  'FS-SIZE': error('the size of a file differs'),
  'FS-CONTENT': error('the content of a file differs'),
  'FS-RDEV': error('a device has other numbers'),
  'FS-SYMLINK': error('a symbolic link leads elsewhere'),
  'FS-XATTR': error('an extended attribute is missing, new or different'),
  'FS-LINKS': error('names of one file became several files, or the other way round'),
} as const satisfies Readonly<Record<string, CatalogueEntry>>;

export type FindingId = keyof typeof CATALOGUE;
