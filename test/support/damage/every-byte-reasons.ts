/** Fields in which a changed byte may stay unseen, and why no rule can, or should, tell. Every other field is covered. */
export const REASONS: Readonly<Record<string, string>> = {
  'SuperBlock.uuid': 'a label: any value is legal, and no reader looks',
  'SuperBlock.volumeName': 'a label: any value is legal, and no reader looks',
  'SuperBlock.buildTime': 'only inodes without a time of their own take it; the reference accepts any',
  'SuperBlock.buildTimeNsec': 'as buildTime',
  'SuperBlock.featureCompat':
    'bits that readers may ignore, by definition of EROFS; those with a meaning are held',
  'ExtendedSuperBlock.flags':
    'reserved flags, and flags that may be set without need or missing in old images',
  'ExtendedSuperBlock.prefetchTableOffset': 'without entries any place will do',
  'DeviceSlot.mappedBlock': 'the last blob may lie farther back on a flattened device',
  'BlobEntry.features': 'HAS_TAR_HEADER and the like follow from the blob alone',
  'BlobEntry.tocDigest': 'upstream notes it of blobs that refer to a layer, and no reader looks',
  'BlobEntry.metaSize':
    'of blobs that refer to a layer: readers take the size from the manifest, and any number here',
  'BlobEntry.compressedSize': 'known from the blob: seen when blobs are read',
  'InodeExtended.union':
    'a directory or symlink that is all inline: the address of blocks that it does not have',
  'InodeExtended.size': 'a directory with zeros behind its last name, which readers cut off',
  'InodeExtended.ino': 'another number that no inode has; readers count by nid',
  'ChunkInfo.fileOffset':
    'the place in any of the files that use the chunk, at a multiple of the chunk size; readers must not rely on it',
  'image.boot': 'bits of the zstd frame that do not change what it decompresses to',
  'image.boot of a v5 blob':
    'names and attributes of the layer, which no reader uses once layers are merged; its chunks are checked',
  'blob.meta': 'bits of the zstd frame that do not change what it decompresses to',
  'PrefetchEntryV5.ino': 'which inode of the tree to load early is a wish; that it is one is held',
  'InodeV5.rdev':
    'a fifo: the reference stores the numbers of its tar header there, and no reader takes them for anything',
  'InodeV5.childIndex': 'an empty directory: the number of entries that it does not have',
  'InodeV5.flags': 'a link whose other names a higher layer took away keeps the flag',
  'name of xattr':
    'of a further name of a hard link: readers ask the first one, and the reference stores others here',
  'value of xattr': 'as the name',
  'SuperBlockV5.flags': 'reserved flags, and flags that may be set without need or missing in old images',
  'SuperBlockV5.prefetchTableOffset': 'without entries any place will do',
  'SuperBlockV5.blobTableOffset': 'without blobs any place will do',
  'SuperBlockV5.extendedOffset': 'without blobs any place will do',
  'BlobPrefix.readaheadOffset': 'what to load early is a wish; it is held to the size of the blob',
  'BlobPrefix.readaheadSize': 'what to load early is a wish; it is held to the size of the blob',
  'ExtendedBlob.chunkCount': 'chunks that no file refers to count too',
  'ExtendedBlob.uncompressedSize': 'chunks that no file refers to count too',
  'ExtendedBlob.compressedSize': 'chunks that no file refers to count too',
  'ExtendedBlob.features': 'the blob alone can tell',
  'ChunkInfo.compressedOffset': 'v5: the blob alone can tell',
  'ChunkInfo.compressedSize': 'v5: the blob alone can tell',
  'ChunkInfo.uncompressedOffset': 'v5: the blob alone can tell',
  'ChunkInfo.index': 'v5: the blob alone can tell',
  'ChunkInfo.blobIndex': 'v5: the blob alone can tell',
  'ChunkInfo.flags': 'v5: the blob alone can tell',
};
