//! Makes the storage configuration for blobs in a local folder, with a cache folder that is removed at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use nydus_api::{BackendConfigV2, CacheConfigV2, ConfigV2, FileCacheConfig, LocalFsConfig, RafsConfigV2};

/// A folder of this process alone, removed on drop. Upstream keeps decoded chunks and the chunk tables in it.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("nydus-reference-{}", std::process::id()));
        // A crashed process with the same number has left its folder behind; no other process has the number now.
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        std::fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that remains in the system's temporary folder is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Makes the configuration for blobs that are files of `blobs`, named by their ids; each chunk's digest is checked when it
/// is read.
///
/// Upstream's own `new_localfs` puts the cache into the blob folder, so the pieces are put together here.
pub fn local(blobs: &Path, scratch: &Scratch) -> Result<Arc<ConfigV2>> {
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a folder's name is not UTF-8");
    let config = ConfigV2 {
        id: "nydus-reference".to_owned(),
        backend: Some(BackendConfigV2 {
            backend_type: "localfs".to_owned(),
            localfs: Some(LocalFsConfig { dir: text(blobs)?, ..LocalFsConfig::default() }),
            ..BackendConfigV2::default()
        }),
        cache: Some(CacheConfigV2 {
            cache_type: "blobcache".to_owned(),
            cache_validate: true,
            file_cache: Some(FileCacheConfig { work_dir: text(scratch.path())?, ..FileCacheConfig::default() }),
            ..CacheConfigV2::default()
        }),
        rafs: Some(RafsConfigV2 {
            mode: "direct".to_owned(),
            validate: true,
            enable_xattr: true,
            user_io_batch_size: 0x10_0000,
            ..RafsConfigV2::default()
        }),
        ..ConfigV2::default()
    };
    Ok(Arc::new(config))
}
