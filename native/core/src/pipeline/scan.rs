//! Scans an image: the contents of its layers are returned in tables, for callers that only inspect them. No blob can be
//! completed.

use std::path::Path;
use std::sync::Arc;

use super::image::{Dedup, Image};
use super::layer::{Layer, LayerFeed, Role};
use super::only::Only;
use super::output::{LayerUnits, Output, Storage};
use super::stages::{self, LayerSummary, Source};
use crate::blob::StoredChunks;
use crate::budget::Budget;
use crate::chunk::{Chunked, Chunker, Noting, Storing};
use crate::codec::Compression;
use crate::decide::Decider;
use crate::digest::Digester;
use crate::error::{Error, Result};
use crate::format::Batching;
use crate::table::{ALIGNMENT, EntryTable};

/// The options of a scan.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScanOptions {
    /// Bytes of a chunk; a power of two, 4 KiB … 16 MiB.
    pub chunk_size: u32,
    /// The algorithm that digests chunks.
    pub digester: Digester,
    /// The chunks that count as known.
    pub dedup: Dedup,
    /// If set, new chunks are stored in this way in files at the layers' paths. Otherwise they are only recorded, without
    /// checksums and without places in a blob.
    pub keep: Option<Compression>,
    /// If set, only the entry whose header lies at this offset of the tar is recorded and stored.
    pub only: Option<u64>,
    /// The number of workers that compress stored chunks.
    pub threads: usize,
    /// What the images of the run may take.
    pub budget: Arc<Budget>,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            chunk_size: 1 << 20,
            digester: Digester::default(),
            dedup: Dedup::Image,
            keep: None,
            only: None,
            threads: 2,
            budget: Arc::default(),
        }
    }
}

/// The contents of a layer. The layout of the tables is in `nydus_layout::wire`.
#[derive(Debug)]
pub struct ScannedLayer {
    /// The source that was read, and how much of it is new.
    pub summary: LayerSummary,
    /// Packed entries.
    pub entries: Vec<u8>,
    /// Packed references.
    pub references: Vec<u8>,
    /// Packed records of the new chunks.
    pub chunks: Vec<u8>,
}

/// The scan of one image.
pub struct ImageScanner {
    image: Image<Scanning>,
    storage: Option<Storage>,
    digester: Digester,
    only: Option<u64>,
}

impl ImageScanner {
    /// Starts the workers.
    pub fn new(options: &ScanOptions) -> Result<Self> {
        let ScanOptions { chunk_size, digester, dedup, keep, only, threads, budget } = options.clone();
        let image = Image::new(chunk_size, (dedup, None), None, threads, budget)?;
        let storage =
            keep.map(|compression| Storage::new(chunk_size, compression, ALIGNMENT, Batching::default()));
        Ok(Self { image, storage, digester, only })
    }

    /// Opens the next layer, lowest first; references will call it `number`. If new chunks are stored, they go to `path`.
    ///
    /// Layers that are open at the same time must be fed at the same time: a later one waits for the decisions of an
    /// earlier one when it has used up its budget.
    pub fn open_layer(&self, number: u32, path: &Path) -> Result<LayerScanner> {
        self.image.open(number, || {
            let storage = self.storage.clone();
            let output = storage.map(|storage| Output::create(path, storage)).transpose()?;
            Ok(Scanning { output, digester: self.digester, only: self.only })
        })
    }

    /// Aborts all layers. No layer can be opened afterwards.
    pub fn dispose(&self) {
        self.image.dispose();
    }
}

/// The parts of a layer that only a scan has.
pub struct Scanning {
    /// The file that receives new chunks, if they are stored.
    output: Option<Output>,
    digester: Digester,
    only: Option<u64>,
}

/// The owner's handle of a layer in a scan. Dropping it aborts the layer.
pub type LayerScanner = LayerFeed<Scanning>;

impl Role for Scanning {
    type Answer = ScannedLayer;

    fn read(layer: &Arc<Layer<Self>>, decider: Decider) -> Result<()> {
        let table = EntryTable::default();
        let cut = (layer.chunk_size, layer.role.digester);
        if layer.role.output.is_some() {
            let keeper = Storing::new(LayerUnits::new(layer)?, &layer.ticket, decider);
            let mut chunker = Chunker::new(cut, Arc::clone(&layer.account), table, keeper);
            let source = stages::read_entries(layer, &mut Only::new(&mut chunker, layer.role.only))?;
            let mut found = chunker.finish()?;
            let chunks = found.kept.wait_written()?;
            layer.ending.deliver(scanned(source, found, chunks));
        } else {
            let keeper = Noting::new(&layer.ticket, decider);
            let mut chunker = Chunker::new(cut, Arc::clone(&layer.account), table, keeper);
            let source = stages::read_entries(layer, &mut Only::new(&mut chunker, layer.role.only))?;
            let mut found = chunker.finish()?;
            let chunks = std::mem::take(&mut found.kept).into();
            layer.ending.deliver(scanned(source, found, chunks));
        }
        Ok(())
    }

    fn output(&self) -> Option<&Output> {
        self.output.as_ref()
    }

    fn digests_source(&self) -> bool {
        true
    }

    fn end(&self, _: Error) {}
}

fn scanned<K>(source: Source, found: Chunked<EntryTable, K>, chunks: StoredChunks) -> ScannedLayer {
    let Chunked { contents, entry_count, counts, warnings, .. } = found;
    let (entries, references) = contents.into_parts();
    let StoredChunks { records, data_size, uncompressed_size, .. } = chunks;
    let summary = LayerSummary { source, entry_count, data_size, uncompressed_size, counts, warnings };
    // Nothing else has the records of a scan.
    ScannedLayer { summary, entries, references, chunks: Arc::unwrap_or_clone(records) }
}
