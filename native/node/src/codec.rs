//! One-shot codecs, on threads of our own: libuv's four also serve files and DNS.

use std::sync::{Arc, OnceLock};

use napi::bindgen_prelude::{Buffer, Env, Object};
use napi_derive::napi;
use nydus_core::Reply;
use nydus_core::compress::{Codec, Compressor, zstd_levels, zstd_version};
use nydus_core::pool::{Pool, Worker, guarded};
use nydus_core::{Error, Result};

use crate::outcome::promise;

/// Threads for these calls, for the whole process; they start with the first call.
fn run<T: 'static>(reply: Reply<T>, work: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static) {
    static POOL: OnceLock<Option<Pool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        Pool::new(std::thread::available_parallelism().map_or(1, usize::from), &Arc::default()).ok()
    });
    // When the pool cannot take the job, dropping it settles the promise with an error.
    if let Some(pool) = pool {
        let _ = pool.run(Box::new(move |worker| reply(guarded(|| work(worker)))));
    }
}

/// One zstd frame, as chunks are stored; null when it would not be smaller.
#[napi(catch_unwind)]
pub fn compress(env: &Env, bytes: Buffer, level: i32) -> napi::Result<Object<'_>> {
    let (reply, promise) = promise::<Option<Buffer>>(env)?;
    run(reply, move |worker| {
        if !zstd_levels().contains(&level) {
            return Err(Error::unsupported(format!("zstd has no level {level}")));
        }
        let mut to = vec![0; Compressor::bound(bytes.len())];
        let len = worker.compressor()?.compress(&mut to, &bytes, level)?;
        Ok(len.map(|len| {
            to.truncate(len);
            to.shrink_to_fit();
            to.into()
        }))
    });
    Ok(promise)
}

/// Decodes to exactly `size` bytes.
#[napi(catch_unwind)]
pub fn decompress(env: &Env, bytes: Buffer, encoding: String, size: u32) -> napi::Result<Object<'_>> {
    let (reply, promise) = promise::<Buffer>(env)?;
    run(reply, move |worker| {
        let codec = Codec::named(&encoding)
            .ok_or_else(|| Error::unsupported(format!("data cannot be decompressed from {encoding}")))?;
        let mut to = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        worker.decompressor()?.decompress(codec, &mut to, &bytes)?;
        Ok(to.into())
    });
    Ok(promise)
}

/// One gzip member of all parts together, the same bytes on every machine.
#[napi(catch_unwind)]
pub fn gzip(env: &Env, parts: Vec<Buffer>) -> napi::Result<Object<'_>> {
    let (reply, promise) = promise::<Buffer>(env)?;
    run(reply, move |_| Ok(nydus_core::gzip::gzip(parts.iter().map(|part| &part[..]))?.into()));
    Ok(promise)
}

/// Of the addon and the codecs whose output depends on their version.
#[napi(object)]
pub struct NativeVersions {
    /// This crate.
    pub addon: String,
    /// libzstd.
    pub zstd: String,
}

/// For `--version` and bug reports.
#[napi(catch_unwind)]
pub fn versions() -> NativeVersions {
    NativeVersions { addon: env!("CARGO_PKG_VERSION").to_owned(), zstd: zstd_version().to_owned() }
}
