//! Reads contexts back: the table behind the chunk records of a blob that refers to a gzip layer.

use std::ops::Range;

use nydus_layout::zran_context;

use super::decode::{Decoder, Start, Undecodable};
use crate::error::{Error, Result};

/// The most bytes that readers let a context make.
pub const MAX_OUTPUT: u32 = 16 << 20;
/// The most compressed bytes of a context that are read: what makes 16 MiB takes no more, unless it is made to.
pub const MAX_INPUT: u32 = 32 << 20;

/// A place from which a layer is inflated. Offsets and sizes are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Where its compressed bytes lie in the layer.
    pub start: u64,
    /// The number of these bytes.
    pub in_size: u32,
    /// The number of bytes that it makes.
    pub out_size: u32,
    /// Where its dictionary lies among all.
    dictionary: Range<usize>,
    byte: u8,
    bits: u8,
}

impl Context {
    /// The end of its compressed bytes in the layer.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(u64::from(self.in_size))
    }
}

/// The contexts of a blob and their dictionaries.
#[derive(Clone, Debug, Default)]
pub struct ContextTable {
    contexts: Vec<Context>,
    dictionaries: Vec<u8>,
}

impl ContextTable {
    /// Reads `count` contexts, which all dictionaries follow.
    pub fn read(bytes: &[u8], count: u32) -> Result<Self> {
        let size = (count as usize).checked_mul(zran_context::SIZE);
        let split = size.and_then(|size| bytes.split_at_checked(size));
        let (records, dictionaries) = split.ok_or_else(|| {
            Error::format(format!("{} bytes have no room for {count} contexts", bytes.len()))
        })?;
        let contexts = records.as_chunks().0.iter().map(read).collect();
        Ok(Self { contexts, dictionaries: dictionaries.to_vec() })
    }

    /// The context with this number.
    pub fn get(&self, number: u32) -> Option<&Context> {
        self.contexts.get(number as usize)
    }

    /// Fills `output` as readers of the format do.
    pub fn decode(
        &self,
        decoder: &mut Decoder,
        context: &Context,
        input: &[u8],
        output: &mut [u8],
    ) -> std::result::Result<(), Undecodable> {
        let dictionary = self.dictionaries.get(context.dictionary.clone()).ok_or(Undecodable::Dictionary)?;
        decoder.decode(Start { byte: context.byte, bits: context.bits, dictionary }, input, output)
    }
}

fn read(record: &[u8; zran_context::SIZE]) -> Context {
    let word = |at: usize| u32::from_le_bytes(get(record, at));
    let wide = |at: usize| u64::from_le_bytes(get(record, at));
    let [byte, bits] = get(record, zran_context::PENDING_BYTE);
    let start = usize::try_from(wide(zran_context::DICTIONARY_OFFSET)).unwrap_or(usize::MAX);
    let size = word(zran_context::DICTIONARY_SIZE) as usize;
    Context {
        start: wide(zran_context::IN_OFFSET),
        in_size: word(zran_context::IN_SIZE),
        out_size: word(zran_context::OUT_SIZE),
        dictionary: start..start.saturating_add(size),
        byte,
        bits,
    }
}

fn get<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    record.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

/// Inflates a stretch of a layer from one context, whose dictionary is given. `Format` says why clients fail.
pub fn inflate_context(
    input: &[u8],
    (byte, bits): (u8, u8),
    dictionary: &[u8],
    size: u32,
) -> Result<Vec<u8>> {
    if size > MAX_OUTPUT {
        return Err(Error::format(format!("it makes {size} bytes, and clients take at most {MAX_OUTPUT}")));
    }
    let mut decoder = Decoder::new().ok_or_else(|| Error::internal("no memory to inflate"))?;
    let mut output = vec![0; size as usize];
    let start = Start { byte, bits, dictionary };
    decoder.decode(start, input, &mut output).map_err(|why| Error::format(why.reason().to_owned()))?;
    Ok(output)
}
