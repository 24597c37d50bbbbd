//! Merges the bootstraps of layers into the bootstrap of an image.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use nydus_api::ConfigV2;
use nydus_builder::{ArtifactStorage, BuildContext, Merger, Prefetch, PrefetchPolicy};

/// Merges sources, lowest first; the stem of each file name is the id of its blob.
pub fn merge(out: &Path, sources: &[PathBuf], chunk_dict: Option<&Path>, json: bool) -> Result<()> {
    let prefetch = Prefetch::new(PrefetchPolicy::Fs)?;
    let mut context = BuildContext { prefetch, ..BuildContext::default() };
    let output = Merger::merge(
        &mut context,
        None,
        sources.to_vec(),
        None,
        None,
        None,
        None,
        None,
        ArtifactStorage::SingleFile(out.to_owned()),
        chunk_dict.map(Path::to_owned),
        Arc::new(ConfigV2::default()),
    )
    .context("cannot merge")?;
    if json {
        println!("{}", serde_json::json!({ "blobs": output.blobs }));
    }
    Ok(())
}
