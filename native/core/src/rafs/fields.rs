//! Values and records that all versions of the format write in the same way.

use nydus_layout::{OWN_BLOB_ID, chunk_flags, chunk_info, mode};

use super::blob_table::BlobTable;
use super::model::Kind;
use crate::blob::BlobRecord;
use crate::bytes::Bytes;
use crate::dict::Place;
use crate::error::{Error, Result};
use crate::readers::Reader;

/// The id of a blob. A blob's own bootstrap has a placeholder, since the id is the digest of bytes that are written later.
pub fn id_of(record: &BlobRecord) -> &[u8; 64] {
    record.id.as_ref().unwrap_or(OWN_BLOB_ID)
}

/// The type bits of an inode's mode.
pub const fn mode_of(kind: Kind) -> u16 {
    match kind {
        Kind::File => mode::FILE,
        Kind::Directory => mode::DIRECTORY,
        Kind::Symlink => mode::SYMLINK,
        Kind::Char => mode::CHAR,
        Kind::Block => mode::BLOCK,
        Kind::Fifo => mode::FIFO,
    }
}

/// The kind of an inode by the type bits of its mode; `None` for a type that is never written.
pub const fn kind_of(mode: u16) -> Option<Kind> {
    match mode & 0xF000 {
        mode::FILE => Some(Kind::File),
        mode::DIRECTORY => Some(Kind::Directory),
        mode::SYMLINK => Some(Kind::Symlink),
        mode::CHAR => Some(Kind::Char),
        mode::BLOCK => Some(Kind::Block),
        mode::FIFO => Some(Kind::Fifo),
        _ => None,
    }
}

/// Converts a number to the type of its field.
pub fn narrow<T, N: TryFrom<T>>(value: T) -> Result<N> {
    N::try_from(value).map_err(|_| Error::internal("a number does not fit its field"))
}

/// The position of a chunk's blob in the blob table, and the index by which references call the chunk.
pub fn stored_place(table: &BlobTable, Place { layer, index }: Place) -> Result<(u32, u32)> {
    let missing = || Error::internal("a file refers to a blob that the image does not have");
    Ok((table.position(layer).ok_or_else(missing)?, index))
}

/// Writes the record of a chunk that begins at `file_offset` of its file.
pub fn chunk_record(
    (out, at): (&mut Bytes, usize),
    table: &BlobTable,
    (blob, index): (u32, u32),
    file_offset: u64,
    reader: &Reader,
) -> Result<()> {
    let found =
        table.blobs.get(blob as usize).and_then(|blob| blob.chunk(index).zip(blob.stored_index(index)));
    let (chunk, stored) = found.ok_or_else(|| Error::internal("a chunk record without a chunk"))?;
    let compressed = if chunk.compressed { chunk_flags::COMPRESSED } else { 0 };
    let crc32 = chunk.crc32.filter(|_| reader.checksums);
    let crc = if crc32.is_some() { chunk_flags::HAS_CRC32 } else { 0 };
    out.put(at + chunk_info::DIGEST, &chunk.digest);
    out.u32(at + chunk_info::BLOB_INDEX, blob);
    out.u32(at + chunk_info::FLAGS, compressed | crc);
    out.u32(at + chunk_info::COMPRESSED_SIZE, chunk.compressed_size);
    out.u32(at + chunk_info::UNCOMPRESSED_SIZE, chunk.uncompressed_size);
    // A chunk of a batch is found only through the blob's own table.
    let offset = if chunk.in_batch { 0 } else { chunk.compressed_offset };
    out.u64(at + chunk_info::COMPRESSED_OFFSET, offset);
    out.u64(at + chunk_info::UNCOMPRESSED_OFFSET, chunk.uncompressed_offset);
    out.u64(at + chunk_info::FILE_OFFSET, file_offset);
    out.u32(at + chunk_info::INDEX, stored);
    out.u32(at + chunk_info::CRC32, crc32.unwrap_or(0));
    Ok(())
}
