//! Runs the steps of packing one after the other over windows of the tar, so that no step waits for another and no two share
//! a core.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;

use nydus_core::Result;
use nydus_core::archive::{Archive, Entry, EntryKind, EntrySink};
use nydus_core::codec::{Compression, Contexts};
use nydus_core::digest::{Digest, Digester, Fingerprint, Sha256Stream};
use nydus_core::inflate::{Inflater, Pieces};

use crate::Failure;
use crate::clock::timed;

/// Compressed bytes that are processed together. Their inflated bytes stay in the last-level cache of most machines.
const WINDOW: usize = 1 << 20;

#[derive(Default)]
struct Seconds {
    source: f64,
    inflate: f64,
    diff_id: f64,
    tar: f64,
    prints: f64,
    zstd: f64,
    blob: f64,
}

#[derive(Default)]
struct Bytes {
    source: u64,
    tar: u64,
    chunks: u64,
    new: u64,
    blob: u64,
}

/// Runs all steps over the layers of one image, lowest first.
pub fn measure(level: i32, chunk_size: usize, layers: &[&str]) -> std::result::Result<String, Failure> {
    let mut bench = Bench::new(level, chunk_size);
    for layer in layers {
        bench.layer(&mut File::open(layer)?)?;
    }
    Ok(bench.json())
}

struct Bench {
    compression: Compression,
    chunk_size: usize,
    contexts: Contexts,
    known: HashSet<(Digest, u32)>,
    stored: Vec<u8>,
    seconds: Seconds,
    bytes: Bytes,
    files: u64,
}

impl Bench {
    fn new(level: i32, chunk_size: usize) -> Self {
        let compression = Compression { level, ..Compression::default() };
        Self {
            compression,
            chunk_size,
            contexts: Contexts::default(),
            known: HashSet::new(),
            stored: vec![0; compression.bound(chunk_size)],
            seconds: Seconds::default(),
            bytes: Bytes::default(),
            files: 0,
        }
    }

    fn layer(&mut self, file: &mut File) -> std::result::Result<(), Failure> {
        let (mut source, mut diff_id, mut blob) =
            (Sha256Stream::default(), Sha256Stream::default(), Sha256Stream::default());
        // Each inflater exists twice: one is timed with a sink that does nothing, the other produces the bytes.
        let (mut timed_inflater, mut inflater) = (Inflater::new(), Inflater::new());
        let (mut timed_archive, mut archive) = (Archive::new(), Archive::new());
        let mut cutter = Cutter { chunk_size: self.chunk_size, ..Cutter::default() };
        let mut input = vec![0; WINDOW];
        let mut nowhere = Pieces::new(|_: &[u8]| Ok(()));
        let mut tar = Vec::new();
        loop {
            let read = file.read(&mut input)?;
            let bytes = input.get(..read).unwrap_or_default();
            let seconds = &mut self.seconds;
            timed(&mut seconds.source, || source.update(bytes));
            tar.clear();
            let mut collect = Pieces::new(|out: &[u8]| {
                tar.extend_from_slice(out);
                Ok(())
            });
            if read > 0 {
                timed(&mut seconds.inflate, || timed_inflater.push(bytes, &mut nowhere))?;
                inflater.push(bytes, &mut collect)?;
            } else {
                timed(&mut seconds.inflate, || timed_inflater.finish(&mut nowhere))?;
                inflater.finish(&mut collect)?;
            }
            drop(collect);
            timed(&mut seconds.diff_id, || diff_id.update(&tar));
            timed(&mut seconds.tar, || timed_archive.push(&tar, &mut Nothing))?;
            archive.push(&tar, &mut cutter)?;
            self.bytes.source += read as u64;
            self.bytes.tar += tar.len() as u64;
            self.store(&mut cutter, &mut blob)?;
            if read == 0 {
                break;
            }
        }
        archive.finish(&mut cutter)?;
        self.files += cutter.files;
        self.bytes.blob += blob.size();
        Ok(())
    }

