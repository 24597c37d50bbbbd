//! The tree and the chunks of a layer, while they are read back.

use std::sync::Arc;

use nydus_layout::wire::chunk_record;
use nydus_layout::{chunk_flags, chunk_info};

use super::super::Moved;
use super::super::model::{At, FileChunks, Inode, Kind, MAX_DEPTH, NONE, ROOT, Store, Stretch, Tree, Walk};
use super::damaged;
use super::input::Input;
use crate::budget::Account;
use crate::dict::Place;
use crate::error::Result;
use crate::format::Format;
use crate::table::{ChunkRecord, MAX_CHUNKS};

/// The number of the only store.
const OWN: u16 = 0;

/// A layer's tree and chunks.
pub struct Draft {
    /// Names and directories.
    pub tree: Tree,
    /// The one store of names and inodes.
    pub stores: Vec<Store>,
    /// Packed chunk records, by index; zero for chunks that no file refers to.
    pub records: Vec<u8>,
    /// Where the chunk table says that chunks lie in their files; empty if the format has no such table.
    pub chunk_positions: Positions,
    /// The layer's number, by which references call it.
    pub number: u32,
    /// Bytes of a chunk.
    pub chunk_size: u32,
    /// The number of the codec of chunks.
    pub compressor: u32,
    format: Format,
    account: Arc<Account>,
    references: u32,
}

impl Draft {
    /// Begins with an empty root.
    pub fn new(number: u32, format: &Format, account: Arc<Account>) -> Result<Self> {
        let mut store = Store::default();
        let root = At { store: OWN, number: store.push(Inode::implied_directory())? };
        Ok(Self {
            tree: Tree::new(root),
            stores: vec![store],
            records: Vec::new(),
            chunk_positions: Positions::default(),
            number,
            chunk_size: format.chunk_size,
            compressor: format.compression.codec.number,
            format: format.clone(),
            account,
            references: 0,
        })
    }

    /// The format of the layer.
    pub const fn format(&self) -> &Format {
        &self.format
    }

    /// The number of references so far.
    pub const fn references(&self) -> u64 {
        self.references as u64
    }

    /// The number of chunks.
    pub fn chunk_count(&self) -> u32 {
        u32::try_from(self.records.len() / chunk_record::SIZE).unwrap_or(u32::MAX)
    }

    /// The store.
    pub fn store(&mut self) -> Result<&mut Store> {
        self.stores.first_mut().ok_or_else(|| crate::Error::internal("a tree without its store"))
    }

    /// Makes the root's inode this one.
    pub fn set_root(&mut self, inode: Inode) -> Result<()> {
        if inode.kind != Kind::Directory {
            return Err(damaged("its root is no directory"));
        }
        let root = self.tree.node(ROOT).inode().number;
        if let Some(slot) = self.store()?.inode_mut(root) {
            *slot = inode;
        }
        Ok(())
    }

    /// Adds an inode.
    pub fn inode(&mut self, inode: Inode) -> Result<At> {
        Ok(At { store: OWN, number: self.store()?.push(inode)? })
    }

