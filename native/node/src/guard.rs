//! Removes the files and folders of a Node thread that ends without running its own clean-up.

use std::path::{Path, PathBuf};

use napi::bindgen_prelude::Env;
use napi::{CleanupEnvHook, Result};
use napi_derive::napi;

/// What a thread would leave behind.
enum Leftover {
    /// A folder, and its parents, nearest first, that exist for its sake.
    Folder(PathBuf, Vec<PathBuf>),
    /// A file; one that has other bytes than these belongs to another run.
    File(PathBuf, Option<String>),
}

/// A file or folder that is removed when the Node thread ends before `release` is called. No JavaScript runs in a worker that is
/// terminated, so only the addon can remove the files that such a worker leaves.
#[napi(js_name = "NativeGuard")]
pub struct Guard(Option<CleanupEnvHook<Leftover>>);

/// Guards a folder, which belongs to the caller alone. `parents`, nearest first, are removed with it as long as they are empty.
#[napi(catch_unwind)]
pub fn guard_folder(env: Env, path: String, parents: Vec<String>) -> Result<Guard> {
    let parents = parents.into_iter().map(PathBuf::from).collect();
    Guard::new(env, Leftover::Folder(path.into(), parents))
}

/// Guards a file, which need not exist yet. With `content` it is removed only if it has just these bytes.
#[napi(catch_unwind)]
pub fn guard_file(env: Env, path: String, content: Option<String>) -> Result<Guard> {
    Guard::new(env, Leftover::File(path.into(), content))
}

impl Guard {
    fn new(env: Env, leftover: Leftover) -> Result<Self> {
        // The thread ends in any case: what cannot be removed is left for the next run.
        env.add_env_cleanup_hook(leftover, |leftover| {
            let _ = leftover.remove();
        })
        .map(|hook| Self(Some(hook)))
    }
}

#[napi]
impl Guard {
    /// Leaves the file or folder to the caller. A second call does nothing.
    #[napi(catch_unwind)]
    pub fn release(&mut self, env: Env) -> Result<()> {
        self.0.take().map_or(Ok(()), |hook| env.remove_env_cleanup_hook(hook))
    }
}

impl Leftover {
    fn remove(self) -> std::io::Result<()> {
        match self {
            Self::Folder(path, parents) => {
                std::fs::remove_dir_all(path)?;
                parents.iter().try_for_each(std::fs::remove_dir)
            }
            Self::File(path, content) => {
                if content.is_none_or(|content| has_content(&path, &content)) {
                    std::fs::remove_file(path)?;
                }
                Ok(())
            }
        }
    }
}

/// True for a regular file with this content. Anything else in its place is not opened.
fn has_content(path: &Path, content: &str) -> bool {
    let size = content.len() as u64;
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == size)
        && std::fs::read(path).is_ok_and(|found| found == content.as_bytes())
}
