//! The structure of a tar is what it has beside the data of its files. A log of it, in order, is all that a recipe needs to make the
//! same tar of the files again.
//!
//! The log is a list of records, packed into frames of zstd: headers compress well, and a layer has up to a million of them. Each
//! record begins with a number, whose lowest two bits say its kind and whose others its length.

use crate::archive::{Entry, EntrySink};
use crate::error::{Error, Result};

/// Bytes of the tar that follow in the log.
const BYTES: u64 = 0;
/// Bytes of the file that do not.
const DATA: u64 = 1;
/// Bytes of the file that the tar does not have, because they are a hole.
const HOLE: u64 = 2;
/// The path of an entry, after the offset of its header in the tar. Its header may come later.
const ENTRY: u64 = 3;

/// A frame of more bytes is complete.
const FRAME_BYTES: usize = 256 << 10;
/// Compressed bytes of a log that is kept. Those of a million entries are 40 MiB.
const MAX_LOG: usize = 96 << 20;
/// The level is a compromise: the log lies in memory until the layer is packed.
const LEVEL: i32 = 3;

/// A part of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// One frame of zstd.
    pub bytes: Vec<u8>,
    /// Bytes that it decompresses to.
    pub size: u32,
}

/// Writes the log.
#[derive(Default)]
pub struct Log {
    frames: Vec<Frame>,
    current: Vec<u8>,
    /// Bytes of data or of a hole that are not written yet, with their kind.
    run: (u64, u64),
    kept: usize,
}

impl Log {
    fn number(&mut self, mut value: u64) {
        while value > 0x7f {
            let [low, ..] = value.to_le_bytes();
            self.current.push(low | 0x80);
            value >>= 7;
        }
        let [last, ..] = value.to_le_bytes();
        self.current.push(last);
    }

    fn end_run(&mut self) {
        let (kind, len) = std::mem::take(&mut self.run);
        if len > 0 {
            self.number((len << 2) | kind);
        }
    }

    fn count(&mut self, kind: u64, len: u64) {
        if self.run.0 != kind {
            self.end_run();
        }
        self.run = (kind, self.run.1 + len);
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.end_run();
        self.number(((bytes.len() as u64) << 2) | BYTES);
        self.current.extend_from_slice(bytes);
        self.flush(FRAME_BYTES)
    }

    fn entry(&mut self, entry: &Entry) -> Result<()> {
        self.end_run();
        self.number(((entry.path.len() as u64) << 2) | ENTRY);
        self.number(entry.offset);
        self.current.extend_from_slice(&entry.path);
        self.flush(FRAME_BYTES)
    }

    fn flush(&mut self, limit: usize) -> Result<()> {
        if self.current.len() <= limit {
            return Ok(());
        }
        let mut bytes = vec![0; zstd_safe::compress_bound(self.current.len())];
        let failed =
            |code| Error::internal(format!("zstd cannot compress: {}", zstd_safe::get_error_name(code)));
        let len = zstd_safe::compress(bytes.as_mut_slice(), &self.current, LEVEL).map_err(failed)?;
        bytes.truncate(len);
        bytes.shrink_to_fit();
        self.kept += len;
        let size = u32::try_from(self.current.len()).unwrap_or(u32::MAX);
        self.frames.push(Frame { bytes, size });
        self.current.clear();
        Ok(())
    }

    /// The frames; `None` for a log that is longer than any that is kept.
    pub fn finish(mut self) -> Result<Option<Vec<Frame>>> {
        self.end_run();
        self.flush(0)?;
        Ok((self.kept <= MAX_LOG).then_some(self.frames))
    }

    fn is_full(&self) -> bool {
        self.kept > MAX_LOG
    }
}

/// Logs the structure of a tar on its way to another sink. `begin` is asked at the first byte.
pub struct Logging<'a, S, B> {
    sink: &'a mut S,
    begin: Option<B>,
    log: Option<Log>,
}

impl<'a, S: EntrySink, B: FnOnce() -> bool> Logging<'a, S, B> {
    /// Makes a sink before `sink`, which logs if `begin` says so.
    pub fn new(sink: &'a mut S, begin: B) -> Self {
        Self { sink, begin: Some(begin), log: None }
    }

