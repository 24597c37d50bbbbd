//! The tree and the chunks of a layer, while they are read back.

use std::collections::HashMap;
use std::sync::Arc;

use nydus_layout::wire::chunk_record;
use nydus_layout::{chunk_flags, chunk_info};

use super::super::Moved;
use super::super::model::{At, FileChunks, Inode, Kind, MAX_DEPTH, NONE, ROOT, Store, Stretch, Tree, Walk};
use super::damaged;
use super::input::Input;
use super::others::Other;
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
    /// The blobs of the bootstrap's table, in its order; `None` stands for the layer's own blob.
    pub blobs: Vec<Option<Other>>,
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
            blobs: Vec::new(),
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

    /// The numbers of the blobs in the bootstrap's table, in its order.
    pub fn order(&self) -> Vec<u32> {
        self.blobs.iter().map(|blob| blob.as_ref().map_or(self.number, Other::number)).collect()
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

    /// The chunk with this index in the blob at this position of the table, as references call it.
    pub fn place(&self, blob: u32, index: u32) -> Result<Place> {
        let place = match self.blobs.get(blob as usize) {
            Some(None) => (index < self.chunk_count()).then_some(Place { layer: self.number, index }),
            Some(Some(other)) => other.slot(index).map(|slot| Place { layer: other.number(), index: slot }),
            None => None,
        };
        place.ok_or_else(|| damaged("a file refers to a chunk that is not there"))
    }

    /// Adds references to these chunks, in the order of the file.
    pub fn refer(&mut self, chunks: &[Place]) -> Result<()> {
        self.account.metadata((chunks.len() as u64).saturating_mul(self.format.version.chunk_bytes))?;
        for run in chunks.chunk_by(|one, two| one == two) {
            let (Some(&place), Ok(times)) = (run.first(), u32::try_from(run.len())) else { continue };
            self.store()?.references.push(place, times);
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

    /// Takes the record of a chunk; returns the chunk as references call it, and its place in its file, in bytes.
    pub fn chunk(&mut self, record: &[u8]) -> Result<(Place, u64)> {
        let record = Input(record);
        let word = |at: usize| record.u32(at as u64);
        let long = |at: usize| record.u64(at as u64);
        let (blob, index, flags) =
            (word(chunk_info::BLOB_INDEX)?, word(chunk_info::INDEX)?, word(chunk_info::FLAGS)?);
        if flags & !(chunk_flags::COMPRESSED | chunk_flags::HAS_CRC32) != 0 {
            return Err(damaged("a chunk of another kind"));
        }
        let place = self.place(blob, index)?;
        let file_offset = long(chunk_info::FILE_OFFSET)?;
        if place.layer != self.number {
            // The blob that stores the chunk describes it.
            return Ok((place, file_offset));
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
        Ok((place, file_offset))
    }
}

/// Where chunks lie in their files, in chunks.
#[derive(Default)]
pub struct Positions {
    /// The layer's own number.
    number: u32,
    /// Those of the layer's own chunks, by index.
    own: Vec<u32>,
    /// Those of chunks in other blobs.
    others: HashMap<Place, u32>,
}

impl Positions {
    /// Begins with no position of `count` own chunks.
    pub fn new(number: u32, count: u32) -> Self {
        Self { number, own: vec![NONE; count as usize], others: HashMap::new() }
    }

    /// Notes where the table says that a chunk lies.
    pub fn note(&mut self, place: Place, position: u32) {
        if place.layer != self.number {
            self.others.insert(place, position);
        } else if let Some(slot) = self.own.get_mut(place.index as usize) {
            *slot = position;
        }
    }

    fn get(&self, place: Place) -> u32 {
        let own = self.own.get(place.index as usize);
        let known = if place.layer == self.number { own } else { self.others.get(&place) };
        known.copied().unwrap_or(NONE)
    }

    /// The chunks that occur at more than one place in files: the table names the last one, which a merge inherits.
    pub fn moved(&self, walk: &Walk, tree: &Tree, stores: &[Store], chunk_size: u32) -> Moved {
        let mut moved = Moved::new();
        if self.own.is_empty() && self.others.is_empty() {
            return moved;
        }
        for (store, inode) in walk.inodes(tree, stores) {
            if inode.kind != Kind::File {
                continue;
            }
            let chunks = stores.get(usize::from(store)).map(|store| store.chunks(inode, chunk_size));
            for (place, number) in chunks.into_iter().flat_map(numbered) {
                let known = self.get(place);
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
