//! Nothing that is handed in makes a verdict panic, loop or take memory beyond its size. Whether verdicts are right is held
//! against the rules in test/unit/check/judge.test.ts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a panic is a failed test")]

use nydus_judge::{ChunkTable, Facts, RecordLimits, ScannedLayer, is_same, is_sound};
use proptest::prelude::*;

/// Bytes, many of them small, so that counts and offsets lead somewhere.
fn bytes(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![3 => 0_u8..8, 1 => any::<u8>()], len)
}

fn facts() -> impl Strategy<Value = Facts> {
    let place = || prop_oneof![4 => 0_usize..8192, 1 => any::<u32>().prop_map(|word| word as usize)];
    (place(), 0_u32..64, 0_u64..9, 12_u32..24, prop::collection::vec(place(), 4), 0_usize..40).prop_map(
        |(meta_offset, root_nid, names, bits, places, count)| Facts {
            meta_offset,
            root_nid,
            names,
            chunk_size: 1 << bits,
            with_xattrs: true,
            tables: vec![places[0]..places[1], places[1]..places[2]],
            reach: places[3],
            prefetch: vec![root_nid],
            chunks: ChunkTable {
                offset: places[2],
                count,
                limits: vec![
                    Some(RecordLimits { compresses: true, uncompressed_size: 1 << 20, data_end: 1 << 20 }),
                    None,
                ],
            },
        },
    )
}

/// An empty root directory of an image without blobs.
fn smallest() -> (Vec<u8>, Facts) {
    let mut image = vec![0; 4096];
    // Extended, inline, a directory of 27 bytes, inode 1 with two links.
    image[..0x30].copy_from_slice(&[
        5, 0, 0, 0, 0xED, 0x41, 0, 0, 27, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
    ]);
    // "." and "..", both nid 0: names behind the two entries.
    image[64 + 8..64 + 11].copy_from_slice(&[24, 0, 2]);
    image[76 + 8..76 + 11].copy_from_slice(&[25, 0, 2]);
    image[88..91].copy_from_slice(b"...");
    let facts = Facts {
        meta_offset: 0,
        root_nid: 0,
        names: 1,
        chunk_size: 1 << 20,
        with_xattrs: false,
        tables: Vec::new(),
        reach: 0,
        prefetch: Vec::new(),
        chunks: ChunkTable { offset: 0, count: 0, limits: Vec::new() },
    };
    (image, facts)
}

#[test]
fn the_smallest_image_is_sound_and_that_of_no_layers() {
    let (image, facts) = smallest();
    assert!(is_sound(&image, &facts));
    assert!(is_same(&image, &facts, &[]));
    let empty = ScannedLayer { entries: &[], references: &[], chunks: &[] };
    assert!(is_same(&image, &facts, &[empty]));
}

proptest! {
    #[test]
    fn any_bytes_are_in_doubt_or_not(image in bytes(0..12_288), facts in facts()) {
        is_sound(&image, &facts);
        is_same(&image, &facts, &[]);
    }

    #[test]
    fn any_layer_is_the_same_or_not(entries in bytes(0..2048), references in bytes(0..64), chunks in bytes(0..256)) {
        let (image, facts) = smallest();
        let layer = || ScannedLayer { entries: &entries, references: &references, chunks: &chunks };
        is_same(&image, &facts, &[layer(), layer()]);
    }

    #[test]
    fn a_changed_image_is_in_doubt(at in 0_usize..91, bit in 0_u32..8) {
        let (mut image, facts) = smallest();
        image[at] ^= 1 << bit;
        // Fields without a rule: permissions, zeros behind the last name, data block of what is all inline, owners, times.
        let free = matches!(at, 4 | 8..=9 | 16..=19 | 24..=43) || (at == 5 && bit < 4);
        prop_assume!(!free);
        prop_assert!(!is_sound(&image, &facts), "byte {at}, bit {bit}");
    }
}
