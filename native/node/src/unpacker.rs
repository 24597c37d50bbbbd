//! `ArchiveUnpacker` writes the uncompressed bytes of an archive of images into a file.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{BufferSlice, Env, Object};
use napi_derive::napi;
use nydus_core::archive::{BLOCK, may_begin};
use nydus_core::budget::{Account, WINDOW};
use nydus_core::inflate::{Inflater, Pieces};
use nydus_core::{Error, Result};

use crate::budget::RunBudget;
use crate::codec::run;
use crate::outcome::{Outcome, promise};
use crate::packer::number;

struct State {
    inflater: Inflater,
    file: File,
    path: PathBuf,
    /// Bytes written so far.
    size: u64,
    /// Bytes read so far.
    read: u64,
    /// What the archive takes of the run's budget.
    account: Account,
    /// The first bytes, until they are known to begin a tar archive.
    head: Vec<u8>,
}

impl State {
    /// Decodes the next bytes, or the end if there are none.
    fn take(&mut self, bytes: Option<&[u8]>, limit: u64) -> Result<u64> {
        let Self { inflater, file, path, size, read, account, head } = self;
        let account = &*account;
        let mut out = Pieces::new(|piece: &[u8]| {
            *size += piece.len() as u64;
            if *size > limit {
                return Err(Error::format(format!("it unpacks to more than {limit} bytes")));
            }
            // Only a tar archive is worth the room that unpacking takes.
            if head.len() < BLOCK {
                head.extend(piece.iter().take(BLOCK - head.len()));
                if !may_begin(head) {
                    return Err(Error::format("what it holds is no tar archive"));
                }
            }
            account.archive(piece.len() as u64)?;
            file.write_all(piece).map_err(|source| Error::io("write", path, source))
        });
        let Some(mut rest) = bytes else {
            account.earn(*read);
            inflater.finish(&mut out)?;
            return Ok(self.size);
        };
        while !rest.is_empty() {
            let (window, used) = (*read / WINDOW, *read % WINDOW);
            let room = usize::try_from(WINDOW - used).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(rest.len().min(room));
            account.earn(window * WINDOW);
            inflater.push(now, &mut out)?;
            *read += now.len() as u64;
            rest = later;
        }
        Ok(self.size)
    }
}

/// Takes the bytes of a compressed archive in order; the format is recognised by its first bytes.
#[napi(js_name = "NativeArchiveUnpacker")]
pub struct ArchiveUnpacker(Arc<Mutex<State>>);

/// Makes a file for the uncompressed bytes.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeArchiveUnpacker>")]
pub fn open_archive_unpacker(path: String, budget: &RunBudget) -> Outcome<ArchiveUnpacker> {
    Outcome(open(PathBuf::from(path), Account::new(Arc::clone(&budget.0))))
}

fn open(path: PathBuf, account: Account) -> Result<ArchiveUnpacker> {
    let file = File::create_new(&path).map_err(|source| Error::io("create", &path, source))?;
    let state =
        State { inflater: Inflater::of_archive(), file, path, size: 0, read: 0, account, head: Vec::new() };
    Ok(ArchiveUnpacker(Arc::new(Mutex::new(state))))
}

#[napi]
impl ArchiveUnpacker {
    /// Decodes a copy of the next bytes; settles with the size of the file so far, and fails if that is above `limit`. A caller waits for
    /// the answer before the next call.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<number>>")]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn write<'env>(
        &self,
        env: &'env Env,
        bytes: BufferSlice<'_>,
        limit: i64,
    ) -> napi::Result<Object<'env>> {
        self.take(env, Some(bytes.to_vec()), limit)
    }

    /// Ends the input; settles with the size of the file.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<number>>")]
    pub fn finish<'env>(&self, env: &'env Env, limit: i64) -> napi::Result<Object<'env>> {
        self.take(env, None, limit)
    }

    fn take<'env>(&self, env: &'env Env, bytes: Option<Vec<u8>>, limit: i64) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<i64>(env)?;
        let state = Arc::clone(&self.0);
        run(reply, move |_| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(number(state.take(bytes.as_deref(), u64::try_from(limit).unwrap_or_default())?))
        });
        Ok(promise)
    }
}
