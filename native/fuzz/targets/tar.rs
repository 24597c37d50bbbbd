//! Parses an archive twice, at once and in pieces: the entries, their bytes, the warnings and the error are the same.

use nydus_core::Error;
use nydus_core::archive::{Archive, Entry, EntrySink};

use super::layer::repair;
use super::parts::{Parts, piece_size};

/// What the parser reports, without the seams between pieces.
#[derive(Default, PartialEq)]
struct Report {
    entries: Vec<Entry>,
    /// Runs of data and holes: number of the entry, the bytes, zeros behind them.
    files: Vec<(usize, Vec<u8>, u64)>,
    ended: usize,
    warnings: Vec<(&'static str, String)>,
}

impl EntrySink for Report {
    fn entry(&mut self, entry: Entry) -> Result<(), Error> {
        self.entries.push(entry);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self.files.last_mut() {
            Some((number, run, 0)) if *number == self.entries.len() => run.extend_from_slice(bytes),
            _ => self.files.push((self.entries.len(), bytes.to_vec(), 0)),
        }
        Ok(())
    }

    fn zeros(&mut self, count: u64) -> Result<(), Error> {
        match self.files.last_mut() {
            Some((number, _, zeros)) if *number == self.entries.len() => *zeros += count,
            _ => self.files.push((self.entries.len(), Vec::new(), count)),
        }
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Error> {
        self.ended += 1;
        Ok(())
    }

    fn warn(&mut self, code: &'static str, message: String) {
        self.warnings.push((code, message));
    }
}

fn parse(tar: &[u8], piece: usize) -> (Report, Option<String>) {
    let (mut archive, mut report) = (Archive::new(), Report::default());
    let mut all = || {
        for bytes in tar.chunks(piece) {
            archive.push(bytes, &mut report)?;
        }
        archive.finish(&mut report)
    };
    let error = all().err().map(|error| error.to_string());
    (report, error)
}

/// The first byte chooses the size of pieces. Checksums of headers are corrected.
pub fn execute(input: &[u8]) {
    let mut parts = Parts(input);
    let choice = parts.byte();
    let mut tar = parts.0.to_vec();
    repair(&mut tar);
    let (whole, error) = parse(&tar, usize::MAX);
    let (pieces, error_of_pieces) = parse(&tar, piece_size(choice));
    assert_eq!(error, error_of_pieces);
    if error.is_none() {
        assert!(whole == pieces, "pieces give other entries");
    }
}
