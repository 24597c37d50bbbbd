//! `NativeExtractLane` lays files of an image out in a directory.

use std::path::PathBuf;

use napi::bindgen_prelude::{Buffer, Env, Object};
use napi_derive::napi;
use nydus_core::digest::Digester;
use nydus_core::extract::{self, Attributes, Existing, ExtractOptions, LeftOut, NodeKind, Step};
use nydus_core::table::ChunkRecord;
use nydus_core::{Error, Result};

use crate::outcome::{Outcome, promise};

/// How entries are made.
#[napi(object)]
#[derive(Clone, Copy)]
pub struct NativeExtractOptions {
    /// Whether files get the owners of the image.
    pub owners: bool,
    /// Whether files with other content, and entries of another kind, are replaced.
    pub overwrite: bool,
}

/// An extended attribute.
#[napi(object)]
pub struct NativeExtractXattr {
    /// The whole name.
    pub name: Buffer,
    /// The value.
    pub value: Buffer,
}

/// The attributes of entries of every kind.
#[napi(object)]
pub struct NativeExtractAttributes {
    /// Permission bits.
    pub mode: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Whole seconds since 1970.
    pub mtime: i64,
    /// The rest of the time.
    pub mtime_nsec: u32,
    /// Extended attributes.
    pub xattrs: Vec<NativeExtractXattr>,
}

/// A step. `directory`, `file`, `symlink`, `link`, `settle` and the kinds of nodes have a path; `bytes` and `complete` go on with the
/// file that was begun last.
#[napi(object)]
pub struct NativeExtractStep {
    /// `directory`, `file`, `bytes`, `complete`, `symlink`, `link`, `settle`, `fifo`, `socket`, `char` or `block`.
    #[napi(
        ts_type = "'directory' | 'file' | 'bytes' | 'complete' | 'symlink' | 'link' | 'settle' | 'fifo' | 'socket' | 'char' | 'block'"
    )]
    pub step: String,
    /// Path in the image.
    pub path: Option<Buffer>,
    /// Of a file: its size. Below 2^53.
    pub size: Option<i64>,
    /// Of `bytes`: the next ones of the file. They are copied.
    pub bytes: Option<Buffer>,
    /// The target of a symbolic link, or the first name of a file with several.
    pub target: Option<Buffer>,
    /// Of a device.
    pub major: Option<u32>,
    /// Of a device.
    pub minor: Option<u32>,
    /// Of everything but `directory`, `file`, `bytes` and `link`.
    pub attributes: Option<NativeExtractAttributes>,
}

/// A file that may be there already.
#[napi(object)]
pub struct NativeExisting {
    /// Path in the image.
    pub path: Buffer,
    /// Packed chunk records of its content, in order.
    pub chunks: Buffer,
}

/// A part of an entry that could not be made.
#[napi(object)]
pub struct NativeNotExtracted {
    /// Path in the image.
    pub path: Buffer,
    /// `char`, `block`, `fifo`, `socket`, or `xattr` and a name.
    pub what: String,
    /// The system's reason.
    pub reason: String,
}

/// A thread that makes entries in one directory.
#[napi(js_name = "NativeExtractLane")]
pub struct Lane(extract::Lane);

/// Starts a lane. It is a function instead of a constructor, so that a refusal is an outcome.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeExtractLane>")]
pub fn open_extract_lane(directory: String, options: NativeExtractOptions) -> Outcome<Lane> {
    let NativeExtractOptions { owners, overwrite } = options;
    Outcome(extract::Lane::start(&PathBuf::from(directory), ExtractOptions { owners, overwrite }).map(Lane))
}

#[napi]
impl Lane {
    /// Makes entries in order; settles with what was left out. A caller waits before it calls again.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<Array<NativeNotExtracted>>>")]
    pub fn make<'env>(&self, env: &'env Env, steps: Vec<NativeExtractStep>) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<Vec<NativeNotExtracted>>(env)?;
        match steps.into_iter().map(step).collect::<Result<Vec<_>>>() {
            Ok(steps) => {
                let named = |left: Vec<LeftOut>| left.into_iter().map(Into::into).collect();
                self.0.make(steps, Box::new(move |result| reply(result.map(named))));
            }
            Err(error) => reply(Err(error)),
        }
        Ok(promise)
    }

    /// Settles with whether each file is there with its content. A caller waits before it calls again.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<Array<boolean>>>")]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn compare<'env>(
        &self,
        env: &'env Env,
        files: Vec<NativeExisting>,
        digester: String,
    ) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<Vec<bool>>(env)?;
        match Digester::named(&digester) {
            Ok(digester) => {
                self.0.compare(files.iter().map(|file| existing(file, digester)).collect(), reply);
            }
            Err(error) => reply(Err(error)),
        }
        Ok(promise)
    }

    /// Ends the thread, and removes a file that was not completed.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}

impl From<LeftOut> for NativeNotExtracted {
    fn from(LeftOut { path, what, reason }: LeftOut) -> Self {
        Self { path: path.into(), what, reason }
    }
}

fn existing(NativeExisting { path, chunks }: &NativeExisting, digester: Digester) -> Existing {
    let chunks = ChunkRecord::iter(chunks).map(|chunk| (chunk.uncompressed_size, chunk.digest)).collect();
    Existing { path: path.to_vec(), digester, chunks }
}

fn step(step: NativeExtractStep) -> Result<Step> {
    let NativeExtractStep { step, path, size, bytes, target, major, minor, attributes } = step;
    let path = || path.map(|path| path.to_vec()).unwrap_or_default();
    let target = || target.map(|target| target.to_vec()).unwrap_or_default();
    let attributes = || attributes.map(Attributes::from).unwrap_or_default();
    Ok(match step.as_str() {
        "directory" => Step::Directory(path()),
        "file" => Step::File(path(), size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default()),
        "bytes" => Step::Bytes(bytes.map(|bytes| bytes.to_vec()).unwrap_or_default()),
        "complete" => Step::Complete(attributes()),
        "symlink" => Step::Symlink(path(), target(), attributes()),
        "link" => Step::Link(path(), target()),
        "settle" => Step::Settle(path(), attributes()),
        other => {
            let unknown = || Error::invalid_argument(format!("{other:?} is no step"));
            let kind = NodeKind::named(other).ok_or_else(unknown)?;
            let device = (major.unwrap_or_default(), minor.unwrap_or_default());
            Step::Node(path(), kind, device, attributes())
        }
    })
}

impl From<NativeExtractAttributes> for Attributes {
    fn from(given: NativeExtractAttributes) -> Self {
        let NativeExtractAttributes { mode, uid, gid, mtime, mtime_nsec, xattrs } = given;
        let pair = |xattr: NativeExtractXattr| (xattr.name.to_vec(), xattr.value.to_vec());
        Self { mode, uid, gid, mtime, mtime_nsec, xattrs: xattrs.into_iter().map(pair).collect() }
    }
}
