//! A layer can end early in many ways: in none of them may a thread wait for ever or a file stay behind.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::stages::Fault;
use super::{Dedup, ImagePacker, LayerPacker, LayerSummary, PackOptions};
use crate::blob::Grown;
use crate::codec::Compression;
use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::format::{Format, Referring};

/// The longest wait: far more than any test needs, and far less than a person waits.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes bytes that no codec shrinks, different for each seed.
fn noise(seed: usize, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::with_capacity(len + 32);
    for counter in 0.. {
        if bytes.len() >= len {
            break;
        }
        bytes.extend(sha256(format!("{seed}/{counter}").as_bytes()));
    }
    bytes.truncate(len);
    bytes
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

/// Every layer stands alone, or decides after the ones below it.
const SCOPES: [Dedup; 2] = [Dedup::Layer, Dedup::Image];

fn scoped(dedup: Dedup) -> PackOptions {
    PackOptions { dedup, ..PackOptions::default() }
}

struct Bench {
    folder: tempfile::TempDir,
    packer: ImagePacker,
}

impl Bench {
    fn new(options: &PackOptions) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), packer: ImagePacker::new(options).unwrap() }
    }

    fn blob(&self, layer: u32) -> PathBuf {
        self.folder.path().join(layer.to_string())
    }

    fn open(&self, layer: u32) -> LayerPacker {
        self.packer.open_layer(layer, &self.blob(layer)).unwrap()
    }
}

fn asked<T: Send + 'static>(ask: impl FnOnce(crate::Reply<T>)) -> Receiver<Result<T>> {
    let (sender, receiver) = channel();
    ask(Box::new(move |result| {
        // The test may have stopped listening.
        let _ = sender.send(result);
    }));
    receiver
}

fn write_all(layer: &LayerPacker, bytes: &[u8], piece: usize) -> Result<()> {
    for piece in bytes.chunks(piece) {
        if !layer.write(piece)? {
            asked(|reply| layer.on_room(reply)).recv_timeout(PATIENCE).expect("room or an error comes")?;
        }
    }
    Ok(())
}

fn pack(layer: &LayerPacker, bytes: &[u8]) -> Result<LayerSummary> {
    write_all(layer, bytes, 100_000)?;
    asked(|reply| layer.finish(reply)).recv_timeout(PATIENCE).expect("an answer comes")
}

