//! Real compressed layers have many members, padding, frames of all kinds, and damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a panic is a failed test")]

use std::io::Write;

use nydus_core::Error;
use nydus_core::inflate::{Compression, Inflater, Pieces};
use proptest::prelude::*;

fn inflate<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, Option<Compression>, Result<(), Error>) {
    let mut output = Vec::new();
    let mut inflater = Inflater::new();
    let mut out = Pieces::new(|bytes: &[u8]| {
        assert!(!bytes.is_empty());
        output.extend(bytes);
        Ok(())
    });
    let mut result = Ok(());
    for piece in pieces {
        result = result.and_then(|()| inflater.push(piece, &mut out));
    }
    result = result.and_then(|()| inflater.finish(&mut out));
    drop(out);
    (output, inflater.compression(), result)
}

fn ok(bytes: &[u8]) -> (Vec<u8>, Option<Compression>) {
    let (output, compression, result) = inflate([bytes]);
    result.unwrap();
    (output, compression)
}

fn fault(bytes: &[u8]) -> Error {
    inflate([bytes]).2.unwrap_err()
}

/// Makes half text, half noise, which compresses to some 30 %.
fn sample(size: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..size).map(|i| if i % 1024 < 256 { next() } else { b"lorem ipsum "[i % 12] }).collect()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new()
        .filename("layer.tar")
        .mtime(1)
        .write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 1).unwrap()
}

fn skippable(length: u32) -> Vec<u8> {
    let mut frame = vec![0x5A, 0x2A, 0x4D, 0x18];
    frame.extend(length.to_le_bytes());
    frame.resize(8 + length as usize, 0xEE);
    frame
}

#[test]
fn the_format_is_found_by_its_magic() {
    let data = sample(3 << 20);
    assert_eq!(ok(&data), (data.clone(), Some(Compression::None)));
    assert_eq!(ok(&gzip(&data)), (data.clone(), Some(Compression::Gzip)));
    assert_eq!(ok(&zstd(&data)), (data.clone(), Some(Compression::Zstd)));
}

#[test]
fn empty_input_gives_no_output_and_a_few_bytes_stay_unchanged() {
    assert_eq!(inflate([]).0, b"");
    assert_eq!(ok(b""), (vec![], Some(Compression::None)));
    for bytes in [&b"a"[..], b"\x1f", b"\x28\xb5\x2f", b"abcde"] {
        assert_eq!(ok(bytes).0, bytes);
    }
    assert_eq!(ok(&gzip(b"")).0, b"");
    assert_eq!(ok(&zstd(b"")).0, b"");
}

#[test]
fn gzip_members_follow_each_other_and_zeros_follow_the_last() {
    let data = sample(100_000);
    let members: Vec<u8> = data.chunks(999).flat_map(gzip).chain(gzip(b"")).collect();
    assert_eq!(ok(&members).0, data);
    let padded = [&members[..], &[0; 5000]].concat();
    assert_eq!(ok(&padded).0, data);
    for junk in [&b"junk"[..], b"\0\0\x1f\x8b\x08", b"\0x", b"\x1f", b"\x1f\x8b\x08"] {
        let error = fault(&[&members[..], junk].concat());
        assert_eq!(error.code(), "FORMAT", "{error}");
    }
    let error = fault(&[&members[..], b"junk"].concat());
    let offset = members.len() as u64;
    assert_eq!(error.offset(), Some(offset));
    let reason = "bytes after the last member are neither a member nor zeros";
    assert_eq!(error.to_string(), format!("gzip layer at compressed offset {offset}: {reason}"));
}

#[test]
fn zstd_frames_follow_each_other_with_skippable_ones_between() {
    let data = sample(300_000);
    let mut frames = skippable(10);
    for part in data.chunks(99_999) {
        frames.extend(zstd(part));
        frames.extend(skippable(3));
    }
    assert_eq!(ok(&frames).0, data);
    assert_eq!(ok(&skippable(0)).0, b"");
    assert_eq!(fault(&[&frames[..], b"junk junk"].concat()).code(), "FORMAT");
    assert_eq!(fault(&frames[..frames.len() - 1]).code(), "FORMAT", "a cut skippable frame");
}

