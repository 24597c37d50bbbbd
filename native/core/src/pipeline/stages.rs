//! What the threads of a layer do.

use std::sync::Arc;

use super::layer::{BLOCK, Layer, Packed, PackedLayer, ScannedTables};
use crate::archive::Archive;
use crate::chunk::{Chunker, ChunkerOptions, Contents, Units};
use crate::decide::Decider;
use crate::digest::{Digest, Sha256Stream};
use crate::error::{Error, Result};
use crate::inflate::{Inflater, Output};
use crate::meter::{Wait, waiting};
use crate::rafs::StoredChunks;
use crate::sync::{lock, wait};
use crate::table::ChunkRecords;
use crate::unit::{Finished, Unit, finish};

/// What the inflater tells the tar parser.
pub enum Inflated {
    /// The next bytes of the tar.
    Block(Vec<u8>),
    /// There are no more; digest and size of the bytes as written in.
    End(Digest, u64),
}

/// Where a test wants a panic.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Fault {
    Inflate,
    Pack,
    Compress,
    Append,
}

#[cfg(test)]
fn trip(layer: &Layer, here: Fault) {
    assert!(*lock(&layer.fault) != Some(here), "injected");
}

/// Blocks that the inflater writes into.
struct Blocks<'a> {
    layer: &'a Layer,
    /// Of `BLOCK` bytes.
    block: Vec<u8>,
    filled: usize,
}

impl<'a> Blocks<'a> {
    fn new(layer: &'a Layer) -> Self {
        Self { layer, block: Self::whole(layer), filled: 0 }
    }

    /// A block of any content. Only one that was passed on half empty is filled up.
    fn whole(layer: &Layer) -> Vec<u8> {
        let mut block = layer.buffers.blocks.take();
        block.resize(BLOCK, 0);
        block
    }

    fn flush(&mut self) -> Result<()> {
        let len = std::mem::take(&mut self.filled);
        if len == 0 {
            return Ok(());
        }
        let mut block = std::mem::replace(&mut self.block, Self::whole(self.layer));
        block.truncate(len);
        self.layer.inflated.push(Inflated::Block(block), len)
    }
}

impl Output for Blocks<'_> {
    fn room(&mut self) -> Result<&mut [u8]> {
        if self.filled == self.block.len() {
            self.flush()?;
        }
        Ok(self.block.get_mut(self.filled..).unwrap_or_default())
    }

    fn filled(&mut self, len: usize) -> Result<()> {
        self.filled += len;
        Ok(())
    }
}

/// First thread: bytes as written in to the bytes of the tar.
pub fn inflate(layer: &Layer) -> Result<()> {
    let mut source = Sha256Stream::default();
    let mut inflater = Inflater::new();
    let mut blocks = Blocks::new(layer);
    while let Some(bytes) = layer.input.pop()? {
        #[cfg(test)]
        trip(layer, Fault::Inflate);
        let bytes = (*bytes).as_ref();
        source.update(bytes);
        inflater.push(bytes, &mut blocks)?;
    }
    inflater.finish(&mut blocks)?;
    blocks.flush()?;
    layer.inflated.push(Inflated::End(source.digest(), source.size()), 0)
}

/// Second thread: the bytes of the tar to entries and units of new chunks, and the answer when all is stored.
pub fn pack(layer: &Arc<Layer>, decider: Decider) -> Result<()> {
    let mut tar = Sha256Stream::default();
    let mut archive = Archive::new();
    let options = ChunkerOptions { chunk_size: layer.options.chunk_size, scan: layer.options.scan };
    let units = LayerUnits { layer: Arc::clone(layer), submitted: 0 };
    let contents = if layer.options.hands_out() { Contents::table() } else { Contents::tree()? };
    let mut chunker = Chunker::new(options, contents, units, &layer.ticket, decider);
    let (source_digest, source_size) = loop {
        match layer.inflated.pop()? {
            Some(Inflated::Block(block)) => {
                #[cfg(test)]
                trip(layer, Fault::Pack);
                tar.update(&block);
                archive.push(&block, &mut chunker)?;
                layer.buffers.blocks.give(block);
            }
            Some(Inflated::End(digest, size)) => break (digest, size),
            None => return Err(Error::internal("the inflater ended without a word")),
        }
    };
    archive.finish(&mut chunker)?;
    let (mut found, units) = chunker.finish()?;
    let stored = wait_written(layer, units.submitted)?;
    // A scan has kept the records itself.
    let records = if layer.options.scan { &mut found.records } else { &mut { stored } };
    let (data_size, uncompressed_size) = (records.compressed_end(), records.uncompressed_end());
    let chunks = Arc::new(records.take());
    let entry_count = found.contents.count();
    let (table, tree) = found.contents.into_parts();
    if let Some(tree) = tree {
        let chunks = StoredChunks { records: Arc::clone(&chunks), data_size, uncompressed_size };
        *lock(&layer.packed) = Some(Packed { tree, chunks });
    }
    let scanned = table.map(|table| {
        let (entries, references) = table.into_parts();
        ScannedTables { entries, references }
    });
    layer.ending.deliver(PackedLayer {
        source_digest,
        source_size,
        diff_id: tar.digest(),
        tar_size: tar.size(),
        entry_count,
        chunks,
        scanned,
        data_size,
        uncompressed_size,
        counts: found.counts,
        warnings: found.warnings,
    });
    Ok(())
}

