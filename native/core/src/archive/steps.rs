//! The parser's steps that run when a block or a body is complete.

use super::entry::{Entry, EntryKind, EntrySink};
use super::fault::{Place, archive_fault};
use super::header::{BLOCK, Dialect, Header, text};
use super::interpret::{Extensions, Format, Interpreted, Layout, interpret};
use super::map::Map;
use super::parser::{Archive, Body, END_BLOCKS, State, advance, warn_trailing};
use super::path::MAX_PATH;
use super::sparse::{MapText, read_slots};
use crate::error::Error;

/// The longest body of a pax header that is read: some 250 attributes of the greatest size.
const MAX_PAX: u64 = 16 << 20;
/// The longest body of a GNU long name that is read; the name itself has a smaller limit.
const MAX_LONG_NAME: u64 = 16 * MAX_PATH as u64;
/// The most bytes of attributes in global records. Every entry gets a copy, so the limit is small; real global records hold
/// a comment.
const MAX_GLOBAL_XATTRS: usize = 64 << 10;
/// eStargz keeps its table of contents and prefetch marks in files at the root with exactly these names; they are not part
/// of the image.
const SKIPPED: [&[u8]; 3] = [b"stargz.index.json", b".prefetch.landmark", b".no.prefetch.landmark"];

/// Bytes of padding after `size` bytes, up to the next block.
const fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// Skips data and its padding.
const fn skip(size: u64) -> State {
    let pad = padding(size);
    State::Skip { left: size + pad, pad }
}

impl Archive {
    pub(super) fn header<S: EntrySink>(&mut self, block: &[u8; BLOCK], sink: &mut S) -> Result<State, Error> {
        let offset = self.offset - BLOCK as u64;
        let header = Header(block);
        let is_zero = block.iter().all(|&byte| byte == 0);
        let is_header = !is_zero && header.is_valid();
        // Links and other kinds without data sometimes have a size, and some writers even write data. Go's reader, which
        // runtimes unpack with, always takes the next block for a header; so do we whenever it is one.
        let claimed = std::mem::take(&mut self.claimed);
        if claimed > 0 && !is_zero && !is_header {
            let pad = padding(claimed);
            return Ok(State::Skip { left: claimed + pad - BLOCK as u64, pad });
        }
        if is_zero {
            self.no_extension_waits(offset)?;
            self.zero_blocks += 1;
            return Ok(State::Header);
        }
        if !is_header {
            if self.zero_blocks >= END_BLOCKS {
                warn_trailing(offset, sink);
                return Ok(State::Trailing);
            }
            if header.dialect() != Dialect::V7 {
                return Err(Place { path: &header.path(), offset }.format("the header's checksum is wrong"));
            }
            let reason = if offset == 0 {
                "the layer is no tar archive"
            } else {
                "there is no header where one must be"
            };
            return Err(archive_fault(offset, reason));
        }
        self.zero_blocks = 0;
        match header.typeflag() {
            // Solaris wrote `X` for `x`.
            b'x' | b'X' => self.extended(header, Body::Local, MAX_PAX, "pax header"),
            b'g' => self.extended(header, Body::Global, MAX_PAX, "global pax header"),
            b'L' => self.extended(header, Body::LongName, MAX_LONG_NAME, "long name"),
            b'K' => self.extended(header, Body::LongLink, MAX_LONG_NAME, "long link name"),
            _ => {
                let extensions = self.extensions.take().unwrap_or_default();
                let found = interpret(header, offset, &extensions, &self.global, sink)?;
                if found.entry.kind != EntryKind::Hardlink {
                    // The sink has been warned of them, with the first entry that they would belong to.
                    self.global.forget_dropped_xattrs();
                }
                self.open(found, header, &extensions, sink)
            }
        }
    }

    /// Begins the body of an extension header. Its size is in its own block, because a size in pax records is that of the
    /// entry.
    fn extended(&mut self, header: Header<'_>, body: Body, limit: u64, what: &str) -> Result<State, Error> {
        let size = header.size().ok().map(|size| size.unwrap_or(0)).and_then(|size| u64::try_from(size).ok());
        let fault =
            |reason: String| archive_fault(self.offset - BLOCK as u64, format!("the {what} {reason}"));
        let left = size.ok_or_else(|| fault("has a bad size".to_owned()))?;
        if left > limit {
            return Err(fault(format!("has {left} bytes, more than {limit}")));
        }
        self.body.clear();
        if left == 0 {
            self.extension(body)?;
            return Ok(State::Header);
        }
        Ok(State::Body { body, left, pad: padding(left) })
    }

    /// Applies a complete body to the extensions.
    pub(super) fn extension(&mut self, body: Body) -> Result<(), Error> {
        let start = self.offset - self.body.len() as u64;
        let bytes = &self.body;
        if let Body::Global = body {
            self.global.read(bytes).map_err(|reason| archive_fault(start, reason))?;
            if self.global.xattr_bytes > MAX_GLOBAL_XATTRS {
                let reason =
                    format!("global pax records hold more than {MAX_GLOBAL_XATTRS} bytes of attributes");
                return Err(archive_fault(start, reason));
            }
            if self.global.sparse.is_used() {
                return Err(archive_fault(start, "a global pax record describes a sparse file"));
            }
            return Ok(());
        }
        let extensions = self.extensions.get_or_insert_default();
        let name = Some(text(bytes)).filter(|name| !name.is_empty());
        match body {
            Body::LongName => extensions.long_name = name.map(<[u8]>::to_vec),
            Body::LongLink => extensions.long_link = name.map(<[u8]>::to_vec),
            Body::Local | Body::Global => {
                // A second header for the same entry replaces the first, as in Go's reader.
                extensions.records = super::pax::Records::default();
                extensions.records.read(bytes).map_err(|reason| archive_fault(start, reason))?;
            }
        }
        Ok(())
    }

