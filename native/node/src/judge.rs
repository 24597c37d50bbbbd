//! What the judge finds: conversions and calls.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use nydus_judge::{Finding, ScannedLayer, latin1};

use crate::outcome::Outcome;
use crate::packer::number;
use crate::scanner::ScannedTables;

/// See `Finding` of `nydus-judge`.
#[napi(object)]
pub struct NativeFinding {
    /// Position in the table of sentences.
    pub sentence: u32,
    /// For its placeholders, in their order.
    pub args: Vec<String>,
    /// One character a byte.
    pub path: Option<String>,
    /// Bytes from the start of the bootstrap.
    pub offset: Option<i64>,
    /// For people.
    pub expected: Option<String>,
    /// For people.
    pub found: Option<String>,
}

impl From<Finding> for NativeFinding {
    fn from(finding: Finding) -> Self {
        Self {
            sentence: finding.sentence as u32,
            args: finding.args,
            path: finding.path.map(|path| latin1(&path)),
            offset: finding.offset.map(number),
            expected: finding.expected,
            found: finding.found,
        }
    }
}

/// Everything that is wrong with a bootstrap.
#[napi(catch_unwind, ts_return_type = "Outcome<Array<NativeFinding>>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn judge_bootstrap(bytes: Buffer) -> Outcome<Vec<NativeFinding>> {
    Outcome(Ok(nydus_judge::judge(&bytes).into_iter().map(Into::into).collect()))
}

/// Why no reader could follow a bootstrap; nothing for one that can be read, whatever else is wrong with it.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeFinding | null>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn refusal_of_bootstrap(bytes: Buffer) -> Outcome<Option<NativeFinding>> {
    Outcome(Ok(nydus_judge::refusal(&bytes).map(Into::into)))
}

/// Whether layers unpack to the tree that a bootstrap shows; false, too, when it cannot be read.
#[napi(catch_unwind, ts_return_type = "Outcome<boolean>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn is_tree_of_layers(bytes: Buffer, layers: Vec<ScannedTables>) -> Outcome<bool> {
    let layers: Vec<_> = layers
        .iter()
        .map(|ScannedTables { entries, references, chunks }| ScannedLayer { entries, references, chunks })
        .collect();
    Outcome(Ok(nydus_judge::is_same(&bytes, &layers)))
}
