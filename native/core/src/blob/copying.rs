//! Copies chunks from the files of blobs into another blob, as they are stored. Only a batch of which some chunks are left out is
//! compressed again.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::sections::StoredChunks;
use super::spool::{BlobFile, Spool};
use super::unit::{ALONE, Piece, Unit, UnitBuffers};
use crate::codec::{Compression, Contexts};
use crate::digest::Fingerprint;
use crate::error::{Error, Result};
use crate::format::Batching;
use crate::table::{Batch, ChunkRecord, MAX_CHUNKS, PackedChunk};

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;
/// The number of a chunk that was left out.
pub const LEFT_OUT: u32 = u32::MAX;

/// Appends chunks of other files to a blob.
pub struct Copying<'a> {
    blob: &'a mut BlobFile,
    spool: &'a Spool,
    /// Fails when the work is given up.
    check: &'a dyn Fn() -> Result<()>,
    compression: Compression,
    batching: Batching,
    contexts: Contexts,
    buffers: UnitBuffers,
    piece: Vec<u8>,
    count: u32,
}

/// The file that chunks are copied from.
struct Source {
    path: PathBuf,
    file: File,
    /// Stored bytes that are to be copied next.
    pending: Range<u64>,
}

impl<'a> Copying<'a> {
    /// Begins to append to a blob without chunks. `check` is asked again and again, and its failure ends the copying.
    pub fn new(
        (blob, spool): (&'a mut BlobFile, &'a Spool),
        compression: Compression,
        batching: Batching,
        check: &'a dyn Fn() -> Result<()>,
    ) -> Self {
        Self {
            blob,
            spool,
            check,
            compression,
            batching,
            contexts: Contexts::default(),
            buffers: UnitBuffers::new(batching.size as usize, 1, compression),
            piece: Vec::new(),
            count: 0,
        }
    }

    /// The number of chunks so far.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of chunk data so far.
    pub const fn size(&self) -> u64 {
        self.blob.size()
    }

    /// Appends those chunks of the file at `path` that `keep` wants; returns the new number of each, or `LEFT_OUT`.
    pub fn copy(
        &mut self,
        path: &Path,
        chunks: &StoredChunks,
        mut keep: impl FnMut(u32, &ChunkRecord) -> Result<bool>,
    ) -> Result<Vec<u32>> {
        let file = File::open(path).map_err(|source| Error::io("open", path, source))?;
        let mut source = Source { path: path.to_path_buf(), file, pending: 0..0 };
        let records: &[PackedChunk] = chunks.records.as_chunks().0;
        let mut batches = chunks.batches.iter().copied();
        let mut numbers = Vec::with_capacity(records.len());
        for group in records.chunk_by(are_of_one_batch) {
            let group: Vec<_> = group.iter().map(ChunkRecord::decode).collect();
            let mut kept = Vec::with_capacity(group.len());
            for record in &group {
                let index = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                let is_kept = keep(index, record)?;
                kept.push(is_kept);
                numbers.push(if is_kept { self.next()? } else { LEFT_OUT });
            }
            match group.as_slice() {
                [record] if !record.in_batch => {
                    if kept.contains(&true) {
                        let size = record.compressed_size;
                        self.blob.records.push(&print_of(record), size, record.compressed)?;
                        self.enqueue(&mut source, record.compressed_offset, size)?;
                    }
                }
                _ => {
                    let lost = || Error::internal("a batch has no place in its blob");
                    let batch = batches.next().ok_or_else(lost)?;
                    self.batch(&mut source, &group, &kept, batch)?;
                }
            }
        }
        self.flush(&mut source)?;
        Ok(numbers)
    }

    fn next(&mut self) -> Result<u32> {
        let number = self.count;
        if number >= MAX_CHUNKS {
            return Err(Error::unsupported(format!(
                "a blob would hold more than {MAX_CHUNKS} different chunks; a blob for each layer, or a larger chunk size, would do"
            )));
        }
        self.count += 1;
        Ok(number)
    }

    fn batch(
        &mut self,
        source: &mut Source,
        group: &[ChunkRecord],
        kept: &[bool],
        batch: Batch,
    ) -> Result<()> {
        let start = group.first().map_or(0, |record| record.compressed_offset);
        if !kept.contains(&true) {
            return Ok(());
        }
        if !kept.contains(&false) {
            for (number, record) in group.iter().enumerate() {
                if number == 0 {
                    self.blob.records.push_first(&print_of(record), (batch.stored, batch.size))?;
                } else {
                    self.blob.records.push_next(&print_of(record))?;
                }
            }
            return self.enqueue(source, start, batch.stored);
        }
        self.flush(source)?;
        let mut stored = vec![0; batch.stored as usize];
        source.read(start, &mut stored)?;
        let mut bytes = vec![0; batch.size as usize];
        if batch.stored == batch.size {
            bytes = stored;
        } else {
            self.contexts.decompress(self.compression.codec, &mut bytes, &stored)?;
        }
        let alone = self.batching.is_auto && kept.iter().filter(|&&kept| kept).count() == 1;
        let number = if alone { ALONE } else { ALONE + 1 };
        let mut unit = Unit { bytes, ..Unit::default() };
        let mut start = 0;
        for (record, &is_kept) in group.iter().zip(kept) {
            if is_kept {
                let print = print_of(record);
                unit.pieces.push(Piece { start, print, count: 1, is_file: true, earned: 0, batch: number });
            }
            start += record.uncompressed_size as usize;
        }
        unit.decided = unit.pieces.len();
        let finished = unit.finish(self.compression, &mut self.contexts, &self.buffers)?;
        self.blob.append(self.spool, &finished)?;
        self.buffers.release(finished);
        Ok(())
    }

    /// Has stored bytes copied, together with those before them if these lie side by side.
    fn enqueue(&mut self, source: &mut Source, start: u64, size: u32) -> Result<()> {
        if source.pending.end != start {
            self.flush(source)?;
            source.pending = start..start;
        }
        source.pending.end = start + u64::from(size);
        Ok(())
    }

    fn flush(&mut self, source: &mut Source) -> Result<()> {
        let mut piece = std::mem::take(&mut self.piece);
        while !source.pending.is_empty() {
            (self.check)()?;
            let left = source.pending.end - source.pending.start;
            let len = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
            piece.resize(len, 0);
            source.read(source.pending.start, &mut piece)?;
            self.blob.append_bytes(self.spool, &piece)?;
            source.pending.start += len as u64;
        }
        self.piece = piece;
        Ok(())
    }
}

impl Source {
    fn read(&mut self, start: u64, into: &mut [u8]) -> Result<()> {
        let failed = |source| Error::io("read", &self.path, source);
        self.file.seek(SeekFrom::Start(start)).map_err(failed)?;
        self.file.read_exact(into).map_err(failed)
    }
}

fn print_of(record: &ChunkRecord) -> Fingerprint {
    let ChunkRecord { digest, crc32, uncompressed_size, .. } = *record;
    Fingerprint { digest, crc32: crc32.unwrap_or(0), len: uncompressed_size }
}

fn are_of_one_batch(one: &PackedChunk, next: &PackedChunk) -> bool {
    let (one, next) = (ChunkRecord::decode(one), ChunkRecord::decode(next));
    one.in_batch && next.in_batch && one.compressed_offset == next.compressed_offset
}