/// Waits for the file to be removed: that happens before the first error is reported, or at once after it.
fn gone(path: &Path) {
    let start = Instant::now();
    while path.exists() {
        assert!(start.elapsed() < PATIENCE, "{} was left behind", path.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A thread that panics ends its layer with an error at once.
#[test]
fn a_panic_in_any_thread_is_an_internal_error_and_the_next_layer_continues() {
    let tar = tar_of(&[("a", &noise(1, 3 << 20)), ("b", &noise(2, 100))]);
    let faults = [Fault::Inflate, Fault::Pack, Fault::Compress, Fault::Append];
    for (fault, scope) in faults.into_iter().flat_map(|fault| SCOPES.map(|scope| (fault, scope))) {
        let bench = Bench::new(&scoped(scope));
        let broken = bench.open(0);
        let sound = bench.open(1);
        broken.inject(fault);
        let error = pack(&broken, &tar).unwrap_err();
        assert_eq!(error.code(), "INTERNAL", "{fault:?}");
        assert!(error.to_string().contains("injected"), "{error}");
        gone(&bench.blob(0));
        assert_eq!(broken.write(b"more").unwrap_err().to_string(), error.to_string());
        let again = asked(|reply| broken.finish(reply)).recv_timeout(PATIENCE).unwrap();
        assert_eq!(again.unwrap_err().code(), "INTERNAL");
        pack(&sound, &tar).unwrap();
    }
}

#[test]
fn write_or_finish_reports_invalid_input() {
    let bench = Bench::new(&PackOptions::default());
    for (number, bytes) in [&b"\x1f\x8b\x08garbage that is no gzip at all"[..], &[1; 5000]].iter().enumerate()
    {
        let number = u32::try_from(number).unwrap();
        let layer = bench.open(number);
        assert_eq!(pack(&layer, bytes).unwrap_err().code(), "FORMAT");
        gone(&bench.blob(number));
    }
}

#[test]
fn writing_never_hangs_after_a_failure() {
    let bench = Bench::new(&PackOptions::default());
    let layer = bench.open(0);
    let mut bytes = vec![1; 600];
    bytes.extend(noise(3, 8 << 20));
    assert_eq!(write_all(&layer, &bytes, 64 << 10).unwrap_err().code(), "FORMAT");
}

#[test]
fn aborting_answers_every_caller_and_removes_the_file() {
    let bench = Bench::new(&scoped(Dedup::Image));
    let (first, second) = (bench.open(0), bench.open(1));
    // The second layer has used up its budget and waits for the first, which gets no input.
    let tar = tar_of(&[("big", &noise(4, 40 << 20))]);
    let mut full = false;
    for piece in tar.chunks(1 << 20) {
        full = !second.write(piece).unwrap();
    }
    assert!(full);
    let room = asked(|reply| second.on_room(reply));
    let finished = asked(|reply| second.finish(reply));
    second.abort();
    second.abort();
    assert!(matches!(room.recv_timeout(PATIENCE).unwrap(), Err(Error::Aborted)));
    assert!(matches!(finished.recv_timeout(PATIENCE).unwrap(), Err(Error::Aborted)));
    gone(&bench.blob(1));
    pack(&first, &tar).unwrap();
    drop(first);
    gone(&bench.blob(0));
}

fn growth(layer: &LayerPacker, size: u64) -> Receiver<Result<Grown>> {
    asked(|reply| layer.on_growth(size, reply))
}

#[test]
fn a_blob_can_be_read_as_far_as_its_growth_is_announced() {
    let format = Format { compression: Compression::none(), ..Format::default() };
    let bench = Bench::new(&PackOptions { format, ..PackOptions::default() });
    let layer = bench.open(0);
    let mut grown = growth(&layer, 0);
    pack(&layer, &tar_of(&[("a", &noise(5, 3 << 20))])).unwrap();
    let mut sealed = None;
    let mut sizes = Vec::new();
    let blob = loop {
        let Grown { size, complete } = grown.recv_timeout(PATIENCE).unwrap().unwrap();
        assert!(std::fs::metadata(bench.blob(0)).unwrap().len() >= size);
        sizes.push(size);
        if complete {
            break sealed.map(|sealed: Receiver<Result<_>>| sealed.recv_timeout(PATIENCE).unwrap().unwrap());
        }
        // All chunk data is announced before the blob is sealed.
        if size == 3 << 20 {
            sealed = Some(asked(|reply| layer.seal(reply)));
        }
        grown = growth(&layer, size);
    };
    assert!(sizes.is_sorted_by(|a, b| a < b), "{sizes:?}");
    assert_eq!(sizes.last().copied(), blob.map(|blob| blob.size));
}

#[test]
fn a_caller_that_waits_for_growth_is_answered_when_the_layer_fails_or_is_aborted() {
    let bench = Bench::new(&scoped(Dedup::Image));
    let (damaged, unwanted) = (bench.open(0), bench.open(1));
    let waiting = [growth(&damaged, 0), growth(&unwanted, 0)];
    pack(&damaged, &[1; 5000]).unwrap_err();
    drop(unwanted);
    let codes = waiting.map(|grown| grown.recv_timeout(PATIENCE).unwrap().unwrap_err().code());
    assert_eq!(codes, ["FORMAT", "ABORTED"]);
    assert_eq!(growth(&damaged, 0).recv_timeout(PATIENCE).unwrap().unwrap_err().code(), "FORMAT");
}

#[test]
fn disposing_of_the_image_aborts_its_layers_but_keeps_sealed_ones() {
    let bench = Bench::new(&scoped(Dedup::Image));
    let (sealed, open) = (bench.open(0), bench.open(1));
    pack(&sealed, &tar_of(&[("a", b"a")])).unwrap();
    let seal = |layer: &LayerPacker| asked(|reply| layer.seal(reply)).recv_timeout(PATIENCE).unwrap();
    assert_eq!(seal(&open).unwrap_err().code(), "INTERNAL");
    let blob = seal(&sealed).unwrap();
    let bytes = std::fs::read(bench.blob(0)).unwrap();
    assert_eq!((blob.size, blob.digest), (bytes.len() as u64, sha256(&bytes)));
    assert!(bytes.starts_with(b"a") && blob.blob_meta.len() == 8192);
    assert_eq!(seal(&sealed).unwrap_err().code(), "INTERNAL");
    bench.packer.dispose();
    assert_eq!(bench.packer.open_layer(2, &bench.blob(2)).err().unwrap().code(), "INTERNAL");
    drop((sealed, open));
    assert_eq!(std::fs::read(bench.blob(0)).unwrap(), bytes);
    gone(&bench.blob(1));
}

/// Opens three layers, each of which refers to all layers below it.
fn stack(bench: &Bench) -> Vec<LayerPacker> {
    let files: Vec<_> = (0..3usize).map(|number| (format!("f{number}"), noise(10 + number, 5000))).collect();
    let opened: Vec<_> = (0..3).map(|number| bench.open(number)).collect();
    for (number, layer) in opened.iter().enumerate() {
        let files: Vec<_> =
            files[..=number].iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
        pack(layer, &tar_of(&files)).unwrap();
    }
    opened
}

#[test]
fn sealing_waits_for_lower_layers_in_any_order_of_calls() {
    for scope in SCOPES {
        let bench = Bench::new(&PackOptions { threads: 1, ..scoped(scope) });
        let layers = stack(&bench);
        let merged = asked(|reply| bench.packer.bootstrap(vec![0, 1, 2, 1], reply));
        let sealed: Vec<_> = layers.iter().rev().map(|layer| asked(|reply| layer.seal(reply))).collect();
        for blob in sealed {
            let blob = blob.recv_timeout(PATIENCE).unwrap().unwrap();
            assert!(blob.size > 5000);
        }
        let merged = merged.recv_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!(merged.bootstrap.len() % 4096, 0);
        // The noise of the lowest file is stored three times, that of the next one twice.
        assert_eq!(merged.repeated_bytes, if scope == Dedup::Layer { 3 * 5000 } else { 0 });
        let again = asked(|reply| bench.packer.bootstrap(vec![0], reply)).recv_timeout(PATIENCE).unwrap();
        assert_eq!(again.unwrap_err().code(), "INTERNAL");
    }
}

#[test]
fn bytes_that_the_other_scope_would_save_are_counted_as_stored_and_equal_blobs_once() {
    let (same, zeros) = (noise(20, 5000), vec![0; 300_000]);
    let tars = [
        tar_of(&[("a", &same), ("z", &zeros)]),
        tar_of(&[("b", &same), ("c", &same), ("d", &noise(21, 70))]),
        tar_of(&[("b", &same), ("c", &same), ("d", &noise(21, 70))]),
        tar_of(&[("z", &zeros)]),
    ];
    let [(saved, alone), (nothing, together)] = SCOPES.map(|scope| {
        let bench = Bench::new(&scoped(scope));
        let opened: Vec<_> = (0..4).map(|number| bench.open(number)).collect();
        let mut data: Vec<_> =
            opened.iter().zip(&tars).map(|(layer, tar)| pack(layer, tar).unwrap().data_size).collect();
        for layer in &opened {
            asked(|reply| layer.seal(reply)).recv_timeout(PATIENCE).unwrap().unwrap();
        }
        let merged = asked(|reply| bench.packer.bootstrap(vec![0, 1, 2, 3], reply));
        // Layers 1 and 2 are one blob.
        data.remove(2);
        (merged.recv_timeout(PATIENCE).unwrap().unwrap().repeated_bytes, data.iter().sum::<u64>())
    });
    assert!(saved > 5000 && saved < 6000, "zeros count as they are stored: {saved}");
    assert_eq!((nothing, together), (0, alone - saved));
}

#[test]
fn repeated_chunks_in_batches_count_with_their_share() {
    let contents: Vec<_> = (0..40).map(|number| noise(30 + number, 1000)).collect();
    let names: Vec<_> = (0..40).map(|number| format!("f{number:02}")).collect();
    let tar = |numbers: std::ops::Range<usize>| {
        let files: Vec<_> = numbers.map(|number| (names[number].as_str(), &contents[number][..])).collect();
        tar_of(&files)
    };
    let tars = [tar(0..20), tar(15..40)];
    for batch_size in [0, 0x1000, 0x10_0000] {
        let mut options = scoped(Dedup::Layer);
        options.format.set_batch_size(batch_size).unwrap();
        let bench = Bench::new(&options);
        for (layer, tar) in [bench.open(0), bench.open(1)].iter().zip(&tars) {
            pack(layer, tar).unwrap();
            asked(|reply| layer.seal(reply)).recv_timeout(PATIENCE).unwrap().unwrap();
        }
        let merged = asked(|reply| bench.packer.bootstrap(vec![0, 1], reply));
        // Noise does not shrink, so that five files take as many bytes as they have.
        assert_eq!(merged.recv_timeout(PATIENCE).unwrap().unwrap().repeated_bytes, 5000, "{batch_size}");
    }
}

#[test]
fn a_layer_that_waits_for_another_ends_with_its_error() {
    for by_dispose in [false, true] {
        let bench = Bench::new(&scoped(Dedup::Image));
        let layers = stack(&bench);
        let merged = asked(|reply| bench.packer.bootstrap(vec![0, 1, 2], reply));
        let waiting: Vec<_> = layers[1..].iter().map(|layer| asked(|reply| layer.seal(reply))).collect();
        assert!(merged.recv_timeout(Duration::from_millis(50)).is_err());
        if by_dispose {
            bench.packer.dispose();
        } else {
            layers[0].abort();
        }
        for layer in waiting {
            assert!(matches!(layer.recv_timeout(PATIENCE).unwrap(), Err(Error::Aborted)));
        }
        assert!(matches!(merged.recv_timeout(PATIENCE).unwrap(), Err(Error::Aborted)));
        for number in 0..3 {
            gone(&bench.blob(number));
        }
    }
}

#[test]
fn sealing_reports_an_entry_that_no_file_system_holds() {
    let bench = Bench::new(&PackOptions::default());
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Link);
    header.set_size(0);
    tar.append_link(&mut header, "a", "b").unwrap();
    let layer = bench.open(0);
    pack(&layer, &tar.into_inner().unwrap()).unwrap();
    let error = asked(|reply| layer.seal(reply)).recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert_eq!((error.code(), error.offset()), ("FORMAT", Some(0)));
    assert!(
        error
            .to_string()
            .starts_with("tar entry \"a\" at offset 0: a hard link to \"b\", which has no entry")
    );
    assert!(error.hint().is_some());
    gone(&bench.blob(0));
}

#[test]
fn a_spool_that_cannot_be_created_shows_at_once_and_frees_its_turn() {
    let bench = Bench::new(&scoped(Dedup::Image));
    let missing = bench.folder.path().join("missing").join("blob");
    let error = bench.packer.open_layer(0, &missing).err().unwrap();
    assert_eq!((error.code(), error.path().is_some()), ("IO", true));
    pack(&bench.open(1), &tar_of(&[("a", b"a")])).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn aborting_at_any_moment_ends_soon(
        layers in 1u32..4,
        written in 0usize..6,
        delay_us in 0u64..20_000,
        finish in any::<bool>(),
        by_drop in any::<bool>(),
        dedup in prop::sample::select(SCOPES.to_vec()),
    ) {
        let format = Format { chunk_size: 64 << 10, ..Format::default() };
        let options = PackOptions { format, ..scoped(dedup) };
        let bench = Bench::new(&options);
        let tar = tar_of(&[("a", &noise(5, 3 << 20)), ("b", &vec![7; 3 << 20])]);
        let packers: Vec<_> = (0..layers).map(|number| bench.open(number)).collect();
        let mut answers = Vec::new();
        for packer in packers.iter().rev() {
            for piece in tar.chunks(1 << 20).take(written) {
                packer.write(piece).unwrap();
            }
            if finish && written == 6 {
                answers.push(asked(|reply| packer.finish(reply)));
            }
        }
        let room: Vec<_> = packers.iter().map(|packer| asked(|reply| packer.on_room(reply))).collect();
        std::thread::sleep(Duration::from_micros(delay_us));
        let start = Instant::now();
        if by_drop { drop(packers) } else { packers.iter().for_each(LayerPacker::abort) }
        prop_assert!(start.elapsed() < Duration::from_secs(5), "abort must not wait for threads");
        for answer in answers {
            prop_assert!(answer.recv_timeout(PATIENCE).is_ok());
        }
        for answer in room {
            prop_assert!(answer.recv_timeout(PATIENCE).is_ok());
        }
        for number in 0..layers {
            prop_assert!(!bench.blob(number).exists());
        }
    }
}

/// The owner may learn that chunks cannot stay in a layer while the layer's threads still run, and opens it again at once.
#[test]
fn a_layer_that_is_opened_again_because_its_chunks_are_stored_has_its_place_in_line() {
    let [lower, upper] = [&[("a", &b"same"[..])][..], &[("b", b"same"), ("c", b"own")]].map(tar_of);
    let mut options = scoped(Dedup::Image);
    options.format.referring = Some(Referring { span: 1 << 20, is_compatible: false });
    options.threads = 1;
    for _ in 0..200 {
        let bench = Bench::new(&options);
        let (first, second) = (bench.open(0), bench.open(1));
        let bytes = upper.clone();
        let waiting = std::thread::spawn(move || pack(&second, &bytes));
        let frame = [0x28, 0xB5, 0x2F, 0xFD, 0, 0x68, 1, 0, 0];
        let refused = write_all(&first, &frame, 1).and_then(|()| pack(&first, b""));
        assert_eq!(refused.unwrap_err().code(), "UNREFERABLE");
        let stored = bench.packer.open_native_layer(0, &bench.folder.path().join("again")).unwrap();
        assert_eq!(pack(&stored, &lower).unwrap().counts.new_chunks, 1);
        let summary = waiting.join().unwrap().unwrap();
        assert_eq!(summary.counts.new_chunks, 1, "the lower layer has decided before");
    }
}