    /// Adds a name to a directory; returns its node.
    pub fn name(&mut self, dir: u32, name: &[u8], inode: At) -> Result<u32> {
        let is_name =
            !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, 0 | b'/'));
        if !is_name
            || name.len() > nydus_layout::MAX_NAME_LENGTH
            || self.tree.find(&self.stores, dir, name).is_some()
        {
            return Err(damaged("a name that cannot be"));
        }
        self.account.entry(name.len() as u64)?;
        let name = At { store: OWN, number: self.store()?.put_name(name)? };
        self.tree.add(&self.stores, dir, name, inode)
    }

    /// Makes a node a directory; returns its number.
    pub fn directory(&mut self, node: u32) -> Result<u32> {
        let dir = self.tree.make_dir(node)?;
        if self.tree.dir(dir).depth > MAX_DEPTH {
            return Err(damaged("its directories lie too deep"));
        }
        Ok(dir)
    }

    /// Begins the references of a file; returns the number of the first one.
    pub const fn file(&self) -> u32 {
        self.references
    }

    /// Adds references to these chunks, in the order of the file.
    pub fn refer(&mut self, chunks: &[u32]) -> Result<()> {
        self.account.metadata((chunks.len() as u64).saturating_mul(self.format.version.chunk_bytes))?;
        let (number, count) = (self.number, self.chunk_count());
        for run in chunks.chunk_by(|one, two| one == two) {
            let (Some(&index), Ok(times)) = (run.first(), u32::try_from(run.len())) else { continue };
            if index >= count {
                return Err(damaged("a file refers to a chunk that is not there"));
            }
            self.store()?.references.push(Place { layer: number, index }, times);
            self.references = self.references.checked_add(times).ok_or_else(|| damaged("too many chunks"))?;
        }
        Ok(())
    }

    /// Makes room for so many chunks.
    pub fn expect_chunks(&mut self, count: u32) -> Result<()> {
        if count > MAX_CHUNKS {
            return Err(damaged("too many chunks"));
        }
        self.account.metadata(u64::from(count) * chunk_record::SIZE as u64)?;
        self.records = vec![0; count as usize * chunk_record::SIZE];
        Ok(())
    }

    /// Takes the record of a chunk; returns its index and its place in its file, in bytes.
    pub fn chunk(&mut self, record: &[u8]) -> Result<(u32, u64)> {
        let record = Input(record);
        let word = |at: usize| record.u32(at as u64);
        let long = |at: usize| record.u64(at as u64);
        let (index, flags) = (word(chunk_info::INDEX)?, word(chunk_info::FLAGS)?);
        if word(chunk_info::BLOB_INDEX)? != 0
            || flags & !(chunk_flags::COMPRESSED | chunk_flags::HAS_CRC32) != 0
        {
            return Err(damaged("a chunk of another kind or blob"));
        }
        let crc32 = word(chunk_info::CRC32)?;
        let chunk = ChunkRecord {
            digest: record.array(chunk_info::DIGEST as u64)?,
            crc32: (flags & chunk_flags::HAS_CRC32 != 0).then_some(crc32),
            uncompressed_size: word(chunk_info::UNCOMPRESSED_SIZE)?,
            compressed_size: word(chunk_info::COMPRESSED_SIZE)?,
            compressed: flags & chunk_flags::COMPRESSED != 0,
            compressed_offset: long(chunk_info::COMPRESSED_OFFSET)?,
            uncompressed_offset: long(chunk_info::UNCOMPRESSED_OFFSET)?,
            in_batch: false,
        };
        let slot = self.records.as_chunks_mut().0.get_mut(index as usize);
        *slot.ok_or_else(|| damaged("a chunk behind the last one"))? = chunk.encode();
        Ok((index, long(chunk_info::FILE_OFFSET)?))
    }
}

/// Where chunks lie in their files, in chunks, by index.
#[derive(Default)]
pub struct Positions(pub Vec<u32>);

impl Positions {
    /// The chunks that occur at more than one place in files: the table names the last one, which a merge inherits.
    pub fn moved(&self, walk: &Walk, tree: &Tree, stores: &[Store], chunk_size: u32) -> Moved {
        let mut moved = Moved::new();
        if self.0.is_empty() {
            return moved;
        }
        for (store, inode) in walk.inodes(tree, stores) {
            if inode.kind != Kind::File {
                continue;
            }
            let chunks = stores.get(usize::from(store)).map(|store| store.chunks(inode, chunk_size));
            for (place, number) in chunks.into_iter().flat_map(numbered) {
                let known = self.0.get(place.index as usize).copied().unwrap_or(NONE);
                if known != number {
                    moved.insert(place, known);
                }
            }
        }
        moved
    }
}

/// Chunks with their numbers in the file; of a run the first and the last.
fn numbered(chunks: FileChunks<'_>) -> impl Iterator<Item = (Place, u32)> {
    let mut next = 0;
    chunks.flat_map(move |stretch| {
        let first = next;
        let found: Vec<(Place, u32)> = match stretch {
            Stretch::Singles(places) => places.iter().copied().zip(first..).collect(),
            Stretch::Run(place, count) => vec![(place, first), (place, first + count - 1)],
        };
        next += match stretch {
            Stretch::Singles(places) => u32::try_from(places.len()).unwrap_or(0),
            Stretch::Run(_, count) => count,
        };
        found
    })
}
