//! A store holds the packed parts of one layer's tree: inodes as numbers, and one array of bytes for names, targets and
//! extended attributes, so that a million inodes are a handful of allocations.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::references::{FileChunks, References};
use crate::error::{Error, Result};

/// Stands for a missing number of an inode, node, directory or attribute.
pub const NONE: u32 = u32::MAX;

/// The kind of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file or a whiteout.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
}

impl Kind {
    /// The word for this kind in messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Char => "char",
            Self::Block => "block",
            Self::Fifo => "fifo",
        }
    }
}

/// A mark that few inodes have; no inode has two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The inode has no mark.
    None,
    /// A directory without an entry of its own, which must not change the attributes of the lower directory.
    Implied,
    /// A hard link refers to the inode, so it may have more than one name.
    Linked,
}

/// An inode without its names.
#[derive(Clone, Copy, Debug)]
pub struct Inode {
    /// Modification time in seconds since 1970.
    pub mtime: i64,
    /// Bytes of a file, or of a symlink's target.
    pub size: u64,
    /// User id of the owner.
    pub uid: u32,
    /// Group id of the owner.
    pub gid: u32,
    /// Nanoseconds of the modification time, below 10^9.
    pub mtime_nsec: u32,
    /// For a file the number of its first reference, for a symlink the offset of its target, for a device its number in the
    /// stored form.
    pub start: u32,
    /// Offset of its extended attributes; `NONE` without any.
    pub xattrs: u32,
    /// Permission bits.
    pub mode: u16,
    /// The kind of the inode.
    pub kind: Kind,
    /// The mark of the inode.
    pub mark: Mark,
}

impl Inode {
    /// A directory without an entry of its own has mode 0755, owner 0:0 and time 0, as in Nydus builder/src/tarball.rs.
    pub const fn implied_directory() -> Self {
        Self {
            mtime: 0,
            size: 0,
            uid: 0,
            gid: 0,
            mtime_nsec: 0,
            start: NONE,
            xattrs: NONE,
            mode: 0o755,
            kind: Kind::Directory,
            mark: Mark::Implied,
        }
    }
}

/// Names and values of an inode's extended attributes.
#[derive(Clone, Default)]
pub struct Xattrs<'a> {
    /// Place and length of name and value of each remaining attribute.
    places: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Iterator for Xattrs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut number = || {
            let (number, places) = self.places.split_first_chunk()?;
            self.places = places;
            usize::try_from(u32::from_le_bytes(*number)).ok()
        };
        let mut take = || self.bytes.get(number()?..)?.get(..number()?);
        Some((take()?, take()?))
    }
}

/// Names of so many bytes are kept once. Shorter ones are not looked for: that would take more time than it saves room.
const LONG_NAME: usize = 32;

/// Replaces an inode that does not exist; only a bug asks for one.
const NO_INODE: Inode = Inode::implied_directory();

/// The inodes and bytes of one layer.
#[derive(Default)]
pub struct Store {
    inodes: Vec<Inode>,
    bytes: Vec<u8>,
    /// Place and length in `bytes` of what is kept once, however often it occurs: names and values of extended attributes, lists of
    /// them, targets of symlinks, and long names.
    kept: HashTable<(u32, u32)>,
    hasher: RandomState,
    /// The places of the files' chunks.
    pub references: References,
}

impl Store {
    /// The number of inodes.
    pub const fn len(&self) -> usize {
        self.inodes.len()
    }

    /// Frees the memory that only new inodes need.
    pub fn freeze(&mut self) {
        self.kept = HashTable::new();
    }

    /// Adds an inode.
    pub fn push(&mut self, inode: Inode) -> Result<u32> {
        let number = number_of(self.inodes.len())?;
        self.inodes.push(inode);
        Ok(number)
    }

    /// The inode with this number.
    pub fn inode(&self, number: u32) -> &Inode {
        self.inodes.get(number as usize).unwrap_or(&NO_INODE)
    }

    /// The inode with this number, for changes.
    pub fn inode_mut(&mut self, number: u32) -> Option<&mut Inode> {
        self.inodes.get_mut(number as usize)
    }

    /// Adds a name of at most 255 bytes: its length, then its bytes.
    pub fn put_name(&mut self, name: &[u8]) -> Result<u32> {
        let length =
            u8::try_from(name.len()).map_err(|_| Error::internal("a name has more than 255 bytes"))?;
        if name.len() >= LONG_NAME {
            return self.keep(&[&[length], name].concat());
        }
        let at = number_of(self.bytes.len())?;
        self.bytes.push(length);
        self.bytes.extend_from_slice(name);
        Ok(at)
    }

    /// The name at this offset.
    pub fn name(&self, at: u32) -> &[u8] {
        let rest = self.bytes.get(at as usize..).unwrap_or_default();
        rest.split_first().and_then(|(length, rest)| rest.get(..usize::from(*length))).unwrap_or_default()
    }