    /// The log, if there is one and it is kept. That of no bytes is empty.
    pub fn finish(mut self) -> Result<Option<Vec<Frame>>> {
        self.log(|_| Ok(()))?;
        self.log.map_or(Ok(None), Log::finish)
    }

    fn log(&mut self, write: impl FnOnce(&mut Log) -> Result<()>) -> Result<()> {
        if let Some(begin) = self.begin.take()
            && begin()
        {
            self.log = Some(Log::default());
        }
        match &mut self.log {
            // The log of a full one is not kept, so nothing more is added to it.
            Some(log) if !log.is_full() => write(log),
            _ => Ok(()),
        }
    }
}

impl<S: EntrySink, B: FnOnce() -> bool> EntrySink for Logging<'_, S, B> {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        self.log(|log| log.entry(&entry))?;
        self.sink.entry(entry)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.log(|log| {
            log.count(DATA, bytes.len() as u64);
            Ok(())
        })?;
        self.sink.data(bytes)
    }

    fn zeros(&mut self, count: u64) -> Result<()> {
        self.log(|log| {
            log.count(HOLE, count);
            Ok(())
        })?;
        self.sink.zeros(count)
    }

    fn end_file(&mut self) -> Result<()> {
        self.sink.end_file()
    }

    fn structure(&mut self, bytes: &[u8]) -> Result<()> {
        self.log(|log| log.bytes(bytes))
    }

    fn warn(&mut self, code: &'static str, message: String) {
        self.sink.warn(code, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Archive;

    #[derive(Default)]
    struct Ignoring;

    impl EntrySink for Ignoring {
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

    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(700);
        header.set_cksum();
        builder.append_data(&mut header, "a".repeat(200), [7u8; 700].as_slice()).unwrap();
        builder.into_inner().unwrap()
    }

    fn logged(pieces: usize) -> Vec<u8> {
        let mut ignoring = Ignoring;
        let mut sink = Logging::new(&mut ignoring, || true);
        let mut parser = Archive::new();
        for piece in archive().chunks(pieces) {
            parser.push(piece, &mut sink).unwrap();
        }
        parser.finish(&mut sink).unwrap();
        let frames = sink.finish().unwrap().unwrap();
        frames
            .iter()
            .flat_map(|frame| zstd::bulk::decompress(&frame.bytes, frame.size as usize).unwrap())
            .collect()
    }

    /// The records of a log: kind, length and bytes.
    fn records(mut log: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
        fn number(log: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..).step_by(7) {
                let (byte, rest) = log.split_first().unwrap();
                *log = rest;
                value |= u64::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            value
        }
        let mut found = Vec::new();
        while !log.is_empty() {
            let head = number(&mut log);
            let (kind, len) = (head & 3, head >> 2);
            let size = usize::try_from(len).unwrap();
            if kind == ENTRY {
                found.push((kind, number(&mut log), log[..size].to_vec()));
                log = &log[size..];
            } else if kind == BYTES {
                found.push((kind, len, log[..size].to_vec()));
                log = &log[size..];
            } else {
                found.push((kind, len, Vec::new()));
            }
        }
        found
    }

    #[test]
    fn the_log_has_every_byte_that_is_no_data() {
        for pieces in [1, 511, 512, 513, 4096] {
            let records = records(&logged(pieces));
            let structure: Vec<u8> = records
                .iter()
                .filter(|record| record.0 == BYTES)
                .flat_map(|record| record.2.clone())
                .collect();
            let tar = archive();
            // The long name takes a header and a block, and the entry's own header follows.
            assert_eq!(structure, [&tar[..1536], &tar[1536 + 700..]].concat(), "{pieces}");
            let data: u64 = records.iter().filter(|record| record.0 == DATA).map(|record| record.1).sum();
            assert_eq!(data, 700);
            let entries: Vec<_> = records.iter().filter(|record| record.0 == ENTRY).collect();
            assert_eq!(entries, [&(ENTRY, 1024, "a".repeat(200).into_bytes())]);
        }
    }

    #[test]
    fn nothing_is_logged_unless_asked_for() {
        let mut ignoring = Ignoring;
        let mut sink = Logging::new(&mut ignoring, || false);
        Archive::new().push(&archive(), &mut sink).unwrap();
        assert_eq!(sink.finish().unwrap(), None);
    }
}
