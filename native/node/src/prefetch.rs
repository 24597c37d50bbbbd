//! Looks a prefetch list up in a tree that TypeScript has read.

use napi::bindgen_prelude::{BufferSlice, Env, Object};
use napi_derive::napi;
use nydus_core::prefetch::{PackedListing, resolve};
use nydus_core::{Error, Result};

use crate::codec::run;
use crate::options::{PrefetchPattern, patterns_of};
use crate::outcome::promise;

/// What a list comes to in a tree.
#[napi(object)]
pub struct NativeResolved {
    /// The rows in the order of the list. A directory stands for everything in it.
    pub rows: Vec<u32>,
    /// The positions of the patterns that lead nowhere.
    pub missing: Vec<u32>,
    /// The number of patterns that an earlier one covers.
    pub covered: u32,
    /// The number of patterns that lead only to what has no content.
    pub empty: u32,
}

/// Looks the patterns up in a tree, packed as `src/look/prefetch.ts` packs it.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeResolved>>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn resolve_prefetch<'env>(
    env: &'env Env,
    listing: BufferSlice<'_>,
    patterns: Vec<PrefetchPattern>,
) -> napi::Result<Object<'env>> {
    let bytes = listing.to_vec();
    let (reply, promise) = promise::<NativeResolved>(env)?;
    run(reply, move |_| -> Result<NativeResolved> {
        let unreadable = || Error::internal("the listing of a tree is in another form");
        let listing = PackedListing::read(bytes).ok_or_else(unreadable)?;
        let resolved = resolve(&patterns_of(patterns)?, &listing)?;
        Ok(NativeResolved {
            rows: resolved.rows,
            missing: resolved.missing,
            covered: resolved.covered,
            empty: resolved.empty,
        })
    });
    Ok(promise)
}
