//! No v5 bootstrap makes the judge panic, loop or take memory beyond the input's size. test/golden/frozen.test.ts and
//! test/unit/rafs-builder/rules check what the rules find.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a panic is a failed test")]

use nydus_judge::judge;
use nydus_layout::super_flags;
use nydus_layout::v5::{self, SUPER_SIZE, inode, super_block};
use proptest::prelude::*;

fn set(image: &mut [u8], at: usize, value: &[u8]) {
    image[at..at + value.len()].copy_from_slice(value);
}

/// Makes an image without blobs whose root directory is empty: super block, a table of one inode, the inode and its name.
fn smallest() -> Vec<u8> {
    let root = SUPER_SIZE + 8;
    let mut image = vec![0; root + inode::SIZE + 8];
    let flags = u64::from(super_flags::COMPRESSION_ZSTD | super_flags::HASH_BLAKE3);
    for (field, value) in [
        (super_block::MAGIC, v5::SUPER_MAGIC),
        (super_block::VERSION, v5::VERSION),
        (super_block::SIZE_FIELD, u32::try_from(SUPER_SIZE).unwrap()),
        (super_block::CHUNK_SIZE, 0x10_0000),
        (super_block::INODES, 1),
        (super_block::INODE_TABLE_OFFSET, u32::try_from(SUPER_SIZE).unwrap()),
        (super_block::INODE_TABLE_ENTRIES, 1),
        (SUPER_SIZE, u32::try_from(root / v5::INODE_UNIT).unwrap()),
        (root + inode::INO, 1),
        (root + inode::MODE, 0o40755),
        (root + inode::SIZE_FIELD, 4096),
        (root + inode::BLOCKS, 8),
        (root + inode::NLINK, 2),
        (root + inode::CHILD_INDEX, 2),
        (root + inode::NAME_SIZE, 1),
    ] {
        set(&mut image, field, &value.to_le_bytes());
    }
    set(&mut image, super_block::FLAGS, &flags.to_le_bytes());
    set(&mut image, root, blake3::hash(b"").as_bytes());
    set(&mut image, root + inode::SIZE, v5::ROOT_NAME);
    image
}

#[test]
fn the_smallest_image_is_sound() {
    assert_eq!(judge(&smallest()), []);
}

#[test]
fn a_cut_is_found_at_every_length() {
    let image = smallest();
    for len in 4..image.len() {
        assert!(!judge(&image[..len]).is_empty(), "cut at {len}");
    }
}

/// Makes directories inside each other, and as many files in the last one; their records hold only kind, number and name.
fn nested(depth: u32, files: u32) -> Vec<u8> {
    let mut image = smallest();
    let names = depth + files;
    let table = image.len();
    image.resize(table + (4 * names as usize).next_multiple_of(8), 0);
    set(&mut image, super_block::INODE_TABLE_OFFSET, &u32::try_from(table).unwrap().to_le_bytes());
    set(&mut image, super_block::INODE_TABLE_ENTRIES, &names.to_le_bytes());
    for number in 1..=names {
        let at = image.len();
        let place = u32::try_from(at / v5::INODE_UNIT).unwrap();
        set(&mut image, table + 4 * (number as usize - 1), &place.to_le_bytes());
        image.resize(at + inode::SIZE + 256, 0);
        let is_directory = number <= depth;
        let children = if number < depth { 1 } else { files };
        for (field, value) in [
            (inode::INO, number),
            (inode::PARENT, if is_directory { number - 1 } else { depth }),
            (inode::MODE, if is_directory { 0o40755 } else { 0o100_644 }),
            (inode::NLINK, 9),
            (inode::CHILD_INDEX, if is_directory { number + 1 } else { 0 }),
            (inode::CHILD_COUNT, if is_directory { children } else { 0 }),
            (inode::NAME_SIZE, if number == 1 { 1 } else { 250 }),
        ] {
            set(&mut image, at + field, &value.to_le_bytes());
        }
        let name = if number == 1 { "/".to_owned() } else { format!("{number:0250}") };
        set(&mut image, at + inode::SIZE, name.as_bytes());
    }
    image
}

#[test]
fn deep_directories_do_not_make_paths_fill_memory() {
    let findings = judge(&nested(2000, 2000));
    assert!(findings.len() > 4000);
    let paths: usize = findings.iter().filter_map(|finding| finding.path.as_ref()).map(Vec::len).sum();
    assert!(paths < 80 << 20, "{paths} bytes of paths");
}

/// Chooses a field of the super block or of the root inode, or any other offset after the magic.
fn place() -> impl Strategy<Value = usize> {
    prop_oneof![4_usize..0x50, SUPER_SIZE..SUPER_SIZE + 8 + inode::SIZE]
}

proptest! {
    #[test]
    fn any_numbers_in_any_fields_have_an_answer(
        edits in prop::collection::vec((place(), prop_oneof![0_u8..16, any::<u8>()]), 1..12),
        longer in 0_usize..64,
    ) {
        let mut image = smallest();
        image.resize(image.len() + 8 * longer, 0);
        for (at, value) in edits {
            image[at] = value;
        }
        judge(&image);
    }

    #[test]
    fn many_names_for_the_same_bytes_end_soon(entries in 2_u32..4096, first in 0_u32..8) {
        // Every entry of the table leads to the root's record, which becomes a directory of all of them.
        let mut image = smallest();
        let at = image.len();
        image.resize(at + 4 * 4096, 0);
        set(&mut image, super_block::INODE_TABLE_OFFSET, &u32::try_from(at).unwrap().to_le_bytes());
        set(&mut image, super_block::INODE_TABLE_ENTRIES, &entries.to_le_bytes());
        let root = u32::try_from((SUPER_SIZE + 8) / v5::INODE_UNIT).unwrap();
        for entry in 0..4096 {
            set(&mut image, at + 4 * entry, &root.to_le_bytes());
        }
        set(&mut image, SUPER_SIZE + 8 + inode::CHILD_INDEX, &first.to_le_bytes());
        set(&mut image, SUPER_SIZE + 8 + inode::CHILD_COUNT, &entries.to_le_bytes());
        prop_assert!(!judge(&image).is_empty());
    }
}
