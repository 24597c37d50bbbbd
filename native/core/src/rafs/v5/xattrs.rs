//! v5 stores extended attributes after the name, each with its whole name.

use nydus_layout::v5::{ALIGNMENT, xattr_pair, xattr_total};

use super::model::Xattrs;
use crate::error::{Error, Result};

/// Bytes of all pairs, without the total in front and the padding behind; 0 without xattrs.
pub fn pairs_size(list: Xattrs<'_>) -> usize {
    list.map(|(name, value)| xattr_pair::SIZE + pair_size(name, value)).sum()
}

/// Bytes between the name of an inode, or its target, and its chunks.
pub const fn area_size(pairs: usize) -> usize {
    if pairs == 0 { 0 } else { (xattr_total::SIZE + pairs).next_multiple_of(ALIGNMENT) }
}

/// Makes the bytes of the area. Entries keep their order, which is by name: the reference's own order is random.
pub fn encode(list: Xattrs<'_>) -> Result<Vec<u8>> {
    let pairs = pairs_size(list.clone());
    let mut out = Vec::with_capacity(area_size(pairs));
    out.extend((pairs as u64).to_le_bytes());
    for (name, value) in list {
        let size = u32::try_from(pair_size(name, value));
        let size = size.map_err(|_| Error::internal("an xattr that does not fit its entry"))?;
        out.extend(size.to_le_bytes());
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(value);
    }
    out.resize(area_size(pairs), 0);
    Ok(out)
}

const fn pair_size(name: &[u8], value: &[u8]) -> usize {
    name.len() + 1 + value.len()
}

#[cfg(test)]
mod tests {
    use super::super::model::{Inode, Store};
    use super::*;

    #[test]
    fn an_area_holds_its_size_then_names_and_values() {
        let list = [(b"user.a".to_vec(), vec![7; 3]), (b"user.bc".to_vec(), Vec::new())];
        let mut store = Store::default();
        let inode = Inode { xattrs: store.put_xattrs(&list).unwrap(), ..Inode::implied_directory() };
        let out = encode(store.xattrs(&inode)).unwrap();
        let wanted = [
            &[26, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0][..],
            b"user.a\0\x07\x07\x07",
            &[8, 0, 0, 0],
            b"user.bc\0",
        ];
        assert_eq!(out[..34], wanted.concat());
        assert_eq!((out.len(), pairs_size(store.xattrs(&inode))), (40, 26));
        assert_eq!((area_size(0), area_size(1)), (0, 16));
    }
}
