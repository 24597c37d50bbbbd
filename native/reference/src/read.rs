//! Reads a whole image like nydusd: table of contents, chunk tables, decompression, digest of every chunk.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use nydus_rafs::metadata::{RafsInodeExt, RafsInodeWalkAction, RafsSuper};
use nydus_storage::device::BlobDevice;
use sha2::{Digest, Sha256};

use crate::config::{self, Scratch};
use crate::line::{Entry, Kind, Links, device, escape};
use crate::sink::Sink;

/// The number of bytes read at a time, which is a multiple of every chunk size.
const WINDOW: u64 = 0x100_0000;

struct Reader<W> {
    image: RafsSuper,
    blobs: BlobDevice,
    /// One sparse file for each blob, in the form that the kernel mounts: each chunk at its offset in the uncompressed
    /// address space.
    devices: Vec<File>,
    links: Links<u64>,
    sink: Sink,
    out: W,
}

/// Prints the tree of an image whose blobs are the files of `blobs`, named by id; with `devices`, fills that folder with
/// one file for each blob, named by its number in the blob table.
pub fn read(bootstrap: &Path, blobs: &Path, devices: Option<&Path>) -> Result<()> {
    let scratch = Scratch::new()?;
    let config = config::local(blobs, &scratch)?;
    let (image, _) = RafsSuper::load_from_file(bootstrap, config.clone(), false)
        .with_context(|| format!("cannot load {}", bootstrap.display()))?;
    let infos = image.superblock.get_blob_infos();
    let mut files = Vec::new();
    if let Some(folder) = devices {
        for (number, info) in infos.iter().enumerate() {
            let path = folder.join(number.to_string());
            let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
            file.set_len(info.uncompressed_size())?;
            files.push(file);
        }
    }
    let root = image.get_extended_inode(image.superblock.root_ino(), true)?;
    let mut reader = Reader {
        blobs: BlobDevice::new(&config, &infos).context("cannot open the blobs")?,
        image,
        devices: files,
        links: Links::new(),
        sink: Sink::default(),
        out: BufWriter::new(std::io::stdout().lock()),
    };
    reader.entry(root.as_ref(), b"")?;
    reader.out.flush()?;
    let faults = reader.links.faults();
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

impl<W: Write> Reader<W> {
    /// `path` has no slash at its end, and is empty for the root.
    fn entry(&mut self, inode: &dyn RafsInodeExt, path: &[u8]) -> Result<()> {
        let shown = if path.is_empty() { b"/" } else { path };
        let attributes = inode.get_attr();
        let kind =
            Kind::from_mode(attributes.mode).with_context(|| format!("{} is of no known type", escape(shown)))?;
        let content = match kind {
            Kind::File => self.file(inode).with_context(|| format!("cannot read {}", escape(shown)))?,
            Kind::Symlink => escape(inode.get_symlink()?.as_bytes()),
            Kind::Char | Kind::Block => {
                let number = u64::from(attributes.rdev);
                device((number & 0xF_FF00) >> 8, (number & 0xFF) | ((number >> 12) & 0xF_FF00))
            }
            Kind::Directory | Kind::Fifo | Kind::Socket => "-".to_owned(),
        };
        let link = match kind {
            Kind::Directory => None,
            _ => self.links.name(inode.ino(), u64::from(attributes.nlink), shown),
        };
        let entry = Entry {
            path: shown.to_owned(),
            kind,
            mode: attributes.mode,
            uid: attributes.uid,
            gid: attributes.gid,
            size: attributes.size,
            mtime: attributes.mtime.cast_signed(),
            mtime_nanoseconds: attributes.mtimensec,
            content,
            link,
            xattrs: xattrs(inode)?,
        };
        writeln!(self.out, "{}", entry.to_line())?;
        if kind == Kind::Directory {
            for (name, child) in children(inode)? {
                self.entry(child.as_ref(), &[path, b"/", &name].concat())?;
            }
        }
        Ok(())
    }

    /// Reads a file to its end; returns the SHA-256 of its content.
    fn file(&mut self, inode: &dyn RafsInodeExt) -> Result<String> {
        let mut hasher = Sha256::new();
        let mut offset = 0;
        while offset < inode.size() {
            let length = WINDOW.min(inode.size() - offset);
            self.sink.bytes.clear();
            for mut range in inode.alloc_bio_vecs(&self.blobs, offset, usize::try_from(length)?, true)? {
                let wanted = range.size();
                let got = self.blobs.read_to(&mut self.sink, &mut range)? as u64;
                ensure!(got == wanted, "{got} bytes where {wanted} should be");
            }
            ensure!(self.sink.bytes.len() as u64 == length, "{} bytes at {offset}", self.sink.bytes.len());
            hasher.update(&self.sink.bytes);
            if !self.devices.is_empty() {
                self.place(inode, offset)?;
            }
            offset += length;
        }
        Ok(hex::encode(hasher.finalize()))
    }

    /// Writes the chunks of the window at `offset` to the offsets in the chunk table, where the kernel will read them.
    fn place(&self, inode: &dyn RafsInodeExt, offset: u64) -> Result<()> {
        let chunk_size = u64::from(self.image.meta.chunk_size);
        for (number, bytes) in (offset / chunk_size..).zip(self.sink.bytes.chunks(usize::try_from(chunk_size)?)) {
            let chunk = inode.get_chunk_info(u32::try_from(number)?)?;
            let Some(file) = self.devices.get(chunk.blob_index() as usize) else {
                bail!("chunk {number} is in blob {}, which does not exist", chunk.blob_index());
            };
            file.write_all_at(bytes, chunk.uncompressed_offset())?;
        }
        Ok(())
    }
}

/// The xattrs of an inode, in the order in which it lists them.
pub fn xattrs(inode: &dyn RafsInodeExt) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let names = inode.get_xattrs()?;
    let pairs = names.into_iter().map(|name| {
        let value = inode.get_xattr(&OsString::from_vec(name.clone()))?;
        Ok((name, value.context("an extended attribute is listed and not found")?))
    });
    pairs.collect()
}

/// The children of a directory, in byte order of the names, whatever order the image has.
pub fn children(inode: &dyn RafsInodeExt) -> Result<Vec<(Vec<u8>, Arc<dyn RafsInodeExt>)>> {
    let mut names = Vec::new();
    inode.walk_children_inodes(0, &mut |_, name, _, _| {
        if name != "." && name != ".." {
            names.push(name);
        }
        Ok(RafsInodeWalkAction::Continue)
    })?;
    names.sort();
    names.into_iter().map(|name| Ok((name.clone().into_vec(), inode.get_child_by_name(&name)?))).collect()
}
