//! `BlobVerifier` reads a blob and checks it against a table of chunks.

use napi::bindgen_prelude::{Buffer, BufferSlice, Env, Object};
use napi_derive::napi;
use nydus_core::Result;
use nydus_core::digest::Digester;
use nydus_core::verify::{self, VerifyOptions};

use crate::options::count;
use crate::outcome::{Outcome, promise};
use crate::packer::{number, sha256_name};

/// The options of a verification.
#[napi(object)]
pub struct NativeVerifyOptions {
    /// Packed chunk records.
    pub chunks: Buffer,
    /// Name of the codec of compressed chunks.
    pub compressor: String,
    /// `blake3` or `sha256`.
    pub digester: String,
    /// The number of threads that decode.
    pub threads: u32,
    /// Length of the blob's prefix whose digest is reported, too.
    pub prefix: Option<i64>,
    /// If the bytes are a gzip layer: its contexts, then their dictionaries. The records then have the number of a context, and
    /// the offset in what it makes, in place of the offset in the address space.
    pub contexts: Option<Buffer>,
    /// The number of contexts.
    pub context_count: Option<u32>,
}

/// A chunk that differs from the table's record.
#[napi(object)]
pub struct NativeChunkFault {
    /// Position of the chunk in the table.
    pub index: u32,
    /// The difference, as a sentence without its subject.
    pub message: String,
}

/// The result of a verification.
#[napi(object)]
pub struct NativeVerified {
    /// `sha256:…` of the whole blob.
    pub digest: String,
    /// `sha256:…` of the prefix, if the caller asked for it and the blob is long enough.
    pub prefix_digest: Option<String>,
    /// Bytes of the blob.
    pub size: i64,
    /// The faults in the order of their chunks.
    pub faults: Vec<NativeChunkFault>,
}

impl From<verify::Verified> for NativeVerified {
    fn from(verified: verify::Verified) -> Self {
        let faults = verified.faults.into_iter();
        Self {
            digest: sha256_name(&verified.digest),
            prefix_digest: verified.prefix_digest.map(|digest| sha256_name(&digest)),
            size: number(verified.size),
            faults: faults
                .map(|fault| NativeChunkFault { index: fault.index, message: fault.message })
                .collect(),
        }
    }
}

/// Reads a blob and checks every chunk of a table.
#[napi(js_name = "NativeBlobVerifier")]
pub struct BlobVerifier(verify::BlobVerifier);

/// Makes a verifier. It is a function instead of a constructor, so that a refusal is an outcome.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeBlobVerifier>")]
pub fn open_blob_verifier(options: NativeVerifyOptions) -> Outcome<BlobVerifier> {
    Outcome(open(options))
}

fn open(options: NativeVerifyOptions) -> Result<BlobVerifier> {
    let mut verifying = VerifyOptions::default();
    verifying.compressor = options.compressor;
    verifying.digester = Digester::named(&options.digester)?;
    verifying.prefix = options.prefix.and_then(|prefix| u64::try_from(prefix).ok());
    verifying.contexts =
        options.contexts.map(|contexts| (contexts.to_vec(), options.context_count.unwrap_or(0)));
    verifying.threads = count(options.threads);
    verify::BlobVerifier::new(&options.chunks, &verifying).map(BlobVerifier)
}

#[napi]
impl BlobVerifier {
    /// Takes a copy of the bytes without waiting. Returns true if there is room for more; if not, `room` settles when there is.
    #[napi(catch_unwind, ts_return_type = "Outcome<boolean>")]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn write(&self, bytes: BufferSlice<'_>) -> Outcome<bool> {
        Outcome(self.0.write(bytes.to_vec()))
    }

    /// Settles when there is room.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn room<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<()>(env)?;
        self.0.on_room(reply);
        Ok(promise)
    }

    /// Ends the blob; settles when every chunk has been checked.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeVerified>>")]
    pub fn finish<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeVerified>(env)?;
        self.0.finish(Box::new(move |result| reply(result.map(Into::into))));
        Ok(promise)
    }

    /// Ends the threads; promises that wait settle with an error.
    #[napi(catch_unwind)]
    pub fn abort(&self) {
        self.0.abort();
    }
}
