//! No input makes the judge panic, loop or take memory beyond the input's size. test/golden/frozen.test.ts compares its
//! findings with frozen answers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a panic is a failed test")]

use nydus_judge::{Judged, ScannedLayer, judge};
use nydus_layout::{
    BLOCK_SIZE, DEVICE_TABLE_OFFSET, EXTENDED_SUPER_OFFSET, FEATURE_COMPAT_RAFS_V6, FEATURE_INCOMPAT,
    ROOT_NID, SUPER_MAGIC, SUPER_OFFSET, device_slot, dirent, extended_super_block, inode_extended,
    super_block, super_flags, v5,
};
use proptest::prelude::*;

/// Makes bytes of which many are small, so that counts and offsets lead somewhere.
fn bytes(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![3 => 0_u8..8, 1 => any::<u8>()], len)
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The root stands after the block of the super blocks.
const ROOT: usize = BLOCK_SIZE;
const ENTRIES: usize = ROOT + inode_extended::SIZE;

/// Makes an image without blobs whose root directory is empty.
fn smallest() -> Vec<u8> {
    let mut image = vec![0; 2 * BLOCK_SIZE];
    for (field, value) in [
        (super_block::MAGIC, SUPER_MAGIC),
        (super_block::FEATURE_COMPAT, FEATURE_COMPAT_RAFS_V6),
        (super_block::INOS, 1),
        (super_block::FEATURE_INCOMPAT, FEATURE_INCOMPAT),
    ] {
        put(&mut image, SUPER_OFFSET + field, &value.to_le_bytes());
    }
    image[SUPER_OFFSET + super_block::BLOCK_BITS] = 12;
    image[SUPER_OFFSET + super_block::ROOT_NID] = u8::try_from(ROOT_NID).unwrap();
    let slot = u16::try_from(DEVICE_TABLE_OFFSET / device_slot::SIZE).unwrap();
    put(&mut image, SUPER_OFFSET + super_block::DEVICE_SLOT_OFFSET, &slot.to_le_bytes());
    for (field, value) in [
        (extended_super_block::FLAGS, super_flags::COMPRESSION_ZSTD | super_flags::HASH_BLAKE3),
        (extended_super_block::BLOB_TABLE_OFFSET, 0x1000),
        (extended_super_block::CHUNK_SIZE, 0x10_0000),
    ] {
        put(&mut image, EXTENDED_SUPER_OFFSET + field, &value.to_le_bytes());
    }
    // The root is an extended inode, inline, with a directory of 27 bytes, number 1 and two links.
    image[ROOT + inode_extended::FORMAT] = 5;
    put(&mut image, ROOT + inode_extended::MODE, &0o40_755_u16.to_le_bytes());
    image[ROOT + inode_extended::SIZE_FIELD] = 27;
    image[ROOT + inode_extended::INO] = 1;
    image[ROOT + inode_extended::NLINK] = 2;
    // The names "." and ".." follow the two entries.
    for (entry, name) in [(ENTRIES, 24), (ENTRIES + dirent::SIZE, 25)] {
        image[entry + dirent::NID] = u8::try_from(ROOT_NID).unwrap();
        image[entry + dirent::NAME_OFFSET] = name;
        image[entry + dirent::FILE_TYPE] = 2;
    }
    put(&mut image, ENTRIES + 24, b"...");
    image
}

/// Changes some bytes of the smallest image, which leads deeper into the judge than random bytes.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let edit = (prop_oneof![0_usize..2048, ROOT..ROOT + 128], prop_oneof![0_u8..8, any::<u8>()]);
    prop::collection::vec(edit, 1..9).prop_map(|edits| {
        let mut image = smallest();
        for (at, byte) in edits {
            image[at] = byte;
        }
        image
    })
}

#[test]
fn the_smallest_image_is_sound_and_shows_the_tree_of_no_layers() {
    let image = smallest();
    assert_eq!(judge(&image), []);
    assert!(Judged::read(&image).is_tree_of(&[]));
    let empty = ScannedLayer { entries: &[], references: &[], chunks: &[] };
    assert!(Judged::read(&image).is_tree_of(&[empty]));
}

proptest! {
    #[test]
    fn any_bytes_have_findings(image in bytes(0..12_288)) {
        prop_assert!(!judge(&image).is_empty());
        prop_assert!(!Judged::read(&image).is_tree_of(&[]));
    }

    #[test]
    fn bytes_that_begin_as_v5_does_have_findings(mut image in bytes(8..12_288)) {
        put(&mut image, 0, &v5::SUPER_MAGIC.to_le_bytes());
        prop_assert!(!judge(&image).is_empty());
    }

    #[test]
    fn damage_is_judged(image in damaged()) {
        let findings = judge(&image);
        prop_assert!(findings.len() < image.len());
        Judged::read(&image).is_tree_of(&[]);
    }

    #[test]
    fn any_layer_is_the_same_or_not(entries in bytes(0..2048), references in bytes(0..64), chunks in bytes(0..256)) {
        let layer = || ScannedLayer { entries: &entries, references: &references, chunks: &chunks };
        Judged::read(smallest()).is_tree_of(&[layer(), layer()]);
    }

    #[test]
    fn a_changed_inode_is_found(at in 0_usize..91, bit in 0_u32..8) {
        let mut image = smallest();
        image[ROOT + at] ^= 1 << bit;
        // These fields have no rule: permissions, zeros after the last name, the data block of an inode that is all inline,
        // owners, times.
        let free = matches!(at, 4 | 8..=9 | 16..=19 | 24..=43) || (at == 5 && bit < 4);
        prop_assume!(!free);
        prop_assert!(!judge(&image).is_empty(), "byte {at}, bit {bit}");
    }
}
