//! v6 stores extended attributes after the inode, the prefix of each name as a number. Shared xattrs are not used.

use nydus_layout::{XATTR_PREFIXES, xattr_entry, xattr_header};

use super::model::Xattrs;
use crate::error::{Error, Result};

/// Splits a name into the number of its prefix and the bytes after it.
fn split(name: &[u8]) -> Option<(u8, &[u8])> {
    XATTR_PREFIXES.iter().find_map(|&(index, prefix, whole)| {
        let rest = name.strip_prefix(prefix)?;
        (!whole || rest.is_empty()).then_some((index, rest))
    })
}

/// Bytes between the inode and its body; 0 without xattrs (a header alone is invalid for the kernel).
pub fn area_size(list: Xattrs<'_>) -> usize {
    let entry = |(name, value): (&[u8], &[u8])| {
        let rest = split(name).map_or(name.len(), |(_, rest)| rest.len());
        (xattr_entry::SIZE + rest + value.len()).next_multiple_of(4)
    };
    let entries: usize = list.map(entry).sum();
    if entries == 0 { 0 } else { xattr_header::SIZE + entries }
}

/// The value of the inode's count field for an area of this size.
pub const fn count(area_size: usize) -> usize {
    if area_size == 0 { 0 } else { 1 + (area_size - xattr_header::SIZE) / 4 }
}

/// Makes the bytes of the area. Entries keep their order, which is by name: the reference's own order is random.
pub fn encode(list: Xattrs<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for (name, value) in list {
        if out.is_empty() {
            out.extend([0; xattr_header::SIZE]);
        }
        let (index, rest) =
            split(name).ok_or_else(|| Error::internal("an xattr whose prefix has no number in RAFS v6"))?;
        let too_long = |_| Error::internal("an xattr that does not fit its entry");
        out.push(u8::try_from(rest.len()).map_err(too_long)?);
        out.push(index);
        out.extend(u16::try_from(value.len()).map_err(too_long)?.to_le_bytes());
        out.extend_from_slice(rest);
        out.extend_from_slice(value);
        let size = xattr_entry::SIZE + rest.len() + value.len();
        out.extend(std::iter::repeat_n(0, size.next_multiple_of(4) - size));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::model::{Inode, Store};
    use super::*;

    #[test]
    fn an_area_has_the_size_that_area_size_returns() {
        let list =
            [(b"security.capability".to_vec(), vec![7; 5]), (b"system.posix_acl_access".to_vec(), vec![1])];
        let mut store = Store::default();
        let inode = Inode { xattrs: store.put_xattrs(&list).unwrap(), ..Inode::implied_directory() };
        let out = encode(store.xattrs(&inode)).unwrap();
        assert_eq!((out.len(), area_size(store.xattrs(&inode))), (12 + 20 + 8, 40));
        let none = Inode::implied_directory();
        assert_eq!((encode(store.xattrs(&none)).unwrap(), area_size(store.xattrs(&none))), (vec![], 0));
        assert_eq!(out[12..16], [10, 6, 5, 0]);
        assert_eq!(out[32..], [0, 2, 1, 0, 1, 0, 0, 0]);
        assert_eq!((count(0), count(40)), (0, 8));
    }
}
