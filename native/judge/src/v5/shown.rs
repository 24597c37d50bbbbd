//! A v5 bootstrap in a comparison: every name has an inode of its own, and all names of a file share an inode number. As in
//! readers, the file is what the first of its names says, and a chunk is what the first of its records says.

use super::{Image, Inode, Record};
use crate::bytes::holds;
use crate::kind::TYPE_MASK;
use crate::layout::v5::inode as field;
use crate::shown::{Facts, Shown};
use crate::source::{ScannedLayer, Stretches, Xattr};

impl<'a> Shown<'a> for Image<'a> {
    type Inode = Inode<'a>;

    fn inode(&self, number: u32) -> Option<Inode<'a>> {
        let (first, _) = Shown::links(self, number)?;
        self.inodes.get(first as usize).copied()
    }

    fn facts(&self, inode: &Inode<'a>) -> Facts {
        let view = &inode.view;
        let device = view.u32(field::RDEV);
        Facts {
            kind: inode.kind,
            // The kind was read of 16 bits, so that the mode has no more.
            permissions: u16::try_from(view.u32(field::MODE)).unwrap_or_default() & !TYPE_MASK,
            owner: (view.u32(field::UID), view.u32(field::GID)),
            mtime: (view.i64(field::MTIME), view.u32(field::MTIME_NSEC)),
            size: view.u64(field::SIZE_FIELD),
            device: ((device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xF_FF00)),
            has_xattrs: inode.has_xattrs,
        }
    }

    fn names(&self, directory: u32, names: &mut Vec<(&'a [u8], u32)>) -> Option<()> {
        let numbered = self.children(directory).iter().zip(self.first_child(directory)..);
        names.extend(numbered.map(|(child, number)| (child.name, number)));
        Some(())
    }

    fn links(&self, number: u32) -> Option<(u32, u32)> {
        let links = self.links(self.inodes.get(number as usize)?.ino());
        Some((links.first, links.names))
    }

    fn target(&self, inode: &Inode<'a>) -> (&'a [u8], &'a [u8]) {
        (inode.target, &[])
    }

    fn xattrs(&self, inode: &Inode<'a>) -> Option<Vec<Xattr<'a>>> {
        inode.xattrs(self.bytes)
    }

    fn has_chunks(
        &self,
        inode: &Inode<'a>,
        mut expected: Stretches<'_>,
        layers: &[ScannedLayer<'_>],
    ) -> Option<()> {
        holds(inode.chunk_count == expected.left)?;
        let mut records = inode.records();
        while expected.left > 0 {
            let stretch = expected.step()?;
            let (digest, size) = stretch.chunk(layers)?;
            for _ in 0..stretch.count {
                let own = Record::read(self.bytes, records.next()?).ok()?;
                let record = self.first_record(own.blob(), own.index())?;
                holds(record.size() == u64::from(size) && record.digest().as_slice() == digest)?;
            }
        }
        Some(())
    }
}