    /// Processes complete chunks: fingerprints them, and for new ones compresses and adds to the blob's digest.
    fn store(&mut self, cutter: &mut Cutter, blob: &mut Sha256Stream) -> Result<()> {
        let mut start = 0;
        for &end in &cutter.ends {
            let chunk = cutter.data.get(start..end).unwrap_or_default();
            start = end;
            let print = timed(&mut self.seconds.prints, || Fingerprint::of(chunk, Digester::Blake3));
            self.bytes.chunks += chunk.len() as u64;
            if !self.known.insert((print.digest, print.len)) {
                continue;
            }
            self.bytes.new += chunk.len() as u64;
            let (contexts, stored, compression) = (&mut self.contexts, &mut self.stored, self.compression);
            let size = timed(&mut self.seconds.zstd, || contexts.compress(compression, stored, chunk))?;
            let kept = size.and_then(|size| self.stored.get(..size)).unwrap_or(chunk);
            timed(&mut self.seconds.blob, || blob.update(kept));
        }
        cutter.ends.clear();
        cutter.data.drain(..start);
        Ok(())
    }

    fn json(&self) -> String {
        let Self { seconds, bytes, files, .. } = self;
        format!(
            "{{\"seconds\":{{\"source SHA-256\":{:.4},\"inflate\":{:.4},\"diffID SHA-256\":{:.4},\"tar\":{:.4},\
             \"BLAKE3 and CRC-32C\":{:.4},\"zstd\":{:.4},\"blob SHA-256\":{:.4}}},\
             \"bytes\":{{\"source\":{},\"tar\":{},\"chunks\":{},\"new\":{},\"blob\":{}}},\"files\":{files}}}",
            seconds.source,
            seconds.inflate,
            seconds.diff_id,
            seconds.tar,
            seconds.prints,
            seconds.zstd,
            seconds.blob,
            bytes.source,
            bytes.tar,
            bytes.chunks,
            bytes.new,
            bytes.blob,
        )
    }
}

/// A sink that does nothing, so that the clock measures the step before it alone.
struct Nothing;

impl EntrySink for Nothing {
    fn entry(&mut self, _: Entry) -> Result<()> {
        Ok(())
    }
    fn data(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }
    fn zeros(&mut self, _: u64) -> Result<()> {
        Ok(())
    }
    fn end_file(&mut self) -> Result<()> {
        Ok(())
    }
    fn warn(&mut self, _: &'static str, _: String) {}
}

/// Lays the chunks of files end to end in one buffer.
#[derive(Default)]
struct Cutter {
    chunk_size: usize,
    data: Vec<u8>,
    /// Ends of the complete chunks in `data`.
    ends: Vec<usize>,
    /// Number of bytes of the current chunk.
    filled: usize,
    files: u64,
}

impl Cutter {
    fn grow(&mut self, count: usize) {
        self.filled += count;
        if self.filled == self.chunk_size {
            self.ends.push(self.data.len());
            self.filled = 0;
        }
    }
}

impl EntrySink for Cutter {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        self.files += u64::from(entry.kind == EntryKind::File);
        Ok(())
    }

    fn data(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(self.chunk_size - self.filled));
            self.data.extend_from_slice(now);
            self.grow(now.len());
            bytes = rest;
        }
        Ok(())
    }

    fn zeros(&mut self, mut count: u64) -> Result<()> {
        while count > 0 {
            let room = self.chunk_size - self.filled;
            let now = usize::try_from(count).map_or(room, |count| count.min(room));
            self.data.resize(self.data.len() + now, 0);
            self.grow(now);
            count -= now as u64;
        }
        Ok(())
    }

    fn end_file(&mut self) -> Result<()> {
        if self.filled > 0 {
            self.ends.push(self.data.len());
            self.filled = 0;
        }
        Ok(())
    }

    fn warn(&mut self, _: &'static str, _: String) {}
}
