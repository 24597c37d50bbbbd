//! The table of contents at the end of a blob.

use nydus_layout::{toc_entry, toc_flags};

use crate::bytes::put as put_at;
use crate::codec::Codec;
use crate::digest::Digest;

/// A section's place and content. Sizes and offsets are in bytes.
pub struct Entry<'a> {
    /// Name of the section.
    pub name: &'a [u8],
    /// The codec, if the section is compressed.
    pub codec: Option<&'static Codec>,
    /// SHA-256 of the uncompressed content.
    pub digest: Digest,
    /// Offset in the blob.
    pub offset: u64,
    /// Size of the stored bytes.
    pub stored: u64,
    /// Size when decoded.
    pub size: u64,
}

/// Collects the entries of the table.
#[derive(Default)]
pub struct Toc {
    bytes: Vec<u8>,
}

impl Toc {
    /// Adds the next section.
    pub fn enter(&mut self, entry: &Entry<'_>) {
        let base = self.bytes.len();
        self.bytes.resize(base + toc_entry::SIZE, 0);
        let flags = entry.codec.and_then(|codec| codec.toc_flag).unwrap_or(toc_flags::NONE);
        let mut put = |at: usize, bytes: &[u8]| put_at(&mut self.bytes, base + at, bytes);
        put(toc_entry::FLAGS, &flags.to_le_bytes());
        put(toc_entry::NAME, entry.name);
        put(toc_entry::DIGEST, &entry.digest);
        put(toc_entry::OFFSET, &entry.offset.to_le_bytes());
        put(toc_entry::COMPRESSED_SIZE, &entry.stored.to_le_bytes());
        put(toc_entry::UNCOMPRESSED_SIZE, &entry.size.to_le_bytes());
    }

    /// The table's stored bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