    /// Checks that no extension header is left without the entry that it describes.
    pub(super) fn no_extension_waits(&self, offset: u64) -> Result<(), Error> {
        match self.extensions {
            None => Ok(()),
            Some(_) => {
                Err(archive_fault(offset, "the archive ends after an extended header, before its entry"))
            }
        }
    }

    fn open<S: EntrySink>(
        &mut self,
        found: Interpreted,
        header: Header<'_>,
        extensions: &Extensions,
        sink: &mut S,
    ) -> Result<State, Error> {
        let Interpreted { entry, stored, layout } = found;
        self.path.clone_from(&entry.path);
        self.path_offset = entry.offset;
        if entry.kind != EntryKind::Directory && SKIPPED.contains(&entry.path.as_slice()) {
            return Ok(skip(stored));
        }
        match layout {
            Layout::Nothing => {
                self.claimed = stored;
                sink.entry(entry)?;
                Ok(State::Header)
            }
            Layout::Plain => {
                sink.entry(entry)?;
                let pad = padding(stored);
                Ok(if stored == 0 { State::Header } else { State::Data { left: stored, pad, map: None } })
            }
            Layout::Sparse(format) => self.open_sparse(entry, stored, &format, header, extensions, sink),
        }
    }

    fn open_sparse<S: EntrySink>(
        &mut self,
        entry: Entry,
        stored: u64,
        format: &Format,
        header: Header<'_>,
        extensions: &Extensions,
        sink: &mut S,
    ) -> Result<State, Error> {
        let real_size = entry.size;
        sink.entry(entry)?;
        match format {
            Format::OldGnu => {
                let mut numbers = Vec::new();
                read_slots(header.sparse_slots(), &mut numbers)
                    .map_err(|reason| self.place().format(reason))?;
                if header.sparse_continues() {
                    return Ok(State::MapBlock { stored, real_size, numbers });
                }
                self.mapped(&numbers, stored, real_size, sink)
            }
            Format::Records => {
                let map =
                    extensions.records.sparse.map(stored).map_err(|reason| self.place().format(reason))?;
                advance(Box::new(map), padding(stored), sink)
            }
            Format::Data if stored == 0 => Err(self.place().format("the sparse file has no map")),
            Format::Data => Ok(State::MapText { stored, left: stored, real_size, map: MapText::default() }),
        }
    }

    /// Reads an extension block of an old GNU sparse map: 21 slots, then a flag.
    pub(super) fn map_block<S: EntrySink>(
        &mut self,
        block: &[u8; BLOCK],
        stored: u64,
        real_size: u64,
        mut numbers: Vec<u64>,
        sink: &mut S,
    ) -> Result<State, Error> {
        let (slots, flags) = block.split_at(21 * 24);
        read_slots(slots, &mut numbers).map_err(|reason| self.place().format(reason))?;
        if flags.first().is_some_and(|&flag| flag != 0) {
            return Ok(State::MapBlock { stored, real_size, numbers });
        }
        self.mapped(&numbers, stored, real_size, sink)
    }

    fn mapped<S: EntrySink>(
        &self,
        numbers: &[u64],
        stored: u64,
        real_size: u64,
        sink: &mut S,
    ) -> Result<State, Error> {
        let map = Map::new(numbers, real_size, stored).map_err(|reason| self.place().format(reason))?;
        advance(Box::new(map), padding(stored), sink)
    }

    /// Continues reading the map of a GNU.sparse 1.0 file. The data begins at the next block after it.
    pub(super) fn map_text<S: EntrySink>(
        &mut self,
        rest: &mut &[u8],
        stored: u64,
        left: u64,
        real_size: u64,
        mut map: MapText,
        sink: &mut S,
    ) -> Result<State, Error> {
        let limit = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
        let (used, complete) =
            map.push(rest.get(..limit).unwrap_or_default()).map_err(|reason| self.place().format(reason))?;
        self.take(rest, used as u64);
        let left = left - used as u64;
        if !complete && left > 0 {
            return Ok(State::MapText { stored, left, real_size, map });
        }
        let gap = padding(stored - left);
        let Some(data) = left.checked_sub(gap).filter(|_| complete) else {
            return Err(self.place().format("the sparse file's data ends within its map"));
        };
        let map = Map::new(map.numbers(), real_size, data).map_err(|reason| self.place().format(reason))?;
        let (map, pad) = (Box::new(map), padding(stored));
        if gap > 0 { Ok(State::MapGap { left: gap, pad, map }) } else { advance(map, pad, sink) }
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place { path: &self.path, offset: self.path_offset }
    }
}
