//! Packing promises the same bytes for the same input, duplicates by the rules, and chunks that can all be read back.

// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use nydus_core::codec::{Compression, Contexts, DEFAULT};
use nydus_core::digest::{Digester, Fingerprint, hex, sha256};
use nydus_core::pipeline::{Dedup, ImageScanner, ScanOptions, ScannedLayer};
use nydus_core::table::ChunkRecord;
use nydus_core::verify::{BlobVerifier, Verified, VerifyOptions};
use nydus_layout::wire::REPEATED;
use proptest::prelude::*;

const PATIENCE: Duration = Duration::from_mins(2);

fn noise(seed: &str, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        (0..len.div_ceil(32)).flat_map(|counter| sha256(format!("{seed}/{counter}").as_bytes())).collect();
    bytes.truncate(len);
    bytes
}

fn tar_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

struct Packed {
    table: ScannedLayer,
    blob: Vec<u8>,
}

/// Packs layers at the same time, each by a thread of its own that writes pieces of the given sizes in turn.
fn pack_image(options: &ScanOptions, layers: &[Vec<u8>], pieces: &[usize]) -> Vec<Packed> {
    let folder = tempfile::tempdir().unwrap();
    let packer = ImageScanner::new(options).unwrap();
    let opened: Vec<_> = (0..layers.len())
        .map(|number| {
            let path = folder.path().join(number.to_string());
            (packer.open_layer(u32::try_from(number).unwrap(), &path).unwrap(), path)
        })
        .collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = opened
            .iter()
            .zip(layers)
            .map(|((layer, path), bytes)| {
                scope.spawn(move || {
                    let mut rest = bytes.as_slice();
                    for piece in pieces.iter().cycle() {
                        if rest.is_empty() {
                            break;
                        }
                        let (now, later) = rest.split_at((*piece).min(rest.len()));
                        rest = later;
                        if !layer.write(now).unwrap() {
                            let (sender, receiver) = channel();
                            layer.on_room(Box::new(move |result| sender.send(result).unwrap()));
                            receiver.recv_timeout(PATIENCE).unwrap().unwrap();
                        }
                    }
                    let (sender, receiver) = channel();
                    layer.finish(Box::new(move |result| sender.send(result).unwrap()));
                    let table = receiver.recv_timeout(PATIENCE).unwrap().unwrap();
                    Packed { table, blob: read(path, options) }
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn read(path: &Path, options: &ScanOptions) -> Vec<u8> {
    if options.keep.is_none() { Vec::new() } else { std::fs::read(path).unwrap() }
}

fn references(table: &ScannedLayer) -> Vec<(u32, u32)> {
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let mut all = Vec::new();
    for pair in table.references.chunks(8) {
        match (word(&pair[..4]), word(&pair[4..])) {
            (REPEATED, more) => all.extend(std::iter::repeat_n(*all.last().unwrap(), more as usize)),
            single => all.push(single),
        }
    }
    all
}

/// Options of a scan that stores chunks in the way of a conversion.
fn keeping() -> ScanOptions {
    let mut options = ScanOptions::default();
    options.keep = Some(Compression::default());
    options
}

/// Decodes the chunk that a reference leads to.
fn chunk(image: &[Packed], (layer, index): (u32, u32)) -> Vec<u8> {
    let packed = &image[layer as usize];
    let record = ChunkRecord::iter(&packed.table.chunks).nth(index as usize).unwrap();
    let start = usize::try_from(record.compressed_offset).unwrap();
    let stored = &packed.blob[start..start + record.compressed_size as usize];
    let mut plain = vec![0; record.uncompressed_size as usize];
    if record.compressed {
        assert!(record.compressed_size < record.uncompressed_size);
        Contexts::default().decompress(DEFAULT, &mut plain, stored).unwrap();
    } else {
        plain.copy_from_slice(stored);
    }
    let print = Fingerprint::of(&plain, Digester::Blake3);
    assert_eq!((print.digest, Some(print.crc32)), (record.digest, record.crc32));
    plain
}

fn verify(packed: &Packed, blob: &[u8], digester: Digester) -> Verified {
    let mut options = VerifyOptions::default();
    options.digester = digester;
    let verifier = BlobVerifier::new(&packed.table.chunks, &options).unwrap();
    for piece in blob.chunks(70_000) {
        verifier.write(piece.to_vec()).unwrap();
    }
    let (sender, receiver) = channel();
    verifier.finish(Box::new(move |result| sender.send(result).unwrap()));
    receiver.recv_timeout(PATIENCE).unwrap().unwrap()
}

#[test]
fn the_worked_example_of_the_format_description_is_packed_as_described() {
    let app: Vec<u8> = (0..157u32).flat_map(|n| sha256(n.to_string().as_bytes())).take(5000).collect();
    let hosts = b"127.0.0.1 localhost\n".to_vec();
    let tar = tar_of(&[("etc/hosts".into(), hosts.clone()), ("bin/app".into(), app.clone())]);
    let image = pack_image(&keeping(), std::slice::from_ref(&tar), &[7]);
    let [packed] = &image[..] else { panic!("one layer went in") };
    assert_eq!(packed.blob, [hosts, app].concat());
    assert_eq!((packed.table.summary.data_size, packed.table.summary.uncompressed_size), (5020, 12288));
    assert_eq!(packed.table.summary.source.diff_id, Some(sha256(&tar)));
    let rows: Vec<_> = ChunkRecord::iter(&packed.table.chunks)
        .map(|chunk| {
            (
                chunk.compressed_offset,
                chunk.compressed_size,
                chunk.uncompressed_offset,
                chunk.uncompressed_size,
            )
        })
        .collect();
    assert_eq!(rows, [(0, 20, 0, 20), (20, 5000, 4096, 5000)]);
    let digests: Vec<_> = ChunkRecord::iter(&packed.table.chunks).map(|chunk| hex(&chunk.digest)).collect();
    assert_eq!(digests[0], "f16092148f84b2eef72591be103e155d66601471464dfeb35590c334f45e85f0");
    assert_eq!(digests[1], "e9f1fed651e88164ca88f65841f0de53737ee8cf4604fb1b9298f848b71411b6");
    assert_eq!(ChunkRecord::iter(&packed.table.chunks).nth(1).unwrap().crc32, Some(0xADC4_4DC7));
}

#[test]
fn duplicates_are_found_in_the_image_or_in_the_layer_alone() {
    let shared = noise("shared", 10_000);
    let lower =
        tar_of(&[("a".into(), shared.clone()), ("b".into(), noise("b", 100)), ("c".into(), shared.clone())]);
    let upper = tar_of(&[("d".into(), shared), ("e".into(), noise("e", 100)), ("f".into(), noise("b", 100))]);
    let mut options = keeping();
    options.chunk_size = 4096;
    let image = pack_image(&options, &[lower.clone(), upper.clone()], &[100_000]);
    assert_eq!(references(&image[0].table), [(0, 0), (0, 1), (0, 2), (0, 3), (0, 0), (0, 1), (0, 2)]);
    assert_eq!(references(&image[1].table), [(0, 0), (0, 1), (0, 2), (1, 0), (0, 3)]);
    assert_eq!(
        (image[1].table.summary.counts.new_chunks, image[1].table.summary.counts.duplicate_bytes),
        (1, 10_100)
    );
    assert_eq!(image[1].table.summary.data_size, 100);

    options.dedup = Dedup::Layer;
    let alone = pack_image(&options, &[lower, upper], &[100_000]);
    assert_eq!(alone[0].blob, image[0].blob);
    assert_eq!(references(&alone[1].table), [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4)]);
    assert_eq!(alone[1].table.summary.counts.duplicate_bytes, 0);
}

#[test]
fn holes_are_chunks_of_zeros() {
    // GNU.sparse 1.0: a map of one piece at 100,000 in a file of 200,000 bytes.
    let map = b"1\n100000\n3\n";
    let mut data = map.to_vec();
    data.resize(512, 0);
    data.extend(b"abc");
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_pax_extensions([
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"holes"),
        ("GNU.sparse.realsize", b"200000"),
    ])
    .unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "GNUSparseFile.0/holes", data.as_slice()).unwrap();
    let mut options = keeping();
    options.chunk_size = 4096;
    let image = pack_image(&options, &[tar.into_inner().unwrap()], &[999]);
    let content: Vec<u8> =
        references(&image[0].table).into_iter().flat_map(|reference| chunk(&image, reference)).collect();
    let mut expected = vec![0; 200_000];
    expected[100_000..100_003].copy_from_slice(b"abc");
    assert_eq!(content, expected);
    assert_eq!(image[0].table.summary.counts.new_chunks, 3);
}

#[test]
fn a_scan_sees_the_same_chunks_and_stores_nothing() {
    let files = [("a".to_owned(), noise("a", 300_000)), ("b".to_owned(), vec![1; 300_000])];
    let layers = vec![tar_of(&files), tar_of(&files[..1]), Vec::new()];
    let mut options = keeping();
    options.chunk_size = 64 << 10;
    let stored = pack_image(&options, &layers, &[50_000]);
    options.keep = None;
    let scanned = pack_image(&options, &layers, &[50_000]);
    for (stored, scanned) in stored.iter().zip(&scanned) {
        assert_eq!(references(&stored.table), references(&scanned.table));
        assert_eq!(stored.table.entries, scanned.table.entries);
        assert_eq!(stored.table.summary.source, scanned.table.summary.source);
        let digests = |packed: &Packed| -> Vec<_> {
            ChunkRecord::iter(&packed.table.chunks)
                .map(|chunk| (chunk.digest, chunk.uncompressed_offset))
                .collect()
        };
        assert_eq!(digests(stored), digests(scanned));
    }
}

#[test]
fn the_verifier_finds_every_flipped_byte_and_every_missing_one() {
    let files =
        [("a".to_owned(), noise("a", 9000)), ("b".to_owned(), vec![1; 9000]), ("c".to_owned(), vec![2; 100])];
    let mut options = keeping();
    options.chunk_size = 4096;
    let [packed] = &pack_image(&options, &[tar_of(&files)], &[50_000])[..] else {
        panic!("one layer went in")
    };
    let sound = verify(packed, &packed.blob, Digester::Blake3);
    assert_eq!((sound.digest, sound.size), (sha256(&packed.blob), packed.blob.len() as u64));
    assert_eq!(sound.faults, []);
    let count = packed.table.chunks.len() / 64;
    assert_eq!(verify(packed, &packed.blob, Digester::Sha256).faults.len(), count);
    for at in (0..packed.blob.len()).step_by(17) {
        let mut bytes = packed.blob.clone();
        bytes[at] ^= 1;
        let faults = verify(packed, &bytes, Digester::Blake3).faults;
        assert!(faults.len() <= 1, "{faults:?}");
        // libzstd does not check every bit of a frame, so a changed frame that decodes to the same bytes is correct.
        if at < 9000 {
            assert_eq!(faults.len(), 1, "byte {at}");
        }
        let short = verify(packed, &packed.blob[..at], Digester::Blake3).faults;
        assert!(!short.is_empty() && short.iter().all(|fault| fault.message.contains("beyond the end")));
    }
}

#[test]
fn the_verifier_survives_any_table() {
    let record = |size: u32, stored: u32, flags: u32, offset: u64| -> Vec<u8> {
        let mut bytes = vec![0; 32];
        for word in [0, size, stored, flags] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(offset.to_le_bytes());
        bytes.extend([0; 8]);
        bytes
    };
    let table = [
        record(u32::MAX, u32::MAX, 0, 0),
        record(0, 0, 0, 0),
        record(10, 20, 1, 0),
        record(10, 5, 0, 0),
        record(10, 10, 0, u64::MAX - 3),
        record(10, 10, 0, 1 << 50),
        record(10, 10, 0, 0),
        record(10, 10, 0, 0),
        record(10, 10, 0, 5),
        record(10, 9, 1, 20),
    ];
    let verifier = BlobVerifier::new(&table.concat(), &VerifyOptions::default()).unwrap();
    verifier.write(vec![0; 40]).unwrap();
    let (sender, receiver) = channel();
    verifier.finish(Box::new(move |result| sender.send(result).unwrap()));
    let faults = receiver.recv_timeout(PATIENCE).unwrap().unwrap().faults;
    assert_eq!(faults.iter().map(|fault| fault.index).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert!(faults[8].message.contains("overlap"));
}

/// Makes layers of files whose chunks repeat within and across layers.
fn arb_layers() -> impl Strategy<Value = Vec<Vec<(u8, usize, bool)>>> {
    prop::collection::vec(prop::collection::vec((0u8..6, 0usize..40_000, any::<bool>()), 0..8), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn neither_threads_nor_pieces_change_a_byte_and_all_is_read_back(
        layers in arb_layers(),
        pieces in prop::collection::vec(1usize..60_000, 1..5),
        chunk_bits in 12u32..16,
        raw in any::<bool>(),
        image_scope in any::<bool>(),
    ) {
        let files: Vec<Vec<(String, Vec<u8>)>> = layers
            .iter()
            .map(|layer| {
                let file = |(at, &(seed, len, text)): (usize, &(u8, usize, bool))| {
                    let content = if text { vec![seed; len] } else { noise(&seed.to_string(), len) };
                    (format!("f{at}"), content)
                };
                layer.iter().enumerate().map(file).collect()
            })
            .collect();
        let tars: Vec<_> = files.iter().map(|files| tar_of(files)).collect();
        let mut options = keeping();
        options.chunk_size = 1 << chunk_bits;
        options.dedup = if image_scope { Dedup::Image } else { Dedup::Layer };
        if raw {
            options.keep = Some(Compression::none());
        }
        options.threads = 1;
        let image = pack_image(&options, &tars, &[1 << 20]);
        for threads in [2, 8] {
            options.threads = threads;
            let other = pack_image(&options, &tars, &pieces);
            for (one, two) in image.iter().zip(&other) {
                prop_assert!(one.blob == two.blob);
                prop_assert!(one.table.chunks == two.table.chunks);
                prop_assert!(references(&one.table) == references(&two.table));
                prop_assert!(one.table.entries == two.table.entries);
                prop_assert_eq!(one.table.summary.source, two.table.summary.source);
            }
        }
        let mut seen = HashMap::new();
        for (number, (packed, files)) in image.iter().zip(&files).enumerate() {
            let mut references = references(&packed.table).into_iter();
            if !image_scope {
                seen.clear();
            }
            for (_, content) in files {
                for piece in content.chunks(1 << chunk_bits) {
                    let reference = references.next().unwrap();
                    prop_assert!(chunk(&image, reference) == piece);
                    let first = *seen.entry(piece.to_vec()).or_insert(reference);
                    prop_assert_eq!(first, reference, "the first place of a chunk wins");
                    prop_assert!(reference.0 as usize <= number);
                }
            }
            prop_assert!(references.next().is_none());
            prop_assert_eq!(verify(packed, &packed.blob, Digester::Blake3).faults, vec![]);
        }
    }
}
