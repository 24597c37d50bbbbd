//! Calls the judge and converts its findings.

use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, BufferSlice, Env, Object};
use napi_derive::napi;
use nydus_core::pool::guarded;
use nydus_judge::{Blob, Finding, Judged, JudgedBlob, ScannedLayer, Section, latin1};

use crate::outcome::{Outcome, promise};
use crate::packer::number;
use crate::scanner::ScannedTables;

/// Merging layers takes a few frames for each level of directories.
const STACK: usize = 16 << 20;

/// A fault of a bootstrap or a blob; `Finding` of `nydus-judge` explains the fields.
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

/// A bootstrap that has been read and judged.
#[napi(js_name = "NativeBootstrap")]
pub struct Bootstrap(Arc<Judged<Vec<u8>>>);

/// Reads a copy of a bootstrap and judges it.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeBootstrap>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn read_bootstrap(bytes: BufferSlice<'_>) -> Outcome<Bootstrap> {
    Outcome(Ok(Bootstrap(Arc::new(Judged::read(bytes.to_vec())))))
}

#[napi]
impl Bootstrap {
    /// Everything that is wrong with the bootstrap.
    #[napi(catch_unwind, ts_return_type = "readonly NativeFinding[]")]
    pub fn findings(&self) -> Vec<NativeFinding> {
        self.0.findings().iter().cloned().map(Into::into).collect()
    }

    /// True if layers unpack to the tree that the bootstrap shows; false, too, if it cannot be read, or if the layers describe too
    /// much. The layers are copied, and compared on another thread.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<boolean>>")]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn is_tree_of<'env>(&self, env: &'env Env, layers: Vec<ScannedTables>) -> napi::Result<Object<'env>> {
        let tables: Vec<[Vec<u8>; 3]> = layers
            .iter()
            .map(|ScannedTables { entries, references, chunks }| {
                [entries.to_vec(), references.to_vec(), chunks.to_vec()]
            })
            .collect();
        let judged = Arc::clone(&self.0);
        let (reply, promise) = promise::<bool>(env)?;
        // If no thread starts, dropping the reply settles the promise with an error.
        let _ = std::thread::Builder::new().name("compare".to_owned()).stack_size(STACK).spawn(move || {
            reply(guarded(|| {
                let layers: Vec<_> = tables
                    .iter()
                    .map(|[entries, references, chunks]| ScannedLayer { entries, references, chunks })
                    .collect();
                Ok(judged.is_tree_of(&layers))
            }));
        });
        Ok(promise)
    }

    /// Finds everything that is wrong with a blob of the image whose bootstrap this is. `number` is the position of the blob in
    /// the bootstrap; without one, no file uses the blob.
    #[napi(catch_unwind)]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn judge_blob(&self, blob: NativeBlob, number: Option<u32>) -> NativeJudgedBlob {
        let number = number.and_then(|number| usize::try_from(number).ok());
        self.0.judge_blob(&blob.view(), number).into()
    }
}

/// A blob without its chunk data; `Blob` of `nydus-judge` explains the fields.
#[napi(object)]
pub struct NativeBlob {
    /// The hexadecimal digest of the blob.
    pub id: String,
    /// Bytes of the whole blob.
    pub size: i64,
    /// Bytes of chunk data, with which the blob starts.
    pub data_size: i64,
    /// All bytes behind the data.
    pub tail: Buffer,
    /// The sections; none if the blob is chunk data and nothing else.
    pub sections: Vec<NativeSection>,
    /// The copy of the chunk table beside the image's bootstrap.
    pub copy: Option<Buffer>,
}

/// A section of a blob.
#[napi(object)]
pub struct NativeSection {
    /// The name in the table of contents.
    pub name: String,
    /// Bytes from the start of the blob.
    pub offset: i64,
    /// Bytes as stored.
    pub compressed_size: i64,
    /// Bytes after decompression.
    pub uncompressed_size: i64,
    /// The decompressed bytes, if there are any that can be trusted.
    pub content: Option<Buffer>,
}

impl NativeBlob {
    fn view(&self) -> Blob<'_> {
        Blob {
            id: &self.id,
            size: unsigned(self.size),
            data_size: unsigned(self.data_size),
            tail: &self.tail,
            sections: self.sections.iter().map(NativeSection::view).collect(),
            copy: self.copy.as_deref(),
        }
    }
}

impl NativeSection {
    fn view(&self) -> Section<'_> {
        Section {
            name: &self.name,
            offset: unsigned(self.offset),
            compressed_size: unsigned(self.compressed_size),
            uncompressed_size: unsigned(self.uncompressed_size),
            content: self.content.as_deref(),
        }
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// The judgement of a blob.
#[napi(object)]
pub struct NativeJudgedBlob {
    /// Findings about the bootstrap inside the blob.
    pub own: Vec<NativeFinding>,
    /// Findings about everything else.
    pub findings: Vec<NativeFinding>,
    /// Packed records of the chunks that can be verified.
    pub chunks: Buffer,
    /// The index of each of these chunks; without it they are all chunks of the blob.
    pub indexes: Option<Vec<u32>>,
    /// Inflate contexts, then their dictionaries, of a blob that refers to a gzip layer; else nothing.
    pub contexts: Buffer,
    /// The number of these contexts.
    pub context_count: u32,
    /// The number of the compressor of chunks.
    pub compressor: u32,
    /// The number of the digester of chunks.
    pub digester: u32,
}

impl From<JudgedBlob> for NativeJudgedBlob {
    fn from(judged: JudgedBlob) -> Self {
        Self {
            own: judged.own.into_iter().map(Into::into).collect(),
            findings: judged.findings.into_iter().map(Into::into).collect(),
            chunks: judged.chunks.records.into(),
            indexes: judged.chunks.indexes,
            contexts: judged.chunks.contexts.into(),
            context_count: judged.chunks.context_count,
            compressor: judged.compressor,
            digester: judged.digester,
        }
    }
}
