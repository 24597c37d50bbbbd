//! Runs one-shot codecs on threads of their own, since libuv's four also serve files and DNS, and returns the table of
//! codecs. Each takes a copy of its input, since the caller may change or transfer its own while a thread reads.

use std::sync::OnceLock;

use napi::bindgen_prelude::{Buffer, BufferSlice, Env, Object};
use napi_derive::napi;
use nydus_core::codec::{self, CODECS, Codec, Compression, Contexts, DEFAULT};
use nydus_core::format::{AUTO_BATCH, AUTO_FILE, Format};
use nydus_core::pool::{Pool, guarded};
use nydus_core::readers::{READERS, Reader};
use nydus_core::{Reply, Result};

use crate::options::FormatOptions;
use crate::outcome::promise;

/// Runs `work` on threads that all these calls share. The first call starts them.
pub(crate) fn run<T: 'static>(
    reply: Reply<T>,
    work: impl FnOnce(&mut Contexts) -> Result<T> + Send + 'static,
) {
    static POOL: OnceLock<Option<Pool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| Pool::new(cores(), &std::sync::Arc::default()).ok());
    // If the pool cannot take the job, dropping it settles the promise with an error.
    if let Some(pool) = pool {
        let _ = pool.run(Box::new(move |contexts| reply(guarded(|| work(contexts)))));
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Compresses like a chunk, with the default codec; null if the result would not be smaller.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<Buffer | null>>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn compress<'env>(env: &'env Env, bytes: BufferSlice<'_>, level: i32) -> napi::Result<Object<'env>> {
    let bytes = bytes.to_vec();
    let (reply, promise) = promise::<Option<Buffer>>(env)?;
    run(reply, move |contexts| {
        let compression = Compression::new(DEFAULT.name, level)?;
        Ok(contexts.compressed(compression, &bytes)?.map(Into::into))
    });
    Ok(promise)
}

/// Decodes data to exactly `size` bytes.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<Buffer>>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn decompress<'env>(
    env: &'env Env,
    bytes: BufferSlice<'_>,
    compressor: String,
    size: u32,
) -> napi::Result<Object<'env>> {
    let bytes = bytes.to_vec();
    let (reply, promise) = promise::<Buffer>(env)?;
    run(reply, move |contexts| {
        let codec = Codec::decoding(&compressor)?;
        let mut to = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        contexts.decompress(codec, &mut to, &bytes)?;
        Ok(to.into())
    });
    Ok(promise)
}

/// A place from which a gzip layer is inflated.
#[napi(object)]
pub struct NativeContext {
    /// The byte before the first one, of which `bits` bits are pending.
    pub byte: u8,
    /// The number of these bits, from the top of the byte.
    pub bits: u8,
    /// The bytes that come before the output.
    pub dictionary: Buffer,
    /// Bytes to make.
    pub size: u32,
}

/// Inflates a stretch of a gzip layer as clients do; an error says why they fail.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<Buffer>>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn inflate_context<'env>(
    env: &'env Env,
    bytes: BufferSlice<'_>,
    context: NativeContext,
) -> napi::Result<Object<'env>> {
    let (bytes, dictionary) = (bytes.to_vec(), context.dictionary.to_vec());
    let NativeContext { byte, bits, size, .. } = context;
    let (reply, promise) = promise::<Buffer>(env)?;
    run(reply, move |_| Ok(nydus_core::inflate_context(&bytes, (byte, bits), &dictionary, size)?.into()));
    Ok(promise)
}

/// Compresses all parts together to one gzip member, whose bytes are the same on every machine.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<Buffer>>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn gzip<'env>(env: &'env Env, parts: Vec<BufferSlice<'_>>) -> napi::Result<Object<'env>> {
    let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
    let (reply, promise) = promise::<Buffer>(env)?;
    run(reply, move |_| Ok(codec::gzip(parts.iter().map(|part| &part[..]), cores())?.into()));
    Ok(promise)
}

/// The levels that users may choose.
#[napi(object)]
pub struct NativeLevels {
    /// The fastest level.
    pub min: i32,
    /// The level with the smallest output.
    pub max: i32,
    /// The reference builder's level.
    pub default: i32,
}

/// A row of the table of codecs.
#[napi(object)]
pub struct NativeCodec {
    /// Name in the format; users write it in options, too.
    pub name: String,
    /// True if chunks can be stored with it.
    pub is_written: bool,
    /// The levels, if the codec has any.
    pub levels: Option<NativeLevels>,
    /// Version of the library that writes the compressed bytes; the digests of images depend on it.
    pub version: Option<String>,
}

/// A row of the table of readers; `Reader` of `nydus-core` explains the fields.
#[napi(object)]
pub struct NativeReader {
    /// Name in options.
    pub name: String,
    /// True if it knows checksums of chunks.
    pub checksums: bool,
    /// True if it knows chunks that are compressed together.
    pub batches: bool,
}

/// The files that are compressed together if the caller leaves the choice.
#[napi(object)]
pub struct NativeAutoBatches {
    /// Bytes below which a batch stays, or the chunk size if that is less.
    pub size: u32,
    /// Bytes below which a file is in one, or half a batch if that is less.
    pub below: u32,
}

/// The codecs, versions and readers that images can be written with and for.
#[napi(object)]
pub struct NativeFormats {
    /// Every codec that the format names, in the order of their numbers.
    pub codecs: Vec<NativeCodec>,
    /// RAFS versions.
    pub versions: Vec<u32>,
    /// The oldest readers, the default first.
    pub readers: Vec<NativeReader>,
    /// The rule of batches that the caller leaves to the packer.
    pub auto_batches: NativeAutoBatches,
    /// The values of options that the caller leaves out.
    pub defaults: FormatOptions,
}

/// Returns the tables that src/native/formats.ts is generated from.
#[napi(catch_unwind)]
pub fn formats() -> NativeFormats {
    let row = |codec: &Codec| NativeCodec {
        name: codec.name.to_owned(),
        is_written: codec.is_written(),
        levels: codec.levels.map(|levels| NativeLevels {
            min: levels.min,
            max: levels.max,
            default: levels.default,
        }),
        version: codec.version.map(|version| version().to_owned()),
    };
    NativeFormats {
        codecs: CODECS.into_iter().map(row).collect(),
        versions: Format::versions().collect(),
        readers: READERS
            .iter()
            .map(|&Reader { name, checksums, batches }| NativeReader {
                name: name.to_owned(),
                checksums,
                batches,
            })
            .collect(),
        auto_batches: NativeAutoBatches { size: AUTO_BATCH, below: AUTO_FILE },
        defaults: FormatOptions::default(),
    }
}

/// Returns the version of this crate, for `--version` and bug reports.
#[napi(catch_unwind)]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
