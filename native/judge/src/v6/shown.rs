//! A v6 bootstrap in a comparison: names are rows that lead to inodes, and all names of a file to the same one.

use super::Image;
use super::inode::Fields;
use super::tree::is_dots;
use super::xattrs;
use crate::bytes::{holds, slice, word};
use crate::layout::{chunk_index_entry, chunk_info};
use crate::shown::{Facts, Shown};
use crate::source::{ScannedLayer, Stretches, Xattr};

impl<'a> Shown<'a> for Image<'a> {
    type Inode = Fields;

    fn inode(&self, number: u32) -> Option<Fields> {
        Some(self.tree.inode(number)?.fields(self.bytes))
    }

    fn facts(&self, fields: &Fields) -> Facts {
        Facts {
            kind: fields.kind,
            permissions: fields.permissions,
            owner: (fields.uid, fields.gid),
            mtime: (fields.mtime, fields.mtime_nsec),
            size: fields.size,
            device: fields.device(),
            has_xattrs: fields.xattrs != fields.body,
        }
    }

    fn names(&self, directory: u32, names: &mut Vec<(&'a [u8], u32)>) -> Option<()> {
        for row in self.tree.rows_of(directory) {
            let name = row.name(self.bytes);
            if !is_dots(name) {
                names.push((name, self.tree.at_nid(row.nid(self.bytes))?));
            }
        }
        Some(())
    }

    fn links(&self, number: u32) -> Option<(u32, u32)> {
        Some((number, self.tree.inode(number)?.names))
    }

    fn target(&self, fields: &Fields) -> (&'a [u8], &'a [u8]) {
        fields.target(self.bytes)
    }

    fn xattrs(&self, fields: &Fields) -> Option<Vec<Xattr<'a>>> {
        let stored = xattrs::read(self.bytes, fields.xattrs, fields.body).ok()?;
        Some(stored.into_iter().map(|xattr| (xattr.name, xattr.value)).collect())
    }

    fn has_chunks(
        &self,
        fields: &Fields,
        mut expected: Stretches<'_>,
        layers: &[ScannedLayer<'_>],
    ) -> Option<()> {
        let Image { bytes, tables, chunks, .. } = self;
        holds(fields.chunk_count(tables.chunk_size) == expected.left)?;
        let mut at = fields.chunk_entries();
        while expected.left > 0 {
            let stretch = expected.step()?;
            let (digest, size) = stretch.chunk(layers)?;
            // Equal entries name one chunk, so only the first of them leads to a comparison.
            let mut known = None;
            for _ in 0..stretch.count {
                let entry = word(bytes, at);
                at += chunk_index_entry::SIZE;
                if known == Some(entry) {
                    continue;
                }
                let place = tables.records.place(chunks.of_entry(entry)?);
                holds(word(bytes, place + chunk_info::UNCOMPRESSED_SIZE) == size)?;
                holds(slice(bytes, place + chunk_info::DIGEST, digest.len())? == digest)?;
                known = Some(entry);
            }
        }
        Some(())
    }
}
