use std::io::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::learn::Learner;
use super::replay::Recorded;
use super::{FORMAT, SEGMENT, WINDOW};
use crate::pool::Pool;

/// Text with near and far repetitions.
fn text(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize
    };
    let mut bytes: Vec<u8> = Vec::with_capacity(len + 300);
    while bytes.len() < len {
        let back = 1 + next() % (WINDOW + 2000);
        let count = 1 + next() % 300;
        if next() % 3 > 0 && back <= bytes.len() && count <= back {
            let from = bytes.len() - back;
            bytes.extend_from_within(from..from + count);
        } else {
            bytes.extend((0..count % 40).map(|_| b'a' + (next() % 20) as u8));
        }
    }
    bytes.truncate(len);
    bytes
}

fn learned(stream: &[u8], pieces: usize, threads: usize) -> Option<Vec<u8>> {
    let mut learner = Learner::start(Arc::new(Pool::new(threads, &Arc::default()).unwrap())).unwrap();
    for piece in stream.chunks(pieces) {
        learner.push(piece);
    }
    learner.finish()
}

/// Replays a record as the rebuilder does.
fn replayed(record: Vec<u8>, tar: &[u8]) -> crate::Result<Vec<u8>> {
    let recorded = Recorded::read(record)?;
    let (mut made, mut at): (Vec<u8>, usize) = (Vec::new(), 0);
    for number in 0.. {
        let Some(len) = recorded.len(number) else { break };
        let content = tar.get(at - recorded.prefix(number)..at + len);
        let bytes = recorded.replay(number, content.unwrap_or_default())?;
        let mut rest = bytes.as_slice();
        if recorded.is_joined(number)
            && let (Some(last), Some((first, behind))) = (made.last_mut(), rest.split_first())
        {
            *last |= first;
            rest = behind;
        }
        made.extend_from_slice(rest);
        at += len;
    }
    Ok(made)
}

/// Bytes of blocks that are not compressed, in a member.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 8, 1, 2, 3, 4, 0, 3];
    out.extend_from_slice(b"name\0");
    for (i, block) in bytes.chunks(1000).enumerate() {
        let len = u16::try_from(block.len()).unwrap();
        out.push(u8::from(i + 1 == bytes.len().div_ceil(1000)));
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(b"anything");
    out
}

/// A member by the encoder at hand, which no model is of: only its choice of blocks and bytes can be followed.
fn member(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn members_of_stored_blocks_come_back_with_their_headers_and_the_zeros_behind_them() {
    let tar = text(3, 3 * SEGMENT);
    let (first, second) = tar.split_at(SEGMENT + 77);
    let stream = [stored(first), stored(second), vec![0; 700]].concat();
    let record = learned(&stream, 1000, 1).unwrap();
    assert!(record.len() < 3000, "{}", record.len());
    assert!(replayed(record, &tar).unwrap() == stream);
}

#[test]
fn levels_of_the_encoder_at_hand_that_search_as_zlib_come_back() {
    // The others search by rules of their own, and give no record.
    let tar = text(5, 4 * SEGMENT);
    for level in 0..=9 {
        let stream = member(&tar, level);
        let record = learned(&stream, 5000, 2);
        assert!(record.is_some() || level > 0, "{level}");
        if let Some(record) = record {
            assert!(replayed(record, &tar).unwrap() == stream, "{level}");
        }
    }
}

#[test]
fn the_record_depends_neither_on_the_pieces_nor_on_the_threads() {
    let stream = [stored(&text(1, SEGMENT + 5)), member(&text(2, 2 * SEGMENT), 0)].concat();
    let record = learned(&stream, 1 << 20, 1);
    assert!(record.is_some());
    for (pieces, threads) in [(97, 1), (1021, 4), (65_537, 3)] {
        assert!(learned(&stream, pieces, threads) == record, "{pieces} {threads}");
    }
}

#[test]
fn what_is_no_gzip_has_no_record() {
    for stream in [&b""[..], b"x", &[0; 512], &[0x28, 0xb5, 0x2f, 0xfd, 0, 1], &member(&[7; 9000], 6)[..40]] {
        let record = learned(stream, 3, 1);
        assert!(record.is_none_or(|record| record == [FORMAT] || stream.iter().all(|&byte| byte == 0)));
    }
}

#[test]
fn a_damaged_record_is_refused_or_makes_other_bytes_and_takes_bounded_memory() {
    let tar = text(9, SEGMENT + 4321);
    let stream = stored(&tar);
    let record = learned(&stream, 4096, 1).unwrap();
    let limit = 2 * stream.len() + 4096;
    for at in 0..record.len() {
        for bit in [0, 3, 7] {
            let mut damaged = record.clone();
            damaged[at] ^= 1 << bit;
            if let Ok(made) = replayed(damaged, &tar) {
                assert!(made.len() <= limit, "{at}");
            }
        }
        assert!(
            replayed(record[..at].to_vec(), &tar).is_ok_and(|made| made == stream) == (at == record.len())
        );
    }
    let mut newer = record;
    newer[0] += 1;
    assert_eq!(replayed(newer, &tar).unwrap_err().code(), "FORMAT");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let tar = text(1, 5000);
        let _ = replayed([&[FORMAT][..], &bytes].concat(), &tar);
        let _ = learned(&[&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &bytes].concat(), 50, 1);
    }
}
