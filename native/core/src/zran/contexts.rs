//! Opens contexts at stops, so that every new chunk lies in the output of one.

use std::sync::Arc;

use nydus_layout::zran_context;

use super::decode::{Decoder, Start};
use super::dictionary::Reducer;
use super::table::MAX_OUTPUT;
use super::{History, Place, Referring, Stop};
use crate::bytes::put;

/// The most compressed bytes of a context: no more than these are kept to be tried.
const MAX_INPUT: u64 = 20 << 20;
/// A chunk's compressed size has 24 bits.
const MAX_CHUNK_INPUT: u64 = 1 << 24;

/// The reference's own limits of a context, in compressed and uncompressed bytes.
const THEIR_INPUT: u64 = 512 << 10;
const THEIR_OUTPUT: u64 = 2 << 20;

/// The most bytes that are cut off the end of a context to keep the end of its member out: that code has at most 15 bits.
const MOST_CUT: usize = 3;
/// The most bytes of the next member that a context may take in: at least one, and not all of a block.
const MOST_ADDED: usize = 16;
/// The compressed bytes of a context in which the references to its dictionary are looked for first.
const FIRST_INPUT: usize = 64 << 10;
/// The longest header of a gzip member that is looked for.
const MAX_HEADER: usize = 256 << 10;

/// Why a layer cannot be referred to, as a sentence about the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

/// The contexts of a blob, complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The number of contexts.
    pub count: u32,
    /// Their records, then all dictionaries.
    pub bytes: Vec<u8>,
    /// For each chunk, the number of its context and its offset in what that makes.
    pub chunks: Vec<(u32, u32)>,
}

/// The contexts of a layer while it is read.
pub struct Contexts {
    rule: Referring,
    chunk_size: u64,
    history: Arc<History>,
    decoder: Option<(Decoder, Reducer)>,
    open: Option<Open>,
    count: u32,
    records: Vec<u8>,
    dictionaries: Vec<u8>,
    chunks: Vec<(u32, u32)>,
    /// True once a chunk lies in a gzip stream.
    is_gzip: bool,
}

struct Open {
    stop: Arc<Stop>,
    in_len: u64,
    out_len: u64,
    ends_member: bool,
}

impl Contexts {
    /// Begins without any context. `history` has the layer's compressed bytes.
    pub fn new(rule: Referring, chunk_size: u32, history: Arc<History>) -> Self {
        Self {
            rule,
            chunk_size: u64::from(chunk_size),
            history,
            decoder: None,
            open: None,
            count: 0,
            records: Vec::new(),
            dictionaries: Vec::new(),
            chunks: Vec::new(),
            is_gzip: false,
        }
    }

    /// True if the chunks lie in a gzip stream, so that contexts lead to them.
    pub const fn is_gzip(&self) -> bool {
        self.is_gzip
    }

    /// Takes the place of the next chunk, which is stored if it is new.
    pub fn add(&mut self, place: &Place, is_new: bool) -> Result<(), Refused> {
        if place.in_end - place.in_start >= MAX_CHUNK_INPUT {
            return Err(Refused("a chunk takes more than 16 MiB of the compressed layer"));
        }
        let Some(stop) = &place.stop else { return Ok(()) };
        self.is_gzip = true;
        // The reference opens contexts for chunks that it does not store, too.
        if !is_new && !self.rule.is_compatible {
            return Ok(());
        }
        if self.is_full(place, stop) {
            self.close()?;
            self.open = Some(Open { stop: Arc::clone(stop), in_len: 0, out_len: 0, ends_member: false });
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.out_len = place.out_end - open.stop.out_offset;
        open.in_len = place.in_end - open.stop.in_offset;
        open.ends_member = place.ends_member;
        if !self.rule.is_compatible && (open.out_len > u64::from(MAX_OUTPUT) || open.in_len > MAX_INPUT) {
            return Err(Refused(
                "a chunk ends more than 16 MiB behind the start of its deflate block, where readers give up",
            ));
        }
        if is_new {
            let offset = place.out_start - open.stop.out_offset;
            self.chunks.push((self.count, u32::try_from(offset).unwrap_or(u32::MAX)));
        }
        Ok(())
    }

    /// The first compressed byte that may still be needed.
    pub fn needs_from(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.stop.in_offset)
    }

    /// Ends the layer. `None` if no chunk lies in a gzip stream.
    pub fn finish(mut self) -> Result<Option<Table>, Refused> {
        if !self.is_gzip {
            return Ok(None);
        }
        self.close()?;
        let Self { count, mut records, dictionaries, chunks, .. } = self;
        records.extend_from_slice(&dictionaries);
        Ok(Some(Table { count, bytes: records, chunks }))
    }