    /// Adds the target of a symlink.
    pub fn put_target(&mut self, target: &[u8]) -> Result<u32> {
        self.keep(target)
    }

    /// The target of a symlink.
    pub fn target(&self, inode: &Inode) -> &[u8] {
        self.bytes_at(inode.start, usize::try_from(inode.size).unwrap_or(usize::MAX))
    }

    /// Adds extended attributes in their order: their number, then place and length of each name and value. `NONE` for an empty
    /// list.
    pub fn put_xattrs(&mut self, list: &[(Vec<u8>, Vec<u8>)]) -> Result<u32> {
        if list.is_empty() {
            return Ok(NONE);
        }
        let mut places = number_of(list.len())?.to_le_bytes().to_vec();
        for part in list.iter().flat_map(|(name, value)| [name, value]) {
            places.extend(self.keep(part)?.to_le_bytes());
            places.extend(number_of(part.len())?.to_le_bytes());
        }
        self.keep(&places)
    }

    /// Adds bytes, or finds the place of equal ones that were kept before.
    fn keep(&mut self, added: &[u8]) -> Result<u32> {
        let Self { bytes, kept, hasher, .. } = self;
        let at = number_of(bytes.len())?;
        let hash = hasher.hash_one(added);
        if let Some(&(known, _)) = kept.find(hash, |&place| kept_at(bytes, place) == added) {
            return Ok(known);
        }
        bytes.extend_from_slice(added);
        let place = (at, number_of(added.len())?);
        kept.insert_unique(hash, place, |&place| hasher.hash_one(kept_at(bytes, place)));
        Ok(at)
    }

    /// The extended attributes of an inode, names and values, in the order in which they were added.
    pub fn xattrs(&self, inode: &Inode) -> Xattrs<'_> {
        let all = self.bytes.get(inode.xattrs as usize..).unwrap_or_default();
        let (count, rest) = all.split_first_chunk().map_or((0, all), |(count, rest)| {
            (usize::try_from(u32::from_le_bytes(*count)).unwrap_or(usize::MAX), rest)
        });
        let places = rest.get(..count.saturating_mul(16)).unwrap_or_default();
        Xattrs { places, bytes: &self.bytes }
    }

    /// The places of a file's chunks.
    pub fn chunks(&self, inode: &Inode, chunk_size: u32) -> FileChunks<'_> {
        self.references.of_file(inode.start, inode.size.div_ceil(u64::from(chunk_size)))
    }

    pub(super) fn bytes_at(&self, at: u32, len: usize) -> &[u8] {
        self.bytes.get(at as usize..).and_then(|rest| rest.get(..len)).unwrap_or_default()
    }
}

fn kept_at(bytes: &[u8], (at, len): (u32, u32)) -> &[u8] {
    bytes.get(at as usize..).and_then(|rest| rest.get(..len as usize)).unwrap_or_default()
}

/// The offset that the next bytes get in an array of this length.
pub fn number_of(len: usize) -> Result<u32> {
    let number = u32::try_from(len).ok().filter(|&number| number < NONE);
    number.ok_or_else(|| Error::unsupported("a layer's names, links and attributes take more than 4 GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_attributes_come_back_in_their_order() {
        let list = [(b"user.a".to_vec(), b"1".to_vec()), (b"user.b".to_vec(), Vec::new())];
        let mut store = Store::default();
        store.put_target(b"in front").unwrap();
        let with = Inode { xattrs: store.put_xattrs(&list).unwrap(), ..Inode::implied_directory() };
        store.put_target(b"behind").unwrap();
        let kept: Vec<_> = store.xattrs(&with).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        assert_eq!(kept, list);
        assert_eq!(store.put_xattrs(&[]).unwrap(), NONE);
        let size = store.bytes.len();
        assert_eq!(store.put_xattrs(&list).unwrap(), with.xattrs, "equal lists are kept once");
        assert_eq!(store.bytes.len(), size);
        assert_eq!(store.xattrs(&Inode::implied_directory()).count(), 0);
    }

    #[test]
    fn equal_values_targets_and_long_names_are_kept_once() {
        let value = vec![b'v'; 60_000];
        let mut store = Store::default();
        for number in 0..100u8 {
            let list = [(b"user.all".to_vec(), value.clone()), (b"user.own".to_vec(), vec![number])];
            let inode = Inode { xattrs: store.put_xattrs(&list).unwrap(), ..Inode::implied_directory() };
            assert_eq!(store.xattrs(&inode).nth(1), Some((&b"user.own"[..], &[number][..])));
            store.put_target(&value[..4000]).unwrap();
            let name = store.put_name(&value[..200]).unwrap();
            assert_eq!(store.name(name), &value[..200]);
        }
        assert!(store.bytes.len() < 70_000, "{}", store.bytes.len());
    }
}
