//! A conversion and a scan share these stages: inflating, and reading the entries.

use std::sync::Arc;

use super::layer::{BLOCK, Layer, Role};
use super::tracked::LayerInflater;
use crate::archive::{Archive, EntrySink};
use crate::budget::WINDOW;
use crate::chunk::Warning;
use crate::decide::Counts;
use crate::deflate::learn::Learner;
use crate::digest::{Digest, Sha256Stream};
use crate::directory;
use crate::error::{Error, Result};
use crate::inflate::Output;
#[cfg(test)]
use crate::sync::lock;

/// The messages from the inflater to the tar parser.
pub enum Inflated {
    /// The next bytes of the tar, and how many compressed bytes stand behind them.
    Block(Vec<u8>, u64),
    /// The tar is complete; these are digest and size of the layer's compressed bytes.
    End(Option<Digest>, u64),
}

/// The stage in which a test wants a panic.
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
pub fn trip<R: Role>(layer: &Layer<R>, here: Fault) {
    assert!(*lock(&layer.fault) != Some(here), "injected");
}

/// Digests and sizes of a layer that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// SHA-256 of the layer's bytes as the owner wrote them, unless the owner has verified it.
    pub digest: Option<Digest>,
    /// The number of these bytes.
    pub size: u64,
    /// SHA-256 of the uncompressed tar; a directory has none.
    pub diff_id: Option<Digest>,
    /// Bytes of the uncompressed tar, or of the directory's files.
    pub tar_size: u64,
}

/// The summary of a layer that has been read to its end, and whose chunks are stored or recorded.
#[derive(Debug)]
pub struct LayerSummary {
    /// Digests and sizes of the source.
    pub source: Source,
    /// Number of entries.
    pub entry_count: u32,
    /// Bytes of chunk data in the file.
    pub data_size: u64,
    /// Bytes of the uncompressed address space.
    pub uncompressed_size: u64,
    /// Counts of new and known chunks.
    pub counts: Counts,
    /// Warnings about what the parser dropped or corrected.
    pub warnings: Vec<Warning>,
}

/// The output of the inflater: blocks that go to the tar parser.
struct Blocks<'a, R: Role> {
    layer: &'a Layer<R>,
    /// The current block, of `BLOCK` bytes.
    block: Vec<u8>,
    filled: usize,
    /// The compressed bytes that count as read.
    read: u64,
    /// Their number when the block was filled.
    earned: u64,
}

impl<'a, R: Role> Blocks<'a, R> {
    fn new(layer: &'a Layer<R>) -> Self {
        Self { layer, block: Self::whole(layer), filled: 0, read: 0, earned: 0 }
    }

    /// Returns a block of `BLOCK` bytes with any content. Only a block that was passed on half empty has to be filled up.
    fn whole(layer: &Layer<R>) -> Vec<u8> {
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
        self.layer.inflated.push(Inflated::Block(block, self.earned), len)
    }
}

impl<R: Role> Output for Blocks<'_, R> {
    fn room(&mut self) -> Result<&mut [u8]> {
        if self.filled == self.block.len() {
            self.flush()?;
        }
        Ok(self.block.get_mut(self.filled..).unwrap_or_default())
    }

    fn filled(&mut self, len: usize) -> Result<()> {
        self.filled += len;
        self.earned = self.read;
        Ok(())
    }
}

/// Runs the first thread: inflates the bytes that the owner writes to the bytes of the tar.
pub fn inflate<R: Role>(layer: &Layer<R>) -> Result<()> {
    let mut inflater = LayerInflater::new(layer);
    let mut blocks = Blocks::new(layer);
    let mut read = 0;
    let mut next = layer.input.pop()?;
    // The owner may spare the digest until its first write.
    let mut digest = layer.role.digests_source().then(Sha256Stream::default);
    let learns = next.is_some() && layer.role.learns_compression();
    let mut learner = if learns { Some(Learner::start(Arc::clone(&layer.pool))?) } else { None };
    while let Some(bytes) = next {
        #[cfg(test)]
        trip(layer, Fault::Inflate);
        if let Some(learner) = &mut learner {
            learner.push(&bytes);
        }
        if let Some(digest) = &mut digest {
            digest.update(&bytes);
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            // The end of a window is a place that does not depend on the pieces in which the bytes arrive.
            let (window, used) = (read / WINDOW, read % WINDOW);
            let room = usize::try_from(WINDOW - used).unwrap_or(usize::MAX);
            let (inside, beyond) = rest.split_at(rest.len().min(room));
            blocks.read = window * WINDOW;
            inflater.push(inside, &mut blocks)?;
            read += inside.len() as u64;
            rest = beyond;
        }
        layer.buffers.give_copy(bytes);
        next = layer.input.pop()?;
    }
    blocks.read = read;
    inflater.finish(&mut blocks)?;
    blocks.earned = read;
    blocks.flush()?;
    if let Some(learner) = learner {
        layer.role.learned(learner.finish());
    }
    layer.inflated.push(Inflated::End(digest.map(|digest| digest.digest()), read), 0)
}

/// Runs the second thread: passes the entries of the layer to `sink`, out of the tar or the directory.
pub fn read_entries<R: Role>(layer: &Layer<R>, sink: &mut impl EntrySink) -> Result<Source> {
    let Some(directory) = layer.role.directory() else { return read_tar(layer, sink) };
    let size = directory::read(directory, &layer.account, || layer.check(), sink)?;
    Ok(Source { digest: None, size, diff_id: None, tar_size: size })
}

fn read_tar<R: Role>(layer: &Layer<R>, sink: &mut impl EntrySink) -> Result<Source> {
    let mut tar = Sha256Stream::default();
    let mut archive = Archive::new();
    let (digest, size) = loop {
        match layer.inflated.pop()? {
            Some(Inflated::Block(block, earned)) => {
                #[cfg(test)]
                trip(layer, Fault::Pack);
                layer.account.earn(earned);
                layer.account.unpack(block.len() as u64)?;
                tar.update(&block);
                archive.push(&block, sink)?;
                layer.buffers.blocks.give(block);
            }
            Some(Inflated::End(digest, size)) => break (digest, size),
            None => return Err(Error::internal("the inflater ended without a word")),
        }
    };
    archive.finish(sink)?;
    Ok(Source { digest, size, diff_id: Some(tar.digest()), tar_size: tar.size() })
}
