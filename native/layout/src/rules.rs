//! Written by tools/docs/main.ts from src/rafs-builder/rules. Do not edit: npm run docs.

/// A sentence of a finding, and with it the rule. TypeScript finds the words by the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Sentence {
    /// RAFS-READ: `a RAFS v6 bootstrap has a multiple of {block} bytes, not {size}`
    ReadSize,
    /// RAFS-READ: `a bootstrap of {size} bytes, more than {most}`
    ReadTooLong,
    /// RAFS-READ: `{struct} at offset {@}: it ends past the {size} bytes that there are`
    ReadStructEnd,
    /// RAFS-READ: `{field} at offset {@}: {value} ({hex:bits}) is out of range`
    ReadRange,
    /// RAFS-READ: `{field} at offset {@}: it is {hex:found}, not {hex:wanted}`
    ReadNot,
    /// RAFS-READ: `{field} at offset {@}: bit 30 is not set: an EROFS image, but not of RAFS`
    ReadNotRafs,
    /// RAFS-READ: `tarfs images (blocks of 512 bytes) are not supported`
    ReadTarfs,
    /// RAFS-READ: `{field} at offset {@}: an image without inodes`
    ReadNoInodes,
    /// RAFS-READ: `{field} at offset {@}: it is 0`
    ReadRootZero,
    /// RAFS-READ: `{field} at offset {@}: block {block} is past the end of the file`
    ReadMetaBlock,
    /// RAFS-READ: `{field} at offset {@}: {blocks} blocks of data without a blob`
    ReadBlocksWithoutBlob,
    /// RAFS-READ: `{field} at offset {@}: {count} blobs, more than {most}`
    ReadTooManyBlobs,
    /// RAFS-READ: `{field} at offset {@}: {count} device slots leave the file`
    ReadDeviceSlots,
    /// RAFS-READ: `{field} at offset {@}: unknown bits in {hex:flags}`
    ReadFlagsUnknown,
    /// RAFS-READ: `{field} at offset {@}: not exactly one compressor is set`
    ReadFlagsCompressor,
    /// RAFS-READ: `{field} at offset {@}: not exactly one digester is set`
    ReadFlagsDigester,
    /// RAFS-READ: `{field} at offset {@}: {hex:size} is no power of two from 0x1000 to 0x1000000`
    ReadChunkSize,
    /// RAFS-READ: `{field} at offset {@}: a table cannot start at {start}`
    ReadTableStart,
    /// RAFS-READ: `{field} at offset {@}: a table of {size} bytes at {start} leaves the file of {file}`
    ReadTableEnd,
    /// RAFS-READ: `{field} at offset {@}: {size} is no multiple of {record}`
    ReadTableMultiple,
    /// RAFS-READ: `{field} at offset {@}: the {table} overlaps the {other}`
    ReadTableOverlap,
    /// RAFS-READ: `{field} at offset {@}: a blob without data`
    ReadDeviceEmpty,
    /// RAFS-READ: `{field} at offset {@}: it is not printable text`
    ReadIdText,
    /// RAFS-READ: `{field} at offset {@}: {id} has two slots`
    ReadIdTwice,
    /// RAFS-READ: `{field} at offset {@}: {blobs} blobs, but {devices} devices`
    ReadBlobsDevices,
    /// RAFS-READ: `{field} at offset {@}: {index} at position {position}`
    ReadBlobIndex,
    /// RAFS-READ: `{field} at offset {@}: {size}, but the image has {wanted}`
    ReadBlobChunkSize,
    /// RAFS-READ: `{field} at offset {@}: {count} chunks`
    ReadBlobChunkCount,
    /// RAFS-READ: `{field} at offset {@}: refused bits in {hex:features}`
    ReadBlobRefused,
    /// RAFS-READ: `{field} at offset {@}: exactly one of ALIGNED and TARFS must be set`
    ReadBlobAligned,
    /// RAFS-READ: `{field} at offset {@}: BATCH, ZRAN and ENCRYPTED need CHUNK_INFO_V2`
    ReadBlobInfoV2,
    /// RAFS-READ: `{field} at offset {@}: {size} bytes`
    ReadBlobBytes,
    /// RAFS-READ: `{field} at offset {@}: number {number}`
    ReadBlobNumber,
    /// RAFS-READ: `{field} at offset {@}: number {number} is not known`
    ReadBlobUnknown,
    /// RAFS-READ: `{field} at offset {@}: {size} bytes for {count} chunks`
    ReadMetaSize,
    /// RAFS-READ: `{field} at offset {@}: {compressed} is more than {size} uncompressed`
    ReadMetaCompressed,
    /// RAFS-READ: `{field} at offset {@}: its end is out of range`
    ReadMetaEnd,
    /// RAFS-READ: `{field} at offset {@}: {blob} of {blobs} blobs`
    ReadChunkBlob,
    /// RAFS-READ: `{field} at offset {@}: {index}, but the blob has {count} chunks`
    ReadChunkIndex,
    /// RAFS-READ: `{field} at offset {@}: chunk {index} of blob {blob} is listed twice`
    ReadChunkTwice,
    /// RAFS-READ: `inode {nid} would be at offset {@}, past the end of the file`
    ReadInodePast,
    /// RAFS-READ: `{field} at offset {@}: an area of {size} bytes for xattrs`
    ReadXattrArea,
    /// RAFS-READ: `{field} at offset {@}: {octal:mode} is of no known type`
    ReadMode,
    /// RAFS-READ: `{field} at offset {@}: {count} shared xattrs, but there is no area for them`
    ReadXattrShared,
    /// RAFS-READ: `{field} at offset {@}: the xattr ends {excess} bytes behind its area`
    ReadXattrEnd,
    /// RAFS-READ: `{field} at offset {@}: no prefix has the number {number}`
    ReadXattrPrefix,
    /// RAFS-READ: `{field} at offset {@}: a name of {size} bytes behind "{prefix}"`
    ReadXattrWhole,
    /// RAFS-READ: `{field} at offset {@}: a name of {size} bytes`
    ReadXattrName,
    /// RAFS-READ: `XattrEntry at offset {@}: xattr {name} occurs twice`
    ReadXattrTwice,
    /// RAFS-READ: `{field} at offset {@}: inode {nid} is a {kind}, not a directory`
    ReadRootKind,
    /// RAFS-READ: `Dirent at offset {@}: {raw:path} occurs twice`
    ReadNameTwice,
    /// RAFS-READ: `{field} at offset {@}: {raw:path} is a directory that stands elsewhere already`
    ReadDirectoryTwice,
    /// RAFS-READ: `{field} at offset {@}: directories are nested more than {most} deep`
    ReadTooDeep,
    /// RAFS-READ: `{field} at offset {@}: a directory without entries`
    ReadDirectoryEmpty,
    /// RAFS-READ: `{field} at offset {@}: a symlink's target of {size} bytes`
    ReadTargetSize,
    /// RAFS-READ: `{field} at offset {@}: a regular file with data layout {layout}`
    ReadFileLayout,
    /// RAFS-READ: `{field} at offset {@}: a {kind} with data layout {layout}`
    ReadDataLayout,
    /// RAFS-READ: `{field} at offset {@}: the chunk entries of {size} bytes leave the file`
    ReadChunkEntries,
    /// RAFS-READ: `{field} at offset {@}: {size} bytes of data leave the file`
    ReadDataEnd,
    /// RAFS-READ: `inode at offset {@}: the inodes claim more bytes than the file has`
    ReadClaims,
    /// RAFS-READ: `{field} at offset {@}: {device} of {blobs} blobs`
    ReadEntryDevice,
    /// RAFS-READ: `{field} at offset {@}: chunk {index} of blob {blob}, for {raw:path}, is not in the chunk table`
    ReadEntryMissing,
    /// RAFS-READ: `{field} at offset {@}: chunk {index} of blob {blob}, for {raw:path}, is not at block {block} by the chunk table`
    ReadEntryBlock,
    /// RAFS-READ: `{field} at offset {@}: the first one is {first}, in a directory block of {size} bytes`
    ReadFirstName,
    /// RAFS-READ: `{field} at offset {@}: a name from {start} to {stop} in a directory block of {size} bytes`
    ReadNamePlace,
    /// RAFS-READ: `Dirent at offset {@}: a name with a NUL in it`
    ReadNameNul,
    /// RAFS-READ: `Dirent at offset {@}: a name with a slash in it`
    ReadNameSlash,
    /// RAFS-READ: `Dirent at offset {@}: a name of {size} bytes`
    ReadNameSize,
    /// RAFS-SUPER-FLAGS: `bit 0 of feature_compat announces a checksum, which is not there`
    SuperChecksum,
    /// RAFS-SUPER-FLAGS: `both encryption flags are set`
    SuperEncryption,
    /// RAFS-SUPER-FLAGS: `there are xattrs, but the flag HAS_XATTR is not set`
    SuperXattrs,
    /// RAFS-PREFETCH: `a prefetch table of {size} bytes at offset {offset}`
    PrefetchTable,
    /// RAFS-PREFETCH: `nid {nid} is no inode of the tree`
    PrefetchNid,
    /// RAFS-TABLE: `an empty chunk table at {offset}`
    TableEmpty,
    /// RAFS-BLOCKS: `blocks of the super block are not those of all blobs`
    SuperBlocks,
    /// RAFS-DEVICE: `device {position} has another id than blob {position}`
    DeviceId,
    /// RAFS-DEVICE: `device {position} has another size than blob {position}`
    DeviceSize,
    /// RAFS-MAPPED: `device {position} is mapped to blocks that are taken`
    MappedTaken,
    /// RAFS-MAPPED: `device {position} is mapped to block {block}, which no writer does`
    MappedOdd,
    /// RAFS-BLOB: `blob {position}: unknown features {blobFeatures:features}`
    BlobFeatures,
    /// RAFS-BLOB: `blob {position}: INLINED_FS_META belongs to the blob that holds this bootstrap, whose id is 64 × x, and to no other`
    BlobInlined,
    /// RAFS-BLOB: `blob {position}: its compressor is not that of the super block`
    BlobCompressor,
    /// RAFS-BLOB: `blob {position}: its digester is not that of the super block`
    BlobDigester,
    /// RAFS-BLOB: `blob {position}: an uncompressed size of {size} is no multiple of 4096`
    BlobUncompressedSize,
    /// RAFS-BLOB: `blob {position}: a table of contents of {size} bytes`
    BlobTocSize,
    /// RAFS-BLOB: `blob {position}: it is neither encrypted nor of a reference type, and has keys or digests of one`
    BlobKeys,
    /// RAFS-BLOB: `blob {position}: it is not encrypted, and has a key`
    BlobCipher,
    /// RAFS-BLOB: `blob {position}: its chunks lie in a layer, and it names no RAFS blob that leads to them`
    BlobLayer,
    /// RAFS-BLOB: `blob {position}: a table of contents of {size} bytes, and its digest is zero`
    BlobTocDigestZero,
    /// RAFS-BLOB: `blob {position}: a table of contents of {size} bytes, and its digest is not zero`
    BlobTocDigest,
    /// RAFS-BLOB: `blob {position}: its sections reach to {end}, its size is {size}`
    BlobSections,
    /// RAFS-CHUNK-ORDER: `chunk {chunk} of blob {blob} does not come behind the record before it`
    ChunkOrder,
    /// RAFS-CHUNK-UNUSED: `chunk {chunk} of blob {blob} is used by no file`
    ChunkUnused,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: flags {chunkFlags:flags}`
    ChunkFlags,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: encrypted, or not, unlike its blob`
    ChunkEncrypted,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: {size} bytes`
    ChunkSize,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: an uncompressed offset of {offset}`
    ChunkUnaligned,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: its uncompressed end is behind that of the blob`
    ChunkUncompressedEnd,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: a file offset of {offset}, within a chunk`
    ChunkFileOffset,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: a checksum without its flag`
    ChunkCrc,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: compressed, in a blob without a compressor`
    ChunkCompressor,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: a compressed size of 0`
    ChunkNothingStored,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: {stored} bytes for {size}, {way}`
    ChunkStoredSize,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob}: its end is behind the chunk data of the blob`
    ChunkEnd,
    /// RAFS-INOS: `the super block counts another number of names than the tree has`
    Names,
    /// RAFS-INODE: `inode number {ino}`
    InodeNumber,
    /// RAFS-INODE: `inode number {ino} is also that of /{raw:path}`
    InodeNumberTwice,
    /// RAFS-INODE: `inode number {ino}, where {names} are handed out`
    InodeNumberHigh,
    /// RAFS-INODE: `a size of {size} without content`
    InodeSize,
    /// RAFS-INODE: `a {kind} with data layout {layout}`
    InodeLayout,
    /// RAFS-INODE: `{count} nanoseconds`
    InodeNanoseconds,
    /// RAFS-INLINE: `inline data that ends {excess} bytes into the next block`
    InlineEnd,
    /// RAFS-XATTR: `a NUL in the name of xattr {raw:name}`
    XattrNul,
    /// RAFS-NLINK: `wrong number of links`
    Links,
    /// RAFS-DOTS: `{count} entries named "{name}"`
    DotsCount,
    /// RAFS-DOTS: `"{name}" leads elsewhere`
    DotsTarget,
    /// RAFS-DIRENT-ORDER: `{raw:name} does not come behind the name before it`
    DirentOrder,
    /// RAFS-DIRENT-TYPE: `file type of {raw:name} is not that of its inode`
    DirentType,
    /// RAFS-CHUNK-LENGTH: `chunk {position} of the file has the wrong length`
    ChunkLength,
    /// RAFS-CHUNK-FORMAT: `chunk format {hex:format} in an image with chunks of {size} bytes`
    ChunkFormat,
    /// RAFS-SYMLINK: `a target of {size} bytes`
    SymlinkSize,
    /// RAFS-SYMLINK: `a NUL in the target`
    SymlinkNul,
    /// RAFS-OVERLAP: `{region} overlaps {other}`
    Overlap,
    /// RAFS-GAP: `bytes from {start} to {end} belong to nothing, and are not zero`
    Gap,
    /// RAFS-SIZE: `the file is longer than its structures`
    FileSize,
    /// RAFS-RESERVED: `{field} is not zero`
    Reserved,
    /// RAFS-READ: `a RAFS v5 bootstrap has a multiple of {unit} bytes, not {size}`
    V5Size,
    /// RAFS-READ: `RAFS v5 images without an extended blob table are not read`
    V5NoExtendedTable,
    /// RAFS-READ: `{field} at offset {@}: {inodes} inodes under {names} names`
    V5Inodes,
    /// RAFS-READ: `{field} at offset {@}: {size} bytes for {count} blobs`
    V5BlobTable,
    /// RAFS-READ: `{field} at offset {@}: the id behind it is not printable text`
    V5IdText,
    /// RAFS-READ: `{field} at offset {@}: {id} is listed twice`
    V5IdTwice,
    /// RAFS-READ: `{field} at offset {@}: {flag}, which RAFS v5 does not have`
    V5BlobFeature,
    /// RAFS-READ: `{field} at offset {@}: inode {number} would be at {place}`
    V5Place,
    /// RAFS-READ: `{field} at offset {@}: a name of {size} bytes`
    V5NameSize,
    /// RAFS-READ: `{field} at offset {@}: the name leaves the file`
    V5NameEnd,
    /// RAFS-READ: `{field} at offset {@}: the name behind it is {json:name}`
    V5Name,
    /// RAFS-READ: `{field} at offset {@}: {inodeFlags:flags} of a {kind}`
    V5SymlinkFlag,
    /// RAFS-READ: `{field} at offset {@}: {size} bytes of xattrs leave the file`
    V5XattrsEnd,
    /// RAFS-READ: `{field} at offset {@}: an xattr of {size} bytes has no end of its name, or leaves its area`
    V5XattrEnd,
    /// RAFS-READ: `{field} at offset {@}: xattr {name} occurs twice`
    V5XattrTwice,
    /// RAFS-READ: `{field} at offset {@}: {count} chunks for {size} bytes`
    V5ChunkCount,
    /// RAFS-READ: `{field} at offset {@}: the chunk records leave the file`
    V5RecordsEnd,
    /// RAFS-READ: `{field} at offset {@}: the root is a {kind}, not a directory`
    V5RootKind,
    /// RAFS-READ: `{field} at offset {@}: {index}, which is not behind its own`
    V5EntriesBefore,
    /// RAFS-READ: `{field} at offset {@}: its entries reach to number {number} of {names}`
    V5EntriesEnd,
    /// RAFS-READ: `{field} at offset {@}: inode {number} is in two directories`
    V5TwoDirectories,
    /// RAFS-READ: `{field} at offset {@}: {raw:path} occurs twice`
    V5NameTwice,
    /// RAFS-READ: `{field} at offset {@}: {ino}, in an image with {names} names`
    V5Ino,
    /// RAFS-READ: `{field} at offset {@}: {parent}, and it is in the directory {directory}`
    V5Parent,
    /// RAFS-READ: `{field} at offset {@}: it is 0`
    V5NoLinks,
    /// RAFS-READ: `{field} at offset {@}: {ino}, which is a {kind} already`
    V5LinkKind,
    /// RAFS-INOS: `the super block counts another number of {what} than the tree has`
    V5Count,
    /// RAFS-SUPER-FLAGS: `{superFlags:flags}: RAFS v5 knows neither encryption nor tarfs`
    V5SuperFlags,
    /// RAFS-PREFETCH: `{ino} is no inode of the tree`
    V5PrefetchIno,
    /// RAFS-TABLE: `an empty {table} at {offset}`
    V5TableEmpty,
    /// RAFS-BLOB: `blob {position}: its readahead range is larger than the blob`
    V5Readahead,
    /// RAFS-BLOB: `blob {position}: chunks {chunk} and {other} have the same uncompressed bytes, where clients keep what they have read`
    V5SharedSpace,
    /// RAFS-BLOB: `blob {position}: its chunks reach to {end}, its data to {data}`
    V5ChunksEnd,
    /// RAFS-BLOB: `blob {position}: its chunks reach to {end} uncompressed, it to {size}`
    V5ChunksUncompressedEnd,
    /// RAFS-BLOB: `blob {position}: its last chunk ends at {end}, its data at {data}`
    V5LastChunk,
    /// RAFS-BLOB: `blob {position}: its last chunk ends at {end}, it at {size}`
    V5LastChunkUncompressed,
    /// RAFS-INODE: `wrong {field}`
    V5Field,
    /// RAFS-INODE: `device number {rdev} of a {kind}`
    V5Device,
    /// RAFS-INODE: `child index {index} of a {kind}`
    V5ChildIndex,
    /// RAFS-INODE: `child count {count} of a {kind}`
    V5ChildCount,
    /// RAFS-INODE: `a target of {size} bytes of a {kind}`
    V5TargetSize,
    /// RAFS-INODE: `child index {index} in a tree of {names} names`
    V5EmptyDirectory,
    /// RAFS-LINK-CONTENT: `a hard link to /{raw:path} with other content`
    V5LinkContent,
    /// RAFS-LINK-ATTRIBUTES: `a hard link to /{raw:path} with another {fields}`
    V5LinkAttributes,
    /// RAFS-DIGEST: `the inode does not have the digest of what it holds`
    V5Digest,
    /// RAFS-CHUNK-RECORD: `chunk {position} of the file: flags {chunkFlags:flags}`
    V5ChunkFlags,
    /// RAFS-CHUNK-RECORD: `chunk {position} of the file: file offset {offset}, not {wanted}`
    V5ChunkFileOffset,
    /// RAFS-CHUNK-RECORD: `chunk {position} of the file: compressed, in an image without a compressor`
    V5ChunkCompressor,
    /// RAFS-CHUNK-RECORD: `chunk {position} of the file: a compressed size of 0`
    V5ChunkNothingStored,
    /// RAFS-CHUNK-RECORD: `chunk {position} of the file: {stored} bytes for {size}, {way}`
    V5ChunkStoredSize,
    /// RAFS-CHUNK-RECORD: `chunk {position} of the file: a checksum without its flag`
    V5ChunkCrc,
    /// RAFS-CHUNK-RECORD: `chunk {chunk} of blob {blob} is recorded differently by another file`
    V5ChunkTwice,
    /// BLOB-BOOTSTRAP: `the blob has no section image.boot`
    SectionNoBootstrap,
    /// BLOB-META: `the blob has chunk data, but no complete chunk table`
    SectionNoTable,
    /// BLOB-META: `section blob.meta.header has {size} bytes, not {wanted}`
    SectionHeaderSize,
    /// BLOB-META: `{field} at offset {@}: {value} ({hex:bits}) is out of range`
    SectionHeaderRange,
    /// BLOB-META: `{field} at offset {@}: it is not 0xb10bb10b`
    SectionHeaderMagic,
    /// BLOB-META: `{field} at offset {@}: {count} records of {size} bytes, but {bytes} bytes`
    SectionHeaderEntries,
    /// BLOB-META: `the header of the chunk table and the table of contents differ in the {value}`
    SectionHeaderDiffers,
    /// BLOB-META: `{field} at offset {@}: records with the features {hex:bits} (encryption, several kinds of contexts, or contexts of version 1) are not read`
    SectionLaterVersion,
    /// BLOB-META: `{field} at offset {@}: {count} batches need {size} bytes behind the records, at {end}`
    SectionBatchTable,
    /// BLOB-META: `batch {batch} is stored in {stored} bytes for {size} uncompressed ones`
    SectionBatchSize,
    /// BLOB-META: `chunk {chunk} is not where its batch has it: {value}`
    SectionBatchChunk,
    /// BLOB-META: `batch {batch} has another size than its chunks together`
    SectionBatchFilled,
    /// BLOB-META: `batch {batch} does not end where the next chunk begins`
    SectionBatchEnd,
    /// BLOB-META: `batch {batch} has no chunk`
    SectionBatchEmpty,
    /// BLOB-META: `{field} at offset {@}: {count} contexts and their dictionaries are not the {size} bytes behind the records, at {end}`
    SectionContextTable,
    /// BLOB-CONTEXT: `there are {count} contexts for {chunks} chunks: clients read nothing of a blob with more contexts than chunks`
    SectionContextCount,
    /// BLOB-CONTEXT: `context {context} makes {size} bytes: clients make at most 16 MiB at once, and fail to read its chunks`
    SectionContextOutput,
    /// BLOB-CONTEXT: `context {context} takes bytes {start} to {end} of a layer of {size} bytes`
    SectionContextInput,
    /// BLOB-CONTEXT: `context {context} has a dictionary of {size} bytes at {offset}, and all dictionaries have {area} bytes`
    SectionContextDictionary,
    /// BLOB-CONTEXT: `context {context} begins before the one before it`
    SectionContextOrder,
    /// BLOB-CONTEXT: `chunk {chunk} is not where its context has it: {value}`
    SectionContextChunk,
    /// BLOB-META: `chunk {chunk} has flags that do not go with its sizes`
    SectionChunkFlags,
    /// BLOB-META: `section blob.digest does not hold one digest for each chunk`
    SectionDigestsSize,
    /// BLOB-META: `chunk {chunk} does not follow the chunk before it`
    SectionChunkOrder,
    /// BLOB-META: `chunk {chunk} ends behind the chunk data`
    SectionChunkEnd,
    /// BLOB-TOC: `the table of contents has another uncompressed size than the chunk table`
    SectionDataSize,
    /// BLOB-RESERVED: `{field} is not zero`
    SectionReserved,
    /// BOOTSTRAP-BLOB-META: `file image/{id}.blob.meta is not the chunk table of the blob`
    SectionCopy,
    /// BOOTSTRAP-BLOB-META-MISSING: `file image/{id}.blob.meta holds the header of the chunk table alone`
    SectionCopyHeader,
    /// BLOB-META: `the {bootstrap} refers to chunks of this blob, which has no readable chunk table`
    SectionNoTableUsed,
    /// BLOB-META: `the {bootstrap} and the blob differ in the {value}`
    SectionRecordDiffers,
    /// CHUNK-RECORD: `chunk {chunk} of the {bootstrap} is not in the chunk table of the blob`
    SectionChunkMissing,
    /// CHUNK-RECORD: `chunk {chunk} differs in the {bootstrap}: {field} is {found} there, and {stored} in the chunk table of the blob`
    SectionChunkDiffers,
    /// CHUNK-RECORD: `chunk {chunk} differs in the {bootstrap}: its digest is not the one in the blob`
    SectionChunkDigest,
    /// BLOB-BOOTSTRAP: `the bootstrap in the blob is of another RAFS version than that of the image`
    SectionVersion,
    /// BLOB-BOOTSTRAP: `the bootstrap refers to chunks of this blob, but the bootstrap in the blob refers to none`
    SectionBootstrapWithout,
    /// BLOB-BOOTSTRAP: `the bootstrap and the bootstrap in the blob differ in the {value}`
    SectionBootstrapsDiffer,
    /// CHUNK-RECORD: `the bootstrap and the bootstrap in the blob describe chunk {chunk} differently: {field}`
    SectionChunkTwice,
    /// CHUNK-RECORD: `chunk {chunk} ends behind the chunk data`
    SectionChunkOutside,
}
