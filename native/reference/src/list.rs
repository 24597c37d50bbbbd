//! Lists the tree of a folder, in the same form as that of an image.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::line::{Entry, Kind, Links, device, escape};

/// Prints `folder` and everything below it; names, contents and attributes are read without following symlinks.
pub fn list(folder: &Path) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut links = Links::new();
    entry(folder, b"", &mut links, &mut out)?;
    out.flush()?;
    let faults = links.faults();
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

fn entry(file: &Path, path: &[u8], links: &mut Links<(u64, u64)>, out: &mut impl Write) -> Result<()> {
    let shown = if path.is_empty() { b"/" } else { path };
    let metadata = fs::symlink_metadata(file).with_context(|| format!("cannot look at {}", file.display()))?;
    let kind = Kind::from_mode(metadata.mode()).with_context(|| format!("{} is of no known type", escape(shown)))?;
    let content = content(file, kind, &metadata).with_context(|| format!("cannot read {}", file.display()))?;
    let line = Entry {
        path: shown.to_owned(),
        kind,
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: metadata.size(),
        mtime: metadata.mtime(),
        mtime_nanoseconds: u32::try_from(metadata.mtime_nsec())?,
        content,
        link: match kind {
            Kind::Directory => None,
            _ => links.name((metadata.dev(), metadata.ino()), metadata.nlink(), shown),
        },
        xattrs: xattrs(file)?,
    };
    writeln!(out, "{}", line.to_line())?;
    if kind == Kind::Directory {
        let mut names = Vec::new();
        for child in fs::read_dir(file)? {
            names.push(child?.file_name());
        }
        names.sort();
        for name in names {
            entry(&file.join(&name), &[path, b"/", name.as_bytes()].concat(), links, out)?;
        }
    }
    Ok(())
}

fn content(file: &Path, kind: Kind, metadata: &Metadata) -> Result<String> {
    Ok(match kind {
        Kind::File => {
            let mut hasher = Sha256::new();
            io::copy(&mut File::open(file)?, &mut hasher)?;
            hex::encode(hasher.finalize())
        }
        Kind::Symlink => escape(fs::read_link(file)?.as_os_str().as_bytes()),
        Kind::Char | Kind::Block => {
            // The number has the C library's 64-bit form: 12 and 8 bits below, the rest above.
            let number = metadata.rdev();
            device(
                ((number >> 8) & 0xFFF) | ((number >> 32) & !0xFFF),
                (number & 0xFF) | ((number >> 12) & 0xFFFF_FF00),
            )
        }
        Kind::Directory | Kind::Fifo | Kind::Socket => "-".to_owned(),
    })
}

fn xattrs(file: &Path) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut pairs = Vec::new();
    for name in xattr::list(file)? {
        let value = xattr::get(file, &name)?.context("an extended attribute is listed and not found")?;
        pairs.push((name.into_vec(), value));
    }
    Ok(pairs)
}
