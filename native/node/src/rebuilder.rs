//! `NativeRebuilder` makes the compressed tar of a layer from chunks.

use napi::bindgen_prelude::{Buffer, Env, Object};
use napi_derive::napi;
use nydus_core::codec::Codec;
use nydus_core::digest::Digester;
use nydus_core::rebuild::{self, RebuildOptions, Rebuilt, Unit};
use nydus_core::table::ChunkRecord;
use nydus_core::{Error, Result};

use crate::options::count;
use crate::outcome::{Outcome, promise};
use crate::packer::{number, sha256_name};

/// A part of a tar, all of whose chunks lie in one blob.
#[napi(object)]
pub struct NativeTarUnit {
    /// The blob's name, for messages.
    pub blob: String,
    /// Name of the codec of compressed chunks.
    pub compressor: String,
    /// `blake3` or `sha256`.
    pub digester: String,
    /// Headers and paddings, one after the other.
    pub literals: Buffer,
    /// Bytes of the literals, and the number of chunks that follow them; again and again, as numbers of 32 bits.
    pub steps: Buffer,
    /// Packed chunk records, in the order of the tar.
    pub chunks: Buffer,
    /// Chunks of which the tar has only a part: position, and where the part begins and ends, as numbers of 32 bits.
    pub cuts: Buffer,
    /// Ranges of the blob, by their offsets.
    pub ranges: Vec<Buffer>,
    /// The offsets of the ranges.
    pub starts: Vec<i64>,
}

/// A complete layer.
#[napi(object)]
pub struct NativeRebuilt {
    /// `sha256:…` of the compressed tar.
    pub digest: String,
    /// Bytes of the compressed tar.
    pub size: i64,
    /// `sha256:…` of the tar.
    pub diff_id: String,
    /// Bytes of the tar.
    pub tar_size: i64,
}

impl From<Rebuilt> for NativeRebuilt {
    fn from(Rebuilt { digest, size, diff_id, tar_size }: Rebuilt) -> Self {
        Self {
            digest: sha256_name(&digest),
            size: number(size),
            diff_id: sha256_name(&diff_id),
            tar_size: number(tar_size),
        }
    }
}

/// A layer that is made again.
#[napi(js_name = "NativeRebuilder")]
pub struct Rebuilder(rebuild::Rebuilder);

/// Makes a rebuilder. It is a function instead of a constructor, so that a refusal is an outcome.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeRebuilder>")]
pub fn open_rebuilder(
    compressor: String,
    level: Option<i32>,
    threads: u32,
    record: Option<Buffer>,
) -> Outcome<Rebuilder> {
    let record = record.map(|bytes| bytes.to_vec());
    let options = RebuildOptions { compressor, level, threads: count(threads), record };
    Outcome(rebuild::Rebuilder::new(options).map(Rebuilder))
}

#[napi]
impl Rebuilder {
    /// Takes a copy of the next part without waiting. Returns true if there is room for more; if not, `room` settles when there
    /// is.
    #[napi(catch_unwind, ts_return_type = "Outcome<boolean>")]
    pub fn write(&self, unit: NativeTarUnit) -> Outcome<bool> {
        Outcome(unit_of(unit).and_then(|unit| self.0.write(unit)))
    }

    /// Settles when there is room.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn room<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<()>(env)?;
        self.0.on_room(reply);
        Ok(promise)
    }

    /// Settles with the next bytes of the layer; with null behind the last ones. One call at a time.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<Buffer | null>>")]
    pub fn read<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<Option<Buffer>>(env)?;
        self.0.on_bytes(Box::new(move |result| reply(result.map(|bytes| bytes.map(Into::into)))));
        Ok(promise)
    }

    /// Ends the tar; settles when the layer is complete. Its bytes must be read meanwhile.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeRebuilt>>")]
    pub fn finish<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeRebuilt>(env)?;
        self.0.finish(Box::new(move |result| reply(result.map(Into::into))));
        Ok(promise)
    }

    /// Ends the threads; promises that wait settle with an error.
    #[napi(catch_unwind)]
    pub fn abort(&self) {
        self.0.abort();
    }
}

fn unit_of(unit: NativeTarUnit) -> Result<Unit> {
    let NativeTarUnit { blob, compressor, digester, literals, steps, chunks, cuts, ranges, starts } = unit;
    let unknown = || Error::unsupported(format!("chunks cannot be decompressed from {compressor}"));
    let (words, _) = steps.as_chunks::<4>();
    let (pairs, _) = words.as_chunks::<2>();
    let (cut_words, _) = cuts.as_chunks::<4>();
    let (triples, _) = cut_words.as_chunks::<3>();
    let range = |(start, bytes): (i64, Buffer)| (u64::try_from(start).unwrap_or(0), bytes.to_vec());
    Ok(Unit {
        blob,
        codec: Codec::named(&compressor).ok_or_else(unknown)?,
        digester: Digester::named(&digester)?,
        literals: literals.to_vec(),
        steps: pairs
            .iter()
            .map(|&[bytes, count]| (u32::from_le_bytes(bytes), u32::from_le_bytes(count)))
            .collect(),
        chunks: ChunkRecord::iter(&chunks).collect(),
        cuts: triples
            .iter()
            .map(|&[position, from, to]| {
                (u32::from_le_bytes(position), u32::from_le_bytes(from), u32::from_le_bytes(to))
            })
            .collect(),
        ranges: starts.into_iter().zip(ranges).map(range).collect(),
    })
}
