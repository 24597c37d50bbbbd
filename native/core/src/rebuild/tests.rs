use std::io::Read as _;
use std::sync::mpsc;

use super::*;
use crate::codec::{Codec, Compression};
use crate::digest::{Digester, sha256};
use crate::table::ChunkRecord;

fn options(compressor: &str, threads: usize) -> RebuildOptions {
    RebuildOptions { compressor: compressor.to_owned(), level: None, threads, record: None }
}

/// A unit of one literal and chunks of `bytes`.
fn unit(literal: &[u8], pieces: &[&[u8]]) -> Unit {
    let zstd = Codec::named("zstd").unwrap();
    let mut stored = Vec::new();
    let mut chunks = Vec::new();
    for piece in pieces {
        let packed = Contexts::default().compressed(Compression { codec: zstd, level: 3 }, piece).unwrap();
        let bytes = packed.as_deref().unwrap_or(piece);
        chunks.push(ChunkRecord {
            digest: Digester::Blake3.digest(piece),
            crc32: None,
            uncompressed_size: u32::try_from(piece.len()).unwrap(),
            compressed_size: u32::try_from(bytes.len()).unwrap(),
            compressed: packed.is_some(),
            in_batch: false,
            compressed_offset: 100 + stored.len() as u64,
            uncompressed_offset: 0,
        });
        stored.extend_from_slice(bytes);
    }
    Unit {
        blob: "b".to_owned(),
        codec: zstd,
        digester: Digester::Blake3,
        literals: literal.to_vec(),
        steps: vec![(u32::try_from(literal.len()).unwrap(), u32::try_from(pieces.len()).unwrap())],
        chunks,
        cuts: Vec::new(),
        ranges: vec![(100, stored)],
    }
}

fn text(seed: u32, len: usize) -> Vec<u8> {
    let block = sha256(&seed.to_le_bytes());
    (0..len).map(|at| block[(at / 7) % 31] ^ u8::try_from(at / 1000 % 251).unwrap()).collect()
}

/// Runs a rebuild to its end.
fn rebuilt(options: &RebuildOptions, units: Vec<Unit>) -> Result<(Vec<u8>, Rebuilt)> {
    let rebuilder = Rebuilder::new(options.clone())?;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut all = Vec::new();
            loop {
                let (sender, receiver) = mpsc::channel();
                rebuilder.on_bytes(Box::new(move |result| sender.send(result).unwrap()));
                match receiver.recv().unwrap()? {
                    Some(bytes) => all.extend(bytes),
                    None => return Ok(all),
                }
            }
        });
        for unit in units {
            if !rebuilder.write(unit)? {
                let (sender, receiver) = mpsc::channel();
                rebuilder.on_room(Box::new(move |result| sender.send(result).unwrap()));
                receiver.recv().unwrap()?;
            }
        }
        let (sender, receiver) = mpsc::channel();
        rebuilder.finish(Box::new(move |result| sender.send(result).unwrap()));
        let bytes = reader.join().unwrap()?;
        Ok((bytes, receiver.recv().unwrap()?))
    })
}

#[test]
fn a_chunk_can_be_cut() {
    let (one, two) = (text(1, 9000), text(2, 5000));
    let cut = |cuts| Unit { cuts, ..unit(b"head", &[&one, &one, &two, &two]) };
    let options = options("none", 2);
    let (tar, _) = rebuilt(&options, vec![cut(vec![(1, 10, 20), (2, 0, 4999)])]).unwrap();
    assert_eq!(tar, [b"head", &one[..], &one[10..20], &two[..4999], &two[..]].concat());
    let outside = rebuilt(&options, vec![cut(vec![(0, 1, 9001)])]);
    assert_eq!(outside.unwrap_err().code(), "INTERNAL");
}

fn parts() -> (Vec<Unit>, Vec<u8>) {
    let (mut units, mut tar) = (Vec::new(), Vec::new());
    for seed in 0..9 {
        let (one, two) = (text(seed, 700_000), text(seed + 100, 300_001));
        let literal = vec![u8::try_from(seed).unwrap(); 512];
        units.push(unit(&literal, &[&one, &one, &two]));
        tar.extend([&literal[..], &one, &one, &two].concat());
    }
    (units, tar)
}

