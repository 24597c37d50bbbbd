//! One thread cuts a gzip layer at the contexts that chunks are referred to by; the pool inflates each as clients do, and checks
//! its chunks. Contexts may overlap in the layer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::digest::BlobDigest;
use super::{IN_FLIGHT_BYTES, Shared};
use crate::codec::MAX_CHUNK;
use crate::error::{Error, Result};
use crate::pool::Pool;
use crate::zran::{Context, ContextTable, Decoder, MAX_INPUT, MAX_OUTPUT};

/// All contexts together may take this many times the bytes of the layer so far, and `FREE` more. Others are not inflated, so that
/// a small layer with many contexts does not keep the reader busy for ever.
const MOST_TIMES: u64 = 4;
const FREE: u64 = 64 << 20;
/// Contexts that do not overlap make at most this many bytes of each byte (RFC 1951: a byte holds up to four pairs of codes, each for
/// up to 258 bytes). All together may make `MOST_TIMES` as many, and `FREE_MADE` more.
const DEFLATE_RATIO: u64 = 1032;
const FREE_MADE: u64 = 1 << 30;

/// A context, and the chunks that lie in what it makes.
struct Planned {
    number: u32,
    context: Context,
    chunks: Vec<u32>,
}

/// The state of the thread that cuts.
pub struct ContextCutter<'a> {
    shared: &'a Arc<Shared>,
    pool: Pool,
    table: Arc<ContextTable>,
    /// The contexts still to come, the next one last.
    ahead: Vec<Planned>,
    /// Bytes of the layer that are read.
    position: u64,
    /// The last of these bytes.
    kept: Vec<u8>,
    /// Compressed bytes of all contexts so far.
    taken: u64,
    /// Bytes that they make.
    made: u64,
}

impl<'a> ContextCutter<'a> {
    /// Makes a cutter whose contexts are inflated in `pool`.
    pub fn new(shared: &'a Arc<Shared>, pool: Pool, table: Arc<ContextTable>) -> Self {
        Self { shared, pool, table, ahead: Vec::new(), position: 0, kept: Vec::new(), taken: 0, made: 0 }
    }

    /// Cuts the layer to its end, and delivers the answer.
    pub fn run(mut self) -> Result<()> {
        self.ahead = self.plan()?;
        let mut layer = BlobDigest::new(self.shared.prefix);
        while let Some(bytes) = self.shared.input.pop()? {
            layer.update(&bytes);
            self.cut(&bytes)?;
        }
        let end = self.position;
        for Planned { number, chunks, .. } in &self.ahead {
            for &index in chunks {
                self.shared
                    .fault(index, format!("its context {number} lies beyond the end of the layer at {end}"));
            }
        }
        self.shared.deliver(layer)
    }

    /// Lists the contexts that can be inflated in the order of their bytes, the first one last.
    fn plan(&self) -> Result<Vec<Planned>> {
        let count = u32::try_from(self.shared.records.len());
        let count = count.map_err(|_| Error::unsupported("table has more than 2^32 chunks"))?;
        let mut chunks: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for index in 0..count {
            let (number, offset) = self.shared.in_context(index)?;
            let size = self.shared.record(index)?.uncompressed_size;
            let Some(context) = self.table.get(number) else {
                self.shared.fault(index, format!("its context {number} is not there"));
                continue;
            };
            if size == 0 || size as usize > MAX_CHUNK {
                self.shared.fault(index, format!("has {size} bytes; chunks have 1 to {MAX_CHUNK}"));
            } else if u64::from(offset) + u64::from(size) > u64::from(context.out_size) {
                let out = context.out_size;
                self.shared
                    .fault(index, format!("ends behind the {out} bytes that its context {number} makes"));
            } else {
                chunks.entry(number).or_default().push(index);
            }
        }
        let mut planned = Vec::with_capacity(chunks.len());
        for (number, chunks) in chunks {
            let Some(context) = self.table.get(number).cloned() else { continue };
            let planning = Planned { number, context, chunks };
            match impossible(&planning.context) {
                Some(reason) => planning.fail(self.shared, &reason),
                None => planned.push(planning),
            }
        }
        planned.sort_by_key(|planned| std::cmp::Reverse((planned.context.start, planned.number)));
        Ok(planned)
    }

