//! `RunBudget` is what the images of one run take together. Packers, scanners and unpackers of archives share it.

use std::sync::Arc;

use napi_derive::napi;
use nydus_core::budget::{self, Budget};

use crate::outcome::Outcome;

/// The most that the images of one run may take. Each has a default that real images stay far below.
#[napi(object)]
#[derive(Clone, Copy, Default)]
#[allow(clippy::struct_field_names)] // The names are those of the flags.
pub struct Limits {
    /// Entries of all layers, of each layer as often as the image lists it.
    pub max_entries: Option<i64>,
    /// Bytes of metadata, beyond those that the compressed layers account for.
    pub max_metadata: Option<i64>,
    /// Bytes of chunk data in files, beyond those that the compressed layers account for.
    pub max_disk: Option<i64>,
    /// Uncompressed bytes for each compressed byte, from 1 GiB on.
    pub max_expansion: Option<i64>,
}

impl Limits {
    /// The limits, with defaults filled in.
    fn filled(given: Self) -> budget::Limits {
        let mut limits = budget::Limits::default();
        let set = |limit: &mut u64, value: Option<i64>| {
            if let Some(value) = value.and_then(|value| u64::try_from(value).ok()) {
                *limit = value;
            }
        };
        set(&mut limits.entries, given.max_entries);
        set(&mut limits.metadata, given.max_metadata);
        set(&mut limits.disk, given.max_disk);
        set(&mut limits.expansion, given.max_expansion);
        limits
    }
}

/// What the images of one run have taken together.
#[napi(js_name = "NativeBudget")]
pub struct RunBudget(pub(crate) Arc<Budget>);

/// Makes the budget of one run.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn open_budget(limits: Limits) -> RunBudget {
    RunBudget(Arc::new(Budget::new(Limits::filled(limits))))
}

#[napi]
impl RunBudget {
    /// Charges bytes of metadata that no layer accounts for.
    #[napi(catch_unwind, ts_return_type = "Outcome<undefined>")]
    pub fn metadata(&self, bytes: i64) -> Outcome<()> {
        Outcome(self.0.metadata(u64::try_from(bytes).unwrap_or_default()))
    }
}
