//! Calls the judge and converts its findings.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use nydus_judge::{Finding, ScannedLayer, latin1};

use crate::outcome::Outcome;
use crate::packer::number;
use crate::scanner::ScannedTables;

/// A fault of a bootstrap; `Finding` of `nydus-judge` explains the fields.
#[napi(object)]
pub struct NativeFinding {
    /// Position of its sentence in the table of sentences.
    pub sentence: u32,
    /// Arguments for the sentence's placeholders, in their order.
    pub args: Vec<String>,
    /// Path of the file, with one character for each byte.
    pub path: Option<String>,
    /// Bytes from the start of the bootstrap.
    pub offset: Option<i64>,
    /// The value of a sound bootstrap, for people.
    pub expected: Option<String>,
    /// The value of this bootstrap, for people.
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

/// Finds everything that is wrong with a bootstrap.
#[napi(catch_unwind, ts_return_type = "Outcome<Array<NativeFinding>>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn judge_bootstrap(bytes: Buffer) -> Outcome<Vec<NativeFinding>> {
    Outcome(Ok(nydus_judge::judge(&bytes).into_iter().map(Into::into).collect()))
}

/// Returns the reason why no reader could follow a bootstrap, or null if it can be read, whatever other faults it has.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeFinding | null>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn refusal_of_bootstrap(bytes: Buffer) -> Outcome<Option<NativeFinding>> {
    Outcome(Ok(nydus_judge::refusal(&bytes).map(Into::into)))
}

/// True if layers unpack to the tree that a bootstrap shows; false, too, if it cannot be read.
#[napi(catch_unwind, ts_return_type = "Outcome<boolean>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn is_tree_of_layers(bytes: Buffer, layers: Vec<ScannedTables>) -> Outcome<bool> {
    let layers: Vec<_> = layers
        .iter()
        .map(|ScannedTables { entries, references, chunks }| ScannedLayer { entries, references, chunks })
        .collect();
    Outcome(Ok(nydus_judge::is_same(&bytes, &layers)))
}