    /// True if a context begins at this chunk.
    fn is_full(&self, place: &Place, stop: &Stop) -> bool {
        let Some(open) = &self.open else { return true };
        let from = &open.stop;
        if self.rule.is_compatible {
            let reach = place.out_start - from.out_offset + self.chunk_size;
            stop.in_offset != from.in_offset
                && (place.in_start - from.in_offset >= THEIR_INPUT || reach >= THEIR_OUTPUT)
        } else {
            place.out_end - from.out_offset > u64::from(self.rule.span) && stop.in_offset > from.in_offset
        }
    }

    fn close(&mut self) -> Result<(), Refused> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let reduced = if self.rule.is_compatible { None } else { Some(self.made_good(&mut open)?) };
        let dictionary = reduced.as_deref().unwrap_or(&open.stop.window);
        let mut record = [0; zran_context::SIZE];
        let mut set = |at: usize, bytes: &[u8]| put(&mut record, at, bytes);
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        set(zran_context::IN_OFFSET, &open.stop.in_offset.to_le_bytes());
        set(zran_context::OUT_OFFSET, &open.stop.out_offset.to_le_bytes());
        set(zran_context::DICTIONARY_OFFSET, &(self.dictionaries.len() as u64).to_le_bytes());
        set(zran_context::IN_SIZE, &narrow(open.in_len));
        set(zran_context::OUT_SIZE, &narrow(open.out_len));
        set(zran_context::DICTIONARY_SIZE, &narrow(dictionary.len() as u64));
        set(zran_context::PENDING_BYTE, &[open.stop.byte]);
        set(zran_context::PENDING_BITS, &[open.stop.bits]);
        self.dictionaries.extend_from_slice(dictionary);
        self.records.extend_from_slice(&record);
        self.count += 1;
        Ok(())
    }

    /// Returns the dictionary that the context needs. If its output ends where a member ends, where readers fail, its input is
    /// cut or extended until they do not.
    fn made_good(&mut self, open: &mut Open) -> Result<Vec<u8>, Refused> {
        let gone = Refused("its compressed bytes are too far apart to be tried");
        let (mut decoder, mut reducer) = match self.decoder.take() {
            Some(both) => both,
            None => (Decoder::new().ok_or(Refused("there is no memory to try it"))?, Reducer::default()),
        };
        let size = |len: u64| usize::try_from(len).unwrap_or(usize::MAX);
        let (in_len, out_len) = (size(open.in_len), size(open.out_len));
        let from = open.stop.in_offset;
        let kept = |len: usize| self.history.read(from, len).filter(|input| input.len() >= len).ok_or(gone);
        // Blocks may be empty, so the first bytes are nearly always enough, but not always.
        let first = in_len.min(FIRST_INPUT);
        let dictionary = match reducer.reduced(&mut decoder, &open.stop, &kept(first)?, out_len) {
            Some(dictionary) => dictionary,
            None => reducer
                .reduced(&mut decoder, &open.stop, &kept(in_len)?, out_len)
                .ok_or(Refused("a context makes too little"))?,
        };
        if open.ends_member {
            let beyond = in_len + MAX_HEADER + MOST_ADDED;
            let input = self.history.read(from, beyond).filter(|input| input.len() >= in_len);
            let input = input.ok_or(gone)?;
            let start = Start { byte: open.stop.byte, bits: open.stop.bits, dictionary: &dictionary };
            let mut output = vec![0; out_len];
            let mut reads = |len: usize| {
                input.get(..len).is_some_and(|input| decoder.decode(start, input, &mut output).is_ok())
            };
            let cut = (1..=MOST_CUT).filter_map(|cut| in_len.checked_sub(cut));
            let added = beyond_member(&input, in_len).into_iter();
            let added = added.flat_map(|header_end| (1..=MOST_ADDED).map(move |more| header_end + more));
            let len = std::iter::once(in_len).chain(cut).chain(added).find(|len| reads(*len)).ok_or(Refused(
                "a chunk ends with a member of the gzip file, in a way that readers of the format cannot read",
            ))?;
            open.in_len = len as u64;
        }
        self.decoder = Some((decoder, reducer));
        Ok(dictionary)
    }
}

/// The offset behind the header of the member that follows one whose blocks end at `end`.
fn beyond_member(input: &[u8], end: usize) -> Option<usize> {
    let header = input.get(end + 8..)?;
    let mut inflate = nydus_zlib::Inflate::new(nydus_zlib::Form::Gzip)?;
    let step = inflate.step(header, &mut [], true).ok()?;
    step.stop.map(|_| end + 8 + step.used)
}
