//! Removes the folders of a Node thread that ends without running its own clean-up.

use std::path::PathBuf;

use napi::bindgen_prelude::Env;
use napi::{CleanupEnvHook, Result};
use napi_derive::napi;

/// A folder that is removed when the Node thread ends before `release` is called. No JavaScript runs in a worker that is
/// terminated, so only the addon can remove the files that such a worker leaves.
#[napi(js_name = "NativeFolderGuard")]
pub struct FolderGuard(Option<CleanupEnvHook<Vec<PathBuf>>>);

/// Guards a folder, which belongs to the caller alone. `parents`, nearest first, are removed with it as long as they are empty.
#[napi(catch_unwind)]
pub fn guard_folder(env: Env, path: String, parents: Vec<String>) -> Result<FolderGuard> {
    // The thread ends in any case: a folder that cannot be removed is left for the next run.
    let folders = std::iter::once(path).chain(parents).map(PathBuf::from).collect();
    let hook = env.add_env_cleanup_hook(folders, |folders: Vec<PathBuf>| {
        let mut folders = folders.iter();
        if folders.next().is_some_and(|path| std::fs::remove_dir_all(path).is_ok()) {
            let _ = folders.try_for_each(std::fs::remove_dir);
        }
    })?;
    Ok(FolderGuard(Some(hook)))
}

#[napi]
impl FolderGuard {
    /// Leaves the folder to the caller. A second call does nothing.
    #[napi(catch_unwind)]
    pub fn release(&mut self, env: Env) -> Result<()> {
        self.0.take().map_or(Ok(()), |hook| env.remove_env_cleanup_hook(hook))
    }
}
