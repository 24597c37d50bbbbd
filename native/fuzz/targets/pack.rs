//! Packs an image end to end, with threads and files. What is written is sound, and shows the tree of its layers.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use nydus_core::budget::{Budget, Limits};
use nydus_core::codec::Compression;
use nydus_core::digest::Digester;
use nydus_core::format::{Format, Referring};
use nydus_core::pipeline::{
    Dedup, ImagePacker, ImageScanner, MergedImage, PackOptions, ScanOptions, ScannedLayer,
};
use nydus_core::{Error, Reply, Result};
use nydus_judge::{Judged, ScannedLayer as Tables};

use super::layer::repair;
use super::parts::{Parts, piece_size};

const MAX_LAYERS: usize = 3;
const CHUNK_SIZE: u32 = 4096;
/// Of contexts, if chunks stay in layers.
const SPAN: u32 = 2 * CHUNK_SIZE;

/// What the image may take: holes, which an input has for nothing, would take most of the time.
fn budget() -> Arc<Budget> {
    let mut limits = Limits::default();
    limits.metadata = 1 << 16;
    limits.disk = 1 << 20;
    Arc::new(Budget::new(limits))
}

fn wait<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> Result<T> {
    let (sender, receiver) = channel();
    ask(Box::new(move |result| drop(sender.send(result))));
    receiver.recv().unwrap_or(Err(Error::Aborted))
}

fn pack(options: &PackOptions, layers: &[Vec<u8>], piece: usize) -> Result<MergedImage> {
    let folder = tempfile::tempdir().map_err(|source| Error::io("create", Path::new("folder"), source))?;
    let packer = ImagePacker::new(options)?;
    let mut opened = Vec::new();
    for (number, layer) in (0..).zip(layers) {
        let open = packer.open_layer(number, &folder.path().join(number.to_string()))?;
        for bytes in layer.chunks(piece) {
            open.write(bytes)?;
        }
        wait(|reply| open.finish(reply))?;
        wait(|reply| open.seal(reply))?;
        opened.push(open);
    }
    wait(|reply| packer.bootstrap((0..).take(layers.len()).collect(), reply))
}

fn scan(layers: &[Vec<u8>], digester: Digester) -> Result<Vec<ScannedLayer>> {
    let mut options = ScanOptions::default();
    (options.chunk_size, options.threads, options.budget) = (CHUNK_SIZE, 1, budget());
    options.digester = digester;
    let scanner = ImageScanner::new(&options)?;
    let scan = |(number, layer): (u32, &Vec<u8>)| {
        let open = scanner.open_layer(number, Path::new(""))?;
        open.write(layer)?;
        wait(|reply| open.finish(reply))
    };
    (0..).zip(layers).map(scan).collect()
}

/// The format that the bits of a byte choose.
fn format_of(form: u8) -> Result<Format> {
    let version = if form & 0b1100 == 0b1100 { 5 } else { 6 };
    let mut format = Format::of_version(version)?;
    format.chunk_size = CHUNK_SIZE;
    format.align_chunks = form & 0x80 != 0;
    match form & 0b1_0001 {
        0 => {}
        1 => format.compression = Compression::none(),
        _ => format.compression = Compression::new("lz4_block", 3)?,
    }
    if form & 0x20 != 0 {
        format.digester = Digester::Sha256;
    }
    if form & 0x40 != 0 {
        format.set_reader("nydusd-2.3")?;
    }
    match form & 0b1100 {
        0b0100 => format.set_batch_size(CHUNK_SIZE)?,
        0b1000 => format.set_auto_batches()?,
        _ => {}
    }
    if form & 0b1_1101 == 0b1_0001 {
        format.referring = Some(Referring { span: SPAN, is_compatible: false });
    }
    Ok(format)
}

/// The input: size of pieces, form of the image, and layers with their length in front.
pub fn execute(input: &[u8]) {
    let mut parts = Parts(input);
    let (piece, form) = (piece_size(parts.byte()), parts.byte());
    let mut layers = Vec::new();
    while !parts.0.is_empty() && layers.len() < MAX_LAYERS {
        let mut layer = parts.part().to_vec();
        repair(&mut layer);
        layers.push(layer);
    }
    let format = format_of(form).unwrap_or_else(|error| panic!("no format {form}: {error}"));
    let digester = format.digester;
    let mut options = PackOptions::default();
    (options.format, options.threads, options.budget) = (format, 1, budget());
    options.dedup = if form & 2 == 0 { Dedup::Layer } else { Dedup::Image };
    if layers.is_empty() {
        return;
    }
    match pack(&options, &layers, piece) {
        Ok(image) => judge(&image, &layers, digester),
        Err(error) => assert!(error.code() != "INTERNAL", "{error}"),
    }
}

fn judge(image: &MergedImage, layers: &[Vec<u8>], digester: Digester) {
    let judged = Judged::read(&image.bootstrap);
    assert_eq!(judged.findings(), [], "the bootstrap is not sound");
    let scanned = scan(layers, digester);
    let scanned = scanned.unwrap_or_else(|error| panic!("layers are packed, but not scanned: {error}"));
    let tables: Vec<_> = scanned
        .iter()
        .map(|ScannedLayer { entries, references, chunks, .. }| Tables { entries, references, chunks })
        .collect();
    assert!(judged.is_tree_of(&tables), "the bootstrap shows another tree than its layers");
}
