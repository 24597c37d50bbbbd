//! Writes archives, well-formed or not, and supplies a sink that records the parser's events.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a panic is a failed test")]

use nydus_core::Error;
use nydus_core::archive::{Archive, Entry, EntrySink};

pub const BLOCK: usize = 512;
pub const TIME: i64 = 1_700_000_000;

/// One header block in which a test sets any field.
pub struct Head {
    pub block: [u8; BLOCK],
}

impl Head {
    pub fn new(name: impl AsRef<[u8]>, flag: u8) -> Self {
        let mut head = Self { block: [0; BLOCK] };
        head = head
            .bytes(0, name.as_ref())
            .mode(0o644)
            .uid(0)
            .gid(0)
            .size(0)
            .mtime(TIME)
            .bytes(257, b"ustar\x0000");
        head.block[156] = flag;
        head
    }

    pub fn bytes(mut self, at: usize, bytes: &[u8]) -> Self {
        self.block[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Writes a number in octal with a NUL, or in base-256 when it does not fit.
    pub fn number(self, at: usize, width: usize, value: i64) -> Self {
        if value >= 0 && value < 1 << (3 * (width - 1)) {
            return self.bytes(at, format!("{value:0digits$o}\0", digits = width - 1).as_bytes());
        }
        let mut field = vec![if value < 0 { 0xFF } else { 0 }; width];
        let bytes = value.to_be_bytes();
        let tail = width.min(bytes.len());
        field[width - tail..].copy_from_slice(&bytes[bytes.len() - tail..]);
        field[0] |= 0x80;
        self.bytes(at, &field)
    }

    pub fn mode(self, mode: i64) -> Self {
        self.number(100, 8, mode)
    }
    pub fn uid(self, uid: i64) -> Self {
        self.number(108, 8, uid)
    }
    pub fn gid(self, gid: i64) -> Self {
        self.number(116, 8, gid)
    }
    pub fn size(self, size: i64) -> Self {
        self.number(124, 12, size)
    }
    pub fn mtime(self, mtime: i64) -> Self {
        self.number(136, 12, mtime)
    }
    pub fn link(self, link: impl AsRef<[u8]>) -> Self {
        self.bytes(157, link.as_ref())
    }
    pub fn device(self, major: i64, minor: i64) -> Self {
        self.number(329, 8, major).number(337, 8, minor)
    }
    pub fn v7(self) -> Self {
        self.bytes(257, &[0; 8])
    }
    pub fn gnu(self) -> Self {
        self.bytes(257, b"ustar  \0")
    }

    pub fn sum(mut self) -> [u8; BLOCK] {
        self.block[148..156].fill(b' ');
        let sum: u32 = self.block.iter().map(|&byte| u32::from(byte)).sum();
        self.bytes(148, format!("{sum:06o}\0 ").as_bytes()).block
    }
}

/// An archive being written.
#[derive(Default)]
pub struct Tar {
    pub out: Vec<u8>,
}

pub fn tar() -> Tar {
    Tar::default()
}

impl Tar {
    pub fn head(mut self, head: Head) -> Self {
        self.out.extend(head.sum());
        self
    }

    /// Adds bytes, and zeros up to the next block.
    pub fn data(mut self, data: impl AsRef<[u8]>) -> Self {
        self.out.extend(data.as_ref());
        self.out.resize(self.out.len().next_multiple_of(BLOCK), 0);
        self
    }

    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.out.extend(bytes.as_ref());
        self
    }

    /// Adds a header and its data; the header gets the size of the data.
    pub fn with(self, head: Head, data: impl AsRef<[u8]>) -> Self {
        let size = i64::try_from(data.as_ref().len()).unwrap();
        self.head(head.size(size)).data(data)
    }

    pub fn file(self, name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Self {
        self.with(Head::new(name, b'0'), data)
    }

    pub fn dir(self, name: impl AsRef<[u8]>) -> Self {
        self.head(Head::new(name, b'5').mode(0o755))
    }

    pub fn symlink(self, name: &str, target: impl AsRef<[u8]>) -> Self {
        self.head(Head::new(name, b'2').mode(0o777).link(target))
    }

    pub fn hardlink(self, name: &str, target: impl AsRef<[u8]>) -> Self {
        self.head(Head::new(name, b'1').link(target))
    }

    pub fn pax<K: AsRef<[u8]>, V: AsRef<[u8]>>(self, records: &[(K, V)]) -> Self {
        self.with(Head::new("./PaxHeaders/x", b'x'), body(records))
    }

    pub fn global<K: AsRef<[u8]>, V: AsRef<[u8]>>(self, records: &[(K, V)]) -> Self {
        self.with(Head::new("pax_global_header", b'g'), body(records))
    }

    /// Adds a GNU long name (`L`) or long link (`K`).
    pub fn long(self, flag: u8, text: impl AsRef<[u8]>) -> Self {
        self.with(Head::new("././@LongLink", flag).gnu(), [text.as_ref(), b"\0"].concat())
    }

    pub fn zeros(mut self, blocks: usize) -> Self {
        self.out.resize(self.out.len() + blocks * BLOCK, 0);
        self
    }

    pub fn end(self) -> Vec<u8> {
        self.zeros(2).out
    }
}

/// The body of a pax header.
pub fn body<K: AsRef<[u8]>, V: AsRef<[u8]>>(records: &[(K, V)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in records {
        let rest = [b" ", key.as_ref(), b"=", value.as_ref(), b"\n"].concat();
        let mut length = rest.len() + 1;
        while length != rest.len() + length.to_string().len() {
            length = rest.len() + length.to_string().len();
        }
        out.extend(length.to_string().bytes().chain(rest));
    }
    out
}

/// A stretch of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Data(Vec<u8>),
    Hole(u64),
}

/// An event of the parser. Neighbouring data is joined, so that events do not depend on the cut of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Entry(Entry),
    File(Vec<Part>),
    Warning(&'static str, String),
}

/// Records events and checks that the parser keeps the contract of `EntrySink`.
#[derive(Default)]
pub struct Record {
    pub events: Vec<Event>,
    /// Number of bytes of the open file that are still to come.
    left: Option<u64>,
    parts: Vec<Part>,
}

impl EntrySink for Record {
    fn entry(&mut self, entry: Entry) -> Result<(), Error> {
        assert_eq!(self.left, None, "an entry within a file's data");
        assert!(entry.kind == nydus_core::archive::EntryKind::File || entry.size == 0);
        self.left = (entry.size > 0).then_some(entry.size);
        self.events.push(Event::Entry(entry));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Error> {
        assert!(!bytes.is_empty());
        *self.left.as_mut().unwrap() -= bytes.len() as u64;
        match self.parts.last_mut() {
            Some(Part::Data(data)) => data.extend(bytes),
            _ => self.parts.push(Part::Data(bytes.to_vec())),
        }
        Ok(())
    }

    fn zeros(&mut self, count: u64) -> Result<(), Error> {
        assert_ne!(count, 0);
        *self.left.as_mut().unwrap() -= count;
        self.parts.push(Part::Hole(count));
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Error> {
        assert_eq!(self.left.take(), Some(0), "end_file before the end");
        self.events.push(Event::File(std::mem::take(&mut self.parts)));
        Ok(())
    }

    fn warn(&mut self, code: &'static str, message: String) {
        self.events.push(Event::Warning(code, message));
    }
}

/// Parses an archive given in pieces.
pub fn parse_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Record, Result<(), Error>) {
    let (mut archive, mut record) = (Archive::new(), Record::default());
    for piece in pieces {
        if let Err(error) = archive.push(piece, &mut record) {
            return (record, Err(error));
        }
    }
    let result = archive.finish(&mut record);
    if result.is_ok() {
        assert_eq!(record.left, None, "a file without end_file");
    }
    (record, result)
}

/// Parses a whole archive that must be right.
pub fn events(archive: &[u8]) -> Vec<Event> {
    let (record, result) = parse_pieces([archive]);
    result.unwrap();
    record.events
}

/// The entries of an archive that must be right.
pub fn entries(archive: &[u8]) -> Vec<Entry> {
    let events = events(archive).into_iter();
    events.filter_map(|event| if let Event::Entry(entry) = event { Some(entry) } else { None }).collect()
}

/// The only entry.
pub fn entry(archive: &[u8]) -> Entry {
    let mut entries = entries(archive);
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

/// Contents of the files with data, holes filled in.
pub fn contents(archive: &[u8]) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    for event in events(archive) {
        let Event::File(parts) = event else { continue };
        let bytes = parts.into_iter().flat_map(|part| match part {
            Part::Data(data) => data,
            Part::Hole(count) => vec![0; usize::try_from(count).unwrap()],
        });
        contents.push(bytes.collect());
    }
    contents
}

/// Codes of the warnings.
pub fn warnings(archive: &[u8]) -> Vec<&'static str> {
    let events = events(archive).into_iter();
    events.filter_map(|event| if let Event::Warning(code, _) = event { Some(code) } else { None }).collect()
}

/// Code and sentence of the error that an archive must give.
pub fn refusal(archive: &[u8]) -> (&'static str, String) {
    let error = parse_pieces([archive]).1.unwrap_err();
    assert!(error.offset().is_some(), "{error} has no offset");
    (error.code(), error.to_string())
}

/// The sentence of a `Format` error.
pub fn malformed(archive: &[u8]) -> String {
    let (code, message) = refusal(archive);
    assert_eq!(code, "FORMAT", "{message}");
    message
}