#[test]
fn every_compressor_gives_the_tar_back_and_equal_bytes_with_any_number_of_threads() {
    let (units, tar) = parts();
    for name in ["gzip", "zstd", "none"] {
        let (bytes, result) = rebuilt(&options(name, 1), units.clone()).unwrap();
        for threads in [2, 5] {
            assert_eq!(rebuilt(&options(name, threads), units.clone()).unwrap().0, bytes, "{name}");
        }
        assert_eq!((result.digest, result.size), (sha256(&bytes), bytes.len() as u64));
        assert_eq!((result.diff_id, result.tar_size), (sha256(&tar), tar.len() as u64));
        let mut back = Vec::new();
        match name {
            "gzip" => drop(flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut back).unwrap()),
            "zstd" => drop(zstd::Decoder::new(&bytes[..]).unwrap().read_to_end(&mut back).unwrap()),
            _ => back = bytes,
        }
        assert!(back == tar, "{name}");
    }
}

#[test]
fn a_tar_of_no_bytes_and_one_of_a_whole_block_end_as_they_should() {
    for len in [0, 1 << 20, (1 << 20) + 1, 4 << 20] {
        let tar = text(1, len);
        for name in ["gzip", "zstd"] {
            let (bytes, _) = rebuilt(&options(name, 2), vec![unit(&tar, &[])]).unwrap();
            let mut back = Vec::new();
            match name {
                "gzip" => drop(flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut back).unwrap()),
                _ => drop(zstd::Decoder::new(&bytes[..]).unwrap().read_to_end(&mut back).unwrap()),
            }
            assert!(back == tar, "{name} {len}");
        }
    }
}

/// What the error says, and the change that causes it.
type Damage = (&'static str, fn(&mut Unit));

#[test]
fn a_chunk_that_is_not_what_its_record_says_ends_the_run_and_is_named() {
    let good = unit(b"head", &[&text(1, 5000), &text(2, 5000)]);
    let damages: [Damage; 4] = [
        ("content does not have the chunk's digest", |unit| unit.chunks[1].digest[0] ^= 1),
        ("it was not read", |unit| unit.ranges[0].1.truncate(200)),
        ("zstd data does not decode", |unit| unit.ranges[0].1[0] ^= 1),
        ("is stored in 0 bytes", |unit| unit.chunks[1].compressed_size = 0),
    ];
    for (message, damage) in damages {
        let mut bad = good.clone();
        damage(&mut bad);
        let error = rebuilt(&options("gzip", 2), vec![good.clone(), bad]).unwrap_err();
        assert_eq!(error.code(), "FORMAT", "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.to_string().starts_with("blob b: the chunk at "), "{error}");
    }
}

#[test]
fn unknown_compressors_and_levels_are_refused() {
    let code = |name, level| {
        let options = RebuildOptions { level, ..options(name, 1) };
        Rebuilder::new(options).err().map(|error| error.code())
    };
    assert_eq!(code("lzma", None), Some("INVALID_ARGUMENT"));
    assert_eq!(code("gzip", Some(10)), Some("UNSUPPORTED"));
    assert_eq!(code("none", Some(3)), Some("UNSUPPORTED"));
    assert_eq!(code("zstd", Some(22)), None);
}

#[test]
fn an_aborted_run_answers_every_caller_that_waits() {
    let rebuilder = Rebuilder::new(options("gzip", 1)).unwrap();
    let (sender, receiver) = mpsc::channel();
    let bytes = sender.clone();
    let read = |sender: mpsc::Sender<&'static str>| -> Reply<Option<Vec<u8>>> {
        Box::new(move |result| sender.send(result.map_or_else(|error| error.code(), |_| "bytes")).unwrap())
    };
    rebuilder.on_bytes(read(bytes)); // the header of gzip
    assert_eq!(receiver.recv().unwrap(), "bytes");
    rebuilder.on_bytes(read(sender.clone()));
    rebuilder.finish(Box::new(move |result| {
        sender.send(result.map_or_else(|error| error.code(), |_| "done")).unwrap();
    }));
    rebuilder.abort();
    let answers = [receiver.recv().unwrap(), receiver.recv().unwrap()];
    // The end may have come before the abort.
    assert!(answers.iter().all(|answer| ["ABORTED", "bytes", "done"].contains(answer)), "{answers:?}");
}
