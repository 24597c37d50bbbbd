//! Verdicts on bootstraps: option structs, conversions, calls.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use nydus_core::{Error, Result};
use nydus_judge::{ChunkTable, Facts, Finding, RecordLimits, ScannedLayer, latin1};

use crate::outcome::Outcome;
use crate::packer::{NativeTables, number};

/// Bytes of a file, from and to.
#[napi(object)]
pub struct NativeExtent {
    /// The first one.
    pub start: i64,
    /// The first one behind it.
    pub end: i64,
}

/// What holds of the chunk records of a blob.
#[napi(object)]
pub struct NativeRecordLimits {
    /// Its compressor is one.
    pub compresses: bool,
    /// Bytes.
    pub uncompressed_size: i64,
    /// Bytes.
    pub data_end: i64,
}

/// See `Facts` of `nydus-judge`.
#[napi(object)]
pub struct NativeFacts {
    /// Where nid 0 would be.
    pub meta_offset: i64,
    /// Of the root directory.
    pub root_nid: u32,
    /// As the super block counts them, in 64 bits.
    pub names: i64,
    /// Bytes.
    pub chunk_size: u32,
    /// Inodes may have extended attributes.
    pub with_xattrs: bool,
    /// Super blocks and tables.
    pub tables: Vec<NativeExtent>,
    /// Up to whose block the file may go on.
    pub reach: i64,
    /// Nids.
    pub prefetch: Vec<u32>,
    /// Of the chunk table.
    pub chunk_offset: i64,
    /// Records.
    pub chunk_count: u32,
    /// By blob; nothing for those that need a closer look.
    pub limits: Vec<Option<NativeRecordLimits>>,
}

impl NativeFacts {
    fn read(self) -> Result<Facts> {
        let limits = self.limits.into_iter().map(|limits| {
            let Some(limits) = limits else { return Ok(None) };
            let uncompressed_size = place(limits.uncompressed_size)? as u64;
            let data_end = place(limits.data_end)? as u64;
            Ok(Some(RecordLimits { compresses: limits.compresses, uncompressed_size, data_end }))
        });
        Ok(Facts {
            meta_offset: place(self.meta_offset)?,
            root_nid: self.root_nid,
            names: place(self.names)? as u64,
            chunk_size: self.chunk_size.into(),
            with_xattrs: self.with_xattrs,
            tables: self
                .tables
                .iter()
                .map(|extent| Ok(place(extent.start)?..place(extent.end)?))
                .collect::<Result<_>>()?,
            reach: place(self.reach)?,
            prefetch: self.prefetch,
            chunks: ChunkTable {
                offset: place(self.chunk_offset)?,
                count: place(self.chunk_count.into())?,
                limits: limits.collect::<Result<_>>()?,
            },
        })
    }
}

fn place(number: i64) -> Result<usize> {
    usize::try_from(number).map_err(|_| Error::internal(format!("{number} is no place in a file")))
}

// No object holds what was read: V8 does not see such memory, and would keep it until it collects for other reasons.

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
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn judge_bootstrap(bytes: Buffer) -> Outcome<Vec<NativeFinding>> {
    Outcome(Ok(nydus_judge::judge(&bytes).into_iter().map(Into::into).collect()))
}

/// Why no reader could follow a v5 bootstrap; nothing for one that can be read, whatever else is wrong with it.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn refusal_of_bootstrap(bytes: Buffer) -> Outcome<Option<NativeFinding>> {
    Outcome(Ok(nydus_judge::refusal(&bytes).map(Into::into)))
}

/// False when the bootstrap is in doubt.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn is_bootstrap_sound(bytes: Buffer, facts: NativeFacts) -> Outcome<bool> {
    Outcome(facts.read().map(|facts| nydus_judge::is_sound(&bytes, &facts)))
}

/// Whether layers unpack to the tree that a sound bootstrap shows; false when that is in doubt.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn is_tree_of_layers(bytes: Buffer, facts: NativeFacts, layers: Vec<NativeTables>) -> Outcome<bool> {
    let layers: Vec<_> = layers
        .iter()
        .map(|NativeTables { entries, references, chunks }| ScannedLayer { entries, references, chunks })
        .collect();
    Outcome(facts.read().map(|facts| nydus_judge::is_same(&bytes, &facts, &layers)))
}
