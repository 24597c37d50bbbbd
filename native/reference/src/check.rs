//! Does the same as upstream's own `check`: loads the super block, then the whole tree.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use nydus_api::ConfigV2;
use nydus_builder::Tree;
use nydus_rafs::metadata::RafsSuper;

pub fn check(bootstrap: &Path) -> Result<()> {
    let (image, _) = RafsSuper::load_from_file(bootstrap, Arc::new(ConfigV2::default()), false)
        .with_context(|| format!("cannot load {}", bootstrap.display()))?;
    let tree = Tree::from_bootstrap(&image, &mut ()).context("cannot load the tree")?;
    let (mut nodes, mut chunks) = (0_u64, 0_u64);
    tree.walk_dfs_pre(&mut |tree| {
        nodes += 1;
        chunks += tree.borrow_mut_node().chunks.len() as u64;
        Ok(())
    })?;
    let blobs: Vec<String> = image.superblock.get_blob_infos().iter().map(|blob| blob.blob_id()).collect();
    println!("{}", serde_json::json!({ "nodes": nodes, "chunks": chunks, "blobs": blobs }));
    Ok(())
}