/// Waits until `units` units are in the blob; takes its chunk records.
fn wait_written(layer: &Layer, units: u64) -> Result<ChunkRecords> {
    let mut output = lock(&layer.output);
    loop {
        if let Some(error) = layer.ending.failure() {
            return Err(error);
        }
        if layer.options.scan {
            return Ok(ChunkRecords::default());
        }
        if output.next == units
            && let Some(blob) = &mut output.blob
        {
            return Ok(std::mem::take(&mut blob.records));
        }
        output = waiting(Wait::Blocked, || wait(&layer.written, output));
    }
}

/// The chunker's units: bought from the layer's budget, compressed by the pool.
struct LayerUnits {
    layer: Arc<Layer>,
    submitted: u64,
}

impl Units for LayerUnits {
    fn open(&self, wait: bool) -> Result<Option<Unit>> {
        if wait {
            self.layer.budget.take(self.layer.options.unit_bytes())?;
        } else if !self.layer.budget.try_take(self.layer.options.unit_bytes())? {
            return Ok(None);
        }
        let bytes = self.layer.buffers.units.take_empty();
        Ok(Some(Unit { bytes, ..Unit::default() }))
    }

    fn submit(&mut self, unit: Unit) -> Result<()> {
        let number = self.submitted;
        self.submitted += 1;
        let layer = Arc::clone(&self.layer);
        let price = self.layer.options.unit_bytes();
        self.layer.pool.run(Box::new(move |worker| {
            layer.run(|| {
                // After a failure the queue still holds our units: nobody wants them.
                if let Some(error) = layer.ending.failure() {
                    return Err(error);
                }
                #[cfg(test)]
                trip(&layer, Fault::Compress);
                let (done, free) =
                    finish(unit, layer.buffers.stored.take(), layer.options.compression, worker)?;
                // A raw unit's own buffer went into the result, and the spare one comes back.
                match layer.options.compression {
                    crate::compress::Compression::None => layer.buffers.stored.give(free),
                    crate::compress::Compression::Zstd { .. } => layer.buffers.units.give(free),
                }
                append_in_order(&layer, number, done, price)
            });
        }))
    }

    fn discard(&self, unit: Unit) {
        self.layer.buffers.units.give(unit.bytes);
        self.layer.budget.give(self.layer.options.unit_bytes());
    }
}

/// Puts a finished unit where it belongs. Whoever brings the unit that the blob waits for appends it, and all that are
/// ready behind it; the others leave theirs and go on.
fn append_in_order(layer: &Layer, number: u64, unit: Finished, price: usize) -> Result<()> {
    let mut output = lock(&layer.output);
    output.ready.insert(number, unit);
    let Some(mut blob) = output.blob.take() else { return Ok(()) };
    let spool = layer.spool()?;
    loop {
        let next = output.next;
        let Some(unit) = output.ready.remove(&next) else {
            if let Some(error) = layer.ending.failure() {
                return Err(error);
            }
            output.blob = Some(blob);
            layer.written.notify_all();
            return Ok(());
        };
        drop(output);
        #[cfg(test)]
        trip(layer, Fault::Append);
        blob.append(spool, &unit)?;
        match layer.options.compression {
            crate::compress::Compression::None => layer.buffers.units.give(unit.bytes),
            crate::compress::Compression::Zstd { .. } => layer.buffers.stored.give(unit.bytes),
        }
        layer.budget.give(price);
        output = lock(&layer.output);
        output.next += 1;
    }
}
