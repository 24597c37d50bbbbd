//! The tree and the chunks of a layer, while they are read back.

use std::collections::HashMap;
use std::sync::Arc;

use nydus_layout::wire::chunk_record;
use nydus_layout::{chunk_flags, chunk_info};

use super::super::Moved;
use super::super::blob_table::Blob;
use super::super::model::{At, FileChunks, Inode, Kind, MAX_DEPTH, NONE, ROOT, Store, Stretch, Tree, Walk};
use super::input::Input;
use super::others::{Other, OtherBlobs};
use super::{SourceLayer, damaged};
use crate::blob::{BlobKind, BlobRecord, REFERRING_TO_TAR};
use crate::budget::Account;
use crate::dict::Place;
use crate::error::Result;
use crate::format::Format;
use crate::table::{ChunkRecord, MAX_CHUNKS};

/// The number of the only store.
const OWN: u16 = 0;

/// A bootstrap, by what it is the bootstrap of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Of one layer: it describes the chunks of the layer's own blob.
    Layer,
    /// Of an image: it describes the chunks of all blobs that it names. Their numbers begin with this one.
    Image(u32),
}

/// A blob whose chunks the bootstrap describes.
pub struct Described {
    /// The number by which references call it.
    pub number: u32,
    /// Its description in the blob table.
    pub record: BlobRecord,
    /// The place of its first chunk among the records.
    first: u32,
    count: u32,
}

impl Described {
    /// The bytes of its chunks' records among those of all.
    pub fn bytes(&self) -> std::ops::Range<usize> {
        let at = |chunk: u32| chunk as usize * chunk_record::SIZE;
        at(self.first)..at(self.first + self.count)
    }
}

/// A blob of the bootstrap's table.
enum Named {
    /// Its position among the described ones.
    Here(usize),
    Elsewhere(Other),
}

/// A layer's tree and chunks.
pub struct Draft {
    /// Names and directories.
    pub tree: Tree,
    /// The one store of names and inodes.
    pub stores: Vec<Store>,
    /// Packed chunk records of the described blobs, one blob after the other; zero for chunks that no file refers to.
    pub records: Vec<u8>,
    /// The blobs that the bootstrap describes, in the order of its table: of a layer at most its own.
    pub described: Vec<Described>,
    /// Where the chunk table says that chunks lie in their files; empty if the format has no such table.
    pub chunk_positions: Positions,
    /// The layer's number, by which references call it.
    pub number: u32,
    scope: Scope,
    /// The blobs of the bootstrap's table, in its order.
    blobs: Vec<Named>,
    /// Bytes of a chunk.
    pub chunk_size: u32,
    /// The kind of the layer's own blob.
    pub kind: &'static BlobKind,
    /// The layer that chunks may lie in.
    pub layer: Option<SourceLayer>,
    format: Format,
    account: Arc<Account>,
    references: u32,
}

impl Draft {
    /// Begins with an empty root, for the bootstrap of a layer.
    pub fn new(
        number: u32,
        format: &Format,
        layer: Option<SourceLayer>,
        account: Arc<Account>,
    ) -> Result<Self> {
        Self::of((number, Scope::Layer), format, layer, account)
    }

    /// Begins with an empty root, for a bootstrap that describes all blobs which it names; references call these by numbers from
    /// `first_blob` on.
    pub fn of_image(number: u32, first_blob: u32, format: &Format, account: Arc<Account>) -> Result<Self> {
        Self::of((number, Scope::Image(first_blob)), format, None, account)
    }

    fn of(
        (number, scope): (u32, Scope),
        format: &Format,
        layer: Option<SourceLayer>,
        account: Arc<Account>,
    ) -> Result<Self> {
        let mut store = Store::default();
        let root = At { store: OWN, number: store.push(Inode::implied_directory())? };
        Ok(Self {
            tree: Tree::new(root),
            stores: vec![store],
            records: Vec::new(),
            described: Vec::new(),
            chunk_positions: Positions::default(),
            number,
            scope,
            blobs: Vec::new(),
            chunk_size: format.chunk_size,
            kind: format.kind,
            layer,
            format: format.clone(),
            account,
            references: 0,
        })
    }

    /// The format of the layer.
    pub const fn format(&self) -> &Format {
        &self.format
    }

    /// Chooses the kind of a layer without chunks, whose bootstrap has these flags.
    pub fn set_chunkless_kind(&mut self, flags: u32) {
        let kind = &REFERRING_TO_TAR;
        let of_kind = Format { kind, ..self.format.clone() }.compressor_flag();
        if self.layer.is_some() && flags & of_kind != 0 {
            self.kind = kind;
        }
    }

    /// The number of the codec of chunks.
    pub const fn compressor(&self) -> u32 {
        match self.kind.compressor {
            Some(number) => number,
            None => self.format.compression.codec.number,
        }
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
        let number = |blob: &Named| match blob {
            Named::Here(position) => self.described.get(*position).map_or(self.number, |own| own.number),
            Named::Elsewhere(other) => other.number(),
        };
        self.blobs.iter().map(number).collect()
    }

