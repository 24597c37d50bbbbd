//! The tree that a bootstrap shows, as a comparison sees it. Each version of RAFS stores it in its own way.

use crate::kind::Kind;
use crate::source::{ScannedLayer, Stretches, Xattr};

/// The fields that every inode has in both versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub kind: Kind,
    /// The mode without the type.
    pub permissions: u16,
    pub owner: (u32, u32),
    /// Seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// Bytes of a file.
    pub size: u64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    pub has_xattrs: bool,
}

/// A bootstrap that can be read, of either version; inodes have numbers, and the root's is 0.
pub trait Shown<'a> {
    type Inode;

    fn inode(&self, number: u32) -> Option<Self::Inode>;

    fn facts(&self, inode: &Self::Inode) -> Facts;

    /// Adds the names in a directory and the numbers of their inodes, in the order of the file, without `.` and `..`.
    fn names(&self, directory: u32, names: &mut Vec<(&'a [u8], u32)>) -> Option<()>;

    /// A number that all names of one file share, and how many they are.
    fn links(&self, number: u32) -> Option<(u32, u32)>;

    /// The two parts of a symlink's target; the second may be empty.
    fn target(&self, inode: &Self::Inode) -> (&'a [u8], &'a [u8]);

    /// The xattrs in the order of the file.
    fn xattrs(&self, inode: &Self::Inode) -> Option<Vec<Xattr<'a>>>;

    /// `Some` if a file has these chunks of the layers, by digest and length.
    fn has_chunks(
        &self,
        inode: &Self::Inode,
        expected: Stretches<'_>,
        layers: &[ScannedLayer<'_>],
    ) -> Option<()>;
}
