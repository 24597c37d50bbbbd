//! Runs `check` for many variants of one bootstrap in one process, since starting a process takes longer than the check. It
//! is stronger than upstream's own: it also reads everything that a mounted image shows, except for the data of files.
//!
//! Each line of standard input is one variant: words `OFFSET:HEX` (bytes to write) and `size:BYTES` (shorter, or longer with
//! zeros). For each, the program at once prints one line: `accepted`, `refused`, or `panic`. A variant that ends the process
//! (upstream overflows its stack on a directory loop) has no line; the caller starts another process after it.

use std::io::{BufRead, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use nydus_api::ConfigV2;
use nydus_builder::Tree;
use nydus_rafs::metadata::{RafsInodeExt, RafsSuper};

use crate::config::Scratch;
use crate::read::{children, xattrs};

pub fn check_batch(base: &Path) -> Result<()> {
    let base = std::fs::read(base).with_context(|| format!("cannot read {}", base.display()))?;
    let scratch = Scratch::new()?;
    let path = scratch.path().join("variant.boot");
    panic::set_hook(Box::new(|_| ()));
    log::set_max_level(log::LevelFilter::Off);
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        std::fs::write(&path, variant(&base, &line?)?)?;
        let verdict = match panic::catch_unwind(AssertUnwindSafe(|| load(&path))) {
            Ok(Ok(())) => "accepted",
            Ok(Err(_)) => "refused",
            Err(_) => "panic",
        };
        writeln!(out, "{verdict}")?;
        out.flush()?;
    }
    Ok(())
}

fn variant(base: &[u8], line: &str) -> Result<Vec<u8>> {
    let mut bytes = base.to_vec();
    for word in line.split_whitespace() {
        let (place, value) = word.split_once(':').with_context(|| format!("an edit without a colon: {word}"))?;
        if place == "size" {
            bytes.resize(value.parse()?, 0);
            continue;
        }
        let (start, value) = (place.parse::<usize>()?, hex::decode(value)?);
        let end = start + value.len();
        ensure!(end <= bytes.len(), "an edit behind the end: {word}");
        bytes[start..end].copy_from_slice(&value);
    }
    Ok(bytes)
}

/// Loads the tree like `check`, without printing.
fn load(path: &Path) -> Result<()> {
    let (image, _) = RafsSuper::load_from_file(path, Arc::new(ConfigV2::default()), false)?;
    let tree = Tree::from_bootstrap(&image, &mut ())?;
    tree.walk_dfs_pre(&mut |tree| {
        let _ = tree.borrow_mut_node().chunks.len();
        Ok(())
    })?;
    visit(image.get_extended_inode(image.superblock.root_ino(), true)?.as_ref())
}

/// Visits every inode like `read`, without the data of files, whose chunks are part of the tree.
fn visit(inode: &dyn RafsInodeExt) -> Result<()> {
    xattrs(inode)?;
    if inode.is_symlink() {
        inode.get_symlink()?;
    } else if inode.is_dir() {
        for (_, child) in children(inode)? {
            visit(child.as_ref())?;
        }
    }
    Ok(())
}