    /// True if this is the bootstrap of an image.
    pub fn is_of_image(&self) -> bool {
        self.scope != Scope::Layer
    }

    /// Takes the ids of the bootstrap's table; `None` is the placeholder for the layer's own. Returns for each blob whether
    /// `describe` must follow for it.
    pub fn name_blobs(&mut self, ids: &[Option<[u8; 64]>], others: &OtherBlobs<'_>) -> Result<Vec<bool>> {
        let found = match self.scope {
            Scope::Layer => others.find(ids)?,
            Scope::Image(_) => ids.iter().map(|_| None).collect(),
        };
        let mut here = 0;
        let mut described = Vec::with_capacity(found.len());
        self.blobs = Vec::with_capacity(found.len());
        for other in found {
            described.push(other.is_none());
            self.blobs.push(match other {
                Some(other) => Named::Elsewhere(other),
                None => Named::Here(here),
            });
            here += usize::from(described.last() == Some(&true));
        }
        if here > 1 && self.scope == Scope::Layer {
            return Err(damaged("it has two blobs of its own"));
        }
        Ok(described)
    }

    /// Takes the description of the next blob that has one, and makes room for its chunks.
    pub fn describe(&mut self, record: BlobRecord, count: u32) -> Result<()> {
        let first = self.chunk_count();
        let all = first.checked_add(count).filter(|_| count <= MAX_CHUNKS);
        let all = all.ok_or_else(|| damaged("too many chunks"))?;
        self.account.metadata(u64::from(count) * chunk_record::SIZE as u64)?;
        self.records.resize(all as usize * chunk_record::SIZE, 0);
        let number = match self.scope {
            Scope::Layer => self.number,
            Scope::Image(number) => {
                let next =
                    u32::try_from(self.described.len()).ok().and_then(|count| number.checked_add(count));
                next.ok_or_else(|| damaged("too many blobs"))?
            }
        };
        self.described.push(Described { number, record, first, count });
        Ok(())
    }

    /// The blobs that the bootstrap describes, with their chunks.
    pub fn described_blobs(&self) -> Vec<(u32, Blob)> {
        let blob = |own: &Described| {
            let chunks = self.records.get(own.bytes()).unwrap_or_default().to_vec();
            let (record, chunks) = (own.record.clone(), Arc::new(chunks));
            (own.number, Blob { record, chunks, batches: Arc::default(), sparse: None })
        };
        self.described.iter().map(blob).collect()
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
            Some(Named::Here(position)) => self
                .described
                .get(*position)
                .filter(|own| index < own.count)
                .map(|own| Place { layer: own.number, index }),
            Some(Named::Elsewhere(other)) => {
                other.slot(index).map(|slot| Place { layer: other.number(), index: slot })
            }
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
        let Some(Named::Here(position)) = self.blobs.get(blob as usize) else {
            // The blob that stores the chunk describes it.
            return Ok((place, file_offset));
        };
        let first = self.described.get(*position).map_or(0, |own| own.first);
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
        let slot = self.records.as_chunks_mut().0.get_mut((first + index) as usize);
        *slot.ok_or_else(|| damaged("a chunk behind the last one"))? = chunk.encode();
        Ok((place, file_offset))
    }
}

/// Where chunks lie in their files, in chunks.
#[derive(Default)]
pub struct Positions {
    /// Those of described blobs, by number, each a column by index.
    own: Vec<(u32, Vec<u32>)>,
    /// Those of chunks in other blobs.
    others: HashMap<Place, u32>,
}

impl Positions {
    /// Begins with no position of the chunks of these blobs.
    pub fn new(described: &[Described]) -> Self {
        let own = described.iter().map(|own| (own.number, vec![NONE; own.count as usize]));
        Self { own: own.collect(), others: HashMap::new() }
    }

    /// Notes where the table says that a chunk lies.
    pub fn note(&mut self, place: Place, position: u32) {
        if let Some(column) = self.column(place.layer) {
            let column = self.own.get_mut(column).map(|(_, column)| column);
            if let Some(slot) = column.and_then(|column| column.get_mut(place.index as usize)) {
                *slot = position;
            }
        } else {
            self.others.insert(place, position);
        }
    }

    fn get(&self, place: Place) -> u32 {
        let known = match self.column(place.layer).and_then(|column| self.own.get(column)) {
            Some((_, column)) => column.get(place.index as usize),
            None => self.others.get(&place),
        };
        known.copied().unwrap_or(NONE)
    }

    /// The position of a blob's column: numbers follow one another.
    fn column(&self, number: u32) -> Option<usize> {
        let (first, _) = self.own.first()?;
        usize::try_from(number.checked_sub(*first)?).ok().filter(|&column| column < self.own.len())
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
                // A chunk that the table does not have stands where its files have it.
                let known = self.get(place);
                if known != number && known != NONE {
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