    /// Takes the next bytes of the layer, and sends the contexts that are complete.
    fn cut(&mut self, bytes: &[u8]) -> Result<()> {
        self.position += bytes.len() as u64;
        if self.ahead.is_empty() {
            return Ok(());
        }
        self.kept.extend_from_slice(bytes);
        while let Some(planned) = self.ahead.pop_if(|next| next.context.end() <= self.position) {
            self.send(planned)?;
        }
        // The next context begins first of all that are left.
        let needed = self.ahead.last().map_or(self.position, |next| next.context.start.min(self.position));
        let start = self.position - self.kept.len() as u64;
        let gone = usize::try_from(needed.saturating_sub(start)).unwrap_or(usize::MAX).min(self.kept.len());
        self.kept.drain(..gone);
        Ok(())
    }

    fn send(&mut self, planned: Planned) -> Result<()> {
        self.taken += u64::from(planned.context.in_size);
        if self.taken > self.position.saturating_mul(MOST_TIMES).saturating_add(FREE) {
            planned.fail(self.shared, "was not inflated: contexts take the same bytes too often");
            return Ok(());
        }
        self.made += u64::from(planned.context.out_size);
        if self.made > self.position.saturating_mul(MOST_TIMES * DEFLATE_RATIO).saturating_add(FREE_MADE) {
            planned.fail(self.shared, "was not inflated: contexts make the same bytes too often");
            return Ok(());
        }
        let start = self.position - self.kept.len() as u64;
        let from = planned.context.start.checked_sub(start).and_then(|from| usize::try_from(from).ok());
        let input = from.and_then(|from| self.kept.get(from..)?.get(..planned.context.in_size as usize));
        let input =
            input.ok_or_else(|| Error::internal("a context lies outside of the bytes that are kept"))?;
        let price = (input.len() + planned.context.out_size as usize).min(IN_FLIGHT_BYTES);
        self.shared.budget.take(price)?;
        let input = input.to_vec();
        let (shared, table) = (Arc::clone(self.shared), Arc::clone(&self.table));
        self.pool.run(Box::new(move |_| {
            shared.run(|| {
                if shared.ending.failure().is_none() {
                    planned.check(&shared, &table, &input)?;
                }
                drop(input);
                shared.budget.give(price);
                Ok(())
            });
        }))
    }
}

/// The reason why no client inflates such a context, if there is one.
fn impossible(context: &Context) -> Option<String> {
    if context.out_size > MAX_OUTPUT {
        return Some(format!("makes {} bytes, and clients take at most {MAX_OUTPUT}", context.out_size));
    }
    if context.in_size > MAX_INPUT {
        return Some(format!("takes {} compressed bytes", context.in_size));
    }
    None
}

impl Planned {
    fn fail(&self, shared: &Shared, reason: &str) {
        for &index in &self.chunks {
            shared.fault(index, format!("its context {} {reason}", self.number));
        }
    }

    fn check(&self, shared: &Shared, table: &ContextTable, input: &[u8]) -> Result<()> {
        let mut decoder = Decoder::new().ok_or_else(|| Error::internal("no memory to inflate"))?;
        let mut output = vec![0; self.context.out_size as usize];
        if let Err(why) = table.decode(&mut decoder, &self.context, input, &mut output) {
            self.fail(shared, &format!("cannot be inflated: {}", why.reason()));
            return Ok(());
        }
        for &index in &self.chunks {
            let record = shared.record(index)?;
            let from = shared.in_context(index)?.1 as usize;
            let plain = output.get(from..).and_then(|rest| rest.get(..record.uncompressed_size as usize));
            let plain = plain.ok_or_else(|| Error::internal("chunk lies outside of its context"))?;
            if let Some(message) = shared.difference(record, plain) {
                shared.fault(index, format!("{message}, inflated from context {}", self.number));
            }
        }
        Ok(())
    }
}