#[test]
fn output_of_exactly_one_buffer_is_a_whole_frame() {
    for size in [256 << 10, 512 << 10, (256 << 10) + 1, (256 << 10) - 1] {
        let data = sample(size);
        assert!(ok(&zstd(&data)).0 == data && ok(&gzip(&data)).0 == data, "{size}");
        let mut whole = zstd(&data);
        assert_eq!(inflate([&whole[..], &[]]).0.len(), size);
        whole.extend(zstd(&data));
        assert_eq!(ok(&whole).0.len(), 2 * size);
    }
}

#[test]
fn a_long_window_is_accepted_up_to_128_mib() {
    let encode = |window: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.set_parameter(zstd::zstd_safe::CParameter::WindowLog(window)).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&sample(100_000)).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(ok(&encode(27)).0.len(), 100_000);
    assert!(fault(&encode(28)).to_string().contains("Frame requires too much memory"));
}

#[test]
fn a_cut_anywhere_is_an_error() {
    let data = sample(5000);
    for whole in [gzip(&data), zstd(&data)] {
        for cut in 5..whole.len() {
            let error = fault(&whole[..cut]);
            assert_eq!(error.code(), "FORMAT", "{error}");
            assert!(error.offset() <= Some(cut as u64));
        }
    }
    let error = fault(&gzip(&data)[..100]);
    assert_eq!(error.to_string(), "gzip layer at compressed offset 100: the input ends within a member");
}

#[test]
fn a_flipped_bit_in_the_data_or_trailer_is_an_error() {
    let data = sample(3000);
    let whole = gzip(&data);
    // Bits of the header's time, name and system do not matter; everything from the first block on does.
    for at in 20..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        let (output, _, result) = inflate([&damaged[..]]);
        assert!(result.is_err() || output == data, "byte {at}");
    }
}

#[test]
fn other_compressions_are_refused_by_name() {
    for (magic, name) in
        [(&b"\xfd7zXZ\0\0\x04"[..], "xz"), (b"BZh91AY&SY", "bzip2"), (b"\x04\x22\x4d\x18\x64\x40\xa7", "lz4")]
    {
        let error = fault(magic);
        assert_eq!(error.code(), "UNSUPPORTED");
        assert_eq!(
            error.to_string(),
            format!("the layer is compressed with {name}, which image layers may not be")
        );
    }
}

#[test]
fn an_error_of_the_receiver_ends_the_inflater_and_a_later_call_is_an_internal_error() {
    let mut inflater = Inflater::new();
    let mut refuse = Pieces::new(|_: &[u8]| Err(Error::Aborted));
    assert_eq!(inflater.push(&gzip(&sample(1000)), &mut refuse).unwrap_err().code(), "ABORTED");
    assert_eq!(inflater.push(b"x", &mut refuse).unwrap_err().code(), "INTERNAL");
    assert_eq!(inflater.finish(&mut refuse).unwrap_err().code(), "INTERNAL");
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_bytes(
        size in 0..20_000usize,
        kind in 0..3,
        cuts in prop::collection::vec(prop_oneof![1..4usize, 1..5000usize], 1..10),
    ) {
        let data = sample(size);
        let whole = match kind {
            0 => data.clone(),
            1 => [gzip(&data), gzip(&data), vec![0; 20]].concat(),
            _ => [skippable(5), zstd(&data), zstd(&data)].concat(),
        };
        let mut rest = &whole[..];
        let mut pieces = Vec::new();
        for size in cuts.iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let (output, _, result) = inflate(pieces);
        prop_assert!(result.is_ok());
        prop_assert_eq!(output, if kind == 0 { data } else { data.repeat(2) });
    }

    #[test]
    fn noise_behind_a_magic_never_panics(
        magic in prop::sample::select(vec![&b"\x1f\x8b\x08\0"[..], b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b"\x1f\x8b"]),
        noise in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let _ = inflate([magic, &noise]);
    }
}
