//! Finds the sections at the end of a blob and verifies them.

use nydus_layout::{BLOCK_SIZE, blob_meta_header, section, tar_header, toc_entry, toc_flags};

use super::damaged;
use super::input::Input;
use crate::codec::{CODECS, Contexts};
use crate::digest::{Digest, sha256};
use crate::error::Result;
use crate::format::Format;

/// A section may unpack to so many times its stored bytes, and to `FREE` in any case: a bootstrap is mostly tables, which
/// compress well, but not without end.
const EXPANSION: u64 = 1000;
const FREE: u64 = 64 << 20;

/// The sections that a merge needs.
pub struct Sections {
    /// The layer's own bootstrap.
    pub bootstrap: Vec<u8>,
    /// The content of its `.blob.meta` file; empty without chunks, and in RAFS v5.
    pub blob_meta: Vec<u8>,
    /// SHA-256 of the entries of the table of contents, if there is one.
    pub toc_digest: Option<Digest>,
}

/// Takes the sections from the end of a blob of `size` bytes.
pub fn sections(tail: &[u8], size: u64, format: &Format) -> Result<Sections> {
    if !format.kind.has_toc {
        let bootstrap = last_section(tail, section::BOOTSTRAP)?.to_vec();
        return Ok(Sections { bootstrap, blob_meta: Vec::new(), toc_digest: None });
    }
    let start = size.checked_sub(tail.len() as u64).ok_or_else(|| damaged("it is larger than the blob"))?;
    let toc = last_section(tail, section::TOC)?;
    let (entries, rest) = toc.as_chunks::<{ toc_entry::SIZE }>();
    if !rest.is_empty() {
        return Err(damaged("its table of contents is cut off"));
    }
    let mut contexts = Contexts::default();
    let mut find = |name: &[u8]| -> Result<Option<Vec<u8>>> {
        let mut padded = [0; 16];
        padded.get_mut(..name.len()).ok_or_else(|| damaged("a long name"))?.copy_from_slice(name);
        for entry in entries {
            let entry = Input(entry);
            if entry.array::<16>(toc_entry::NAME as u64)? == padded {
                return read(tail, start, entry, &mut contexts).map(Some);
            }
        }
        Ok(None)
    };
    let bootstrap = find(section::BOOTSTRAP)?.ok_or_else(|| damaged("it has no bootstrap"))?;
    let blob_meta = match (find(section::META)?, find(section::META_HEADER)?) {
        (Some(mut records), Some(header)) if header.len() == blob_meta_header::SIZE => {
            records.resize(records.len().next_multiple_of(BLOCK_SIZE), 0);
            records.extend(header);
            records
        }
        (None, None) => Vec::new(),
        _ => return Err(damaged("its chunk records are incomplete")),
    };
    Ok(Sections { bootstrap, blob_meta, toc_digest: Some(sha256(toc)) })
}

/// The section before the tar header at the very end.
fn last_section<'a>(tail: &'a [u8], name: &[u8]) -> Result<&'a [u8]> {
    let end = tail.len().checked_sub(tar_header::SIZE).ok_or_else(|| damaged("it is too short"))?;
    let (front, header) = tail.split_at_checked(end).ok_or_else(|| damaged("it is too short"))?;
    let size = section_size(front, header, name).ok_or_else(|| damaged("its last header is another one"))?;
    front.get(front.len() - size..).ok_or_else(|| damaged("its last section is cut off"))
}

/// The size that makes a header for this name equal to `header`.
fn section_size(front: &[u8], header: &[u8], name: &[u8]) -> Option<usize> {
    let field = header.get(tar_header::SIZE_FIELD..)?.get(..11)?;
    let digits = std::str::from_utf8(field).ok()?;
    let size = usize::from_str_radix(digits, 8).ok()?;
    let same = crate::blob::tar_header(name, size as u64) == *header;
    (same && size <= front.len()).then_some(size)
}

fn read(tail: &[u8], start: u64, entry: Input<'_>, contexts: &mut Contexts) -> Result<Vec<u8>> {
    let offset = entry.u64(toc_entry::OFFSET as u64)?;
    let stored = entry.u64(toc_entry::COMPRESSED_SIZE as u64)?;
    let size = entry.u64(toc_entry::UNCOMPRESSED_SIZE as u64)?;
    let flags = entry.u32(toc_entry::FLAGS as u64)?;
    let at = offset.checked_sub(start).ok_or_else(|| damaged("a section lies before it"))?;
    let bytes = Input(tail).slice(at, stored)?;
    if size > FREE.max(stored.saturating_mul(EXPANSION)) {
        return Err(damaged("a section unpacks to too many bytes"));
    }
    let content = if flags == toc_flags::NONE {
        bytes.to_vec()
    } else {
        let codec = CODECS.into_iter().find(|codec| codec.toc_flag == Some(flags));
        let codec = codec.ok_or_else(|| damaged("a section is compressed in an unknown way"))?;
        let mut content = vec![0; usize::try_from(size).map_err(|_| damaged("a section is too large"))?];
        contexts.decompress(codec, &mut content, bytes)?;
        content
    };
    if content.len() as u64 != size || sha256(&content) != entry.array::<32>(toc_entry::DIGEST as u64)? {
        return Err(damaged("a section has another digest than its table says"));
    }
    Ok(content)
}
