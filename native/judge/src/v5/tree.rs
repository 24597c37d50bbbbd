//! Reads the tree of a v5 bootstrap from the root: every name once, each directory's names side by side.

use std::collections::{HashMap, HashSet};

use super::{Inode, Record, Tables};
use crate::finding::Finding;
use crate::finding::Refusal;
use crate::kind::Kind;
use crate::layout::rules::Sentence;
use crate::layout::v5::{ROOT_INO, extended_blob, inode};
use crate::layout::{MAX_DEPTH, chunk_info};
use crate::paths::PathRoom;

/// A bootstrap that can be followed.
#[derive(Debug)]
pub struct Image<'a> {
    pub bytes: &'a [u8],
    pub tables: Tables<'a>,
    /// The inodes in the order in which they were found, the root first.
    pub inodes: Vec<Inode<'a>>,
    /// The node of each inode, by position in `inodes`.
    nodes: Vec<Node>,
    /// The names of each file, by inode number.
    links: Vec<Links>,
    /// The first record of each chunk by blob, in the order in which they were found.
    pub chunks: Vec<Vec<FirstRecord>>,
    first_records: HashMap<(u32, u32), usize>,
    path_room: PathRoom,
}

/// The place of a name in the tree; positions are those in `Image::inodes`.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// Position of the parent directory; the root is its own parent.
    parent: u32,
    /// Position of the first name in a directory.
    first_child: u32,
    children: u32,
}

/// The names with one inode number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Links {
    /// The number of names; 0 for an inode number that is not in use.
    pub names: u32,
    /// The position of the name that was found first.
    pub first: u32,
    /// The lowest number of these names in the inode table.
    pub lowest: u32,
}

/// A chunk and the offset of its first record.
#[derive(Debug, Clone, Copy)]
pub struct FirstRecord {
    pub index: u32,
    pub place: usize,
}

impl<'a> Image<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let tables = Tables::read(bytes)?;
        let names = tables.names as usize;
        let image = Self {
            bytes,
            chunks: tables.blobs.iter().map(|_| Vec::new()).collect(),
            tables,
            inodes: Vec::new(),
            nodes: Vec::new(),
            links: vec![Links::default(); names + 1],
            first_records: HashMap::new(),
            path_room: PathRoom::default(),
        };
        Reader { image, found: vec![false; names + 1], claimed: 0 }.read()
    }

    /// The names in a directory; empty for every other inode.
    pub fn children(&self, position: u32) -> &[Inode<'a>] {
        let Some(node) = self.nodes.get(position as usize) else { return &[] };
        let first = node.first_child as usize;
        self.inodes.get(first..first + node.children as usize).unwrap_or_default()
    }

    /// The position of the first name in a directory; the others follow it.
    pub fn first_child(&self, position: u32) -> u32 {
        self.nodes.get(position as usize).map_or(0, |node| node.first_child)
    }

    /// The path of a name, without a leading slash; empty for the root.
    pub fn path(&self, position: u32) -> Vec<u8> {
        let mut at = position as usize;
        self.path_room.join(std::iter::from_fn(|| {
            let above = self.nodes.get(at).filter(|_| at > 0)?.parent;
            let inode = self.inodes.get(at)?;
            at = above as usize;
            Some(inode.name)
        }))
    }

    /// The names with this inode number.
    pub fn links(&self, ino: u64) -> Links {
        usize::try_from(ino).ok().and_then(|ino| self.links.get(ino)).copied().unwrap_or_default()
    }

    /// The number of inode numbers in use.
    pub fn inode_count(&self) -> usize {
        self.links.iter().filter(|links| links.names > 0).count()
    }

    /// The first record of a chunk.
    pub fn first_record(&self, blob: u32, index: u32) -> Option<Record<'a>> {
        Record::read(self.bytes, *self.first_records.get(&(blob, index))?).ok()
    }
}

struct Reader<'a> {
    image: Image<'a>,
    /// True for each inode that was found, by its number in the inode table.
    found: Vec<bool>,
    /// Number of bytes of the records read so far; sound records do not overlap.
    claimed: usize,
}

impl<'a> Reader<'a> {
    fn read(mut self) -> Result<Image<'a>, Refusal> {
        // A position fits 32 bits, since each name has an entry in a table whose count has 32 bits.
        let root = self.add(ROOT_INO, None)?;
        if root.kind != Kind::Directory {
            let kind = root.kind.name();
            return root.view.refuse(inode::MODE, Sentence::V5RootKind, |finding| finding.arg(kind));
        }
        let mut pending = vec![(0, 0)];
        while let Some((position, depth)) = pending.pop() {
            let below = pending.len();
            self.read_directory(position, depth, &mut pending)?;
            // The names are reversed, so that the first is read next.
            if let Some(added) = pending.get_mut(below..) {
                added.reverse();
            }
        }
        Ok(self.image)
    }

    fn read_directory(
        &mut self,
        position: u32,
        depth: usize,
        pending: &mut Vec<(u32, usize)>,
    ) -> Result<(), Refusal> {
        let Some(directory) = self.image.inodes.get(position as usize).copied() else { return Ok(()) };
        let first_number = directory.view.u32(inode::CHILD_INDEX);
        let count = directory.view.u32(inode::CHILD_COUNT);
        if count > 0 && first_number <= directory.number {
            return directory
                .view
                .refuse(inode::CHILD_INDEX, Sentence::V5EntriesBefore, |finding| finding.arg(first_number));
        }
        let first_child = self.image.inodes.len();
        if let Some(node) = self.image.nodes.get_mut(position as usize) {
            node.first_child = u32_of(first_child);
        }
        let mut names = Names::default();
        for number in (u64::from(first_number)..).take(count as usize) {
            let child = self.add(number, Some((position, directory)))?;
            let own = u32_of(self.image.inodes.len() - 1);
            if let Some(node) = self.image.nodes.get_mut(position as usize) {
                node.children += 1;
            }
            let before = self.image.inodes.get(first_child..own as usize).unwrap_or_default();
            if !names.is_new(child.name, before) {
                let path = self.image.path(own);
                return child
                    .view
                    .refuse(inode::NAME_SIZE, Sentence::V5NameTwice, |finding| finding.name(&path));
            }
            if child.kind == Kind::Directory {
                if depth == MAX_DEPTH {
                    return child
                        .view
                        .refuse(inode::CHILD_INDEX, Sentence::ReadTooDeep, |finding| finding.arg(MAX_DEPTH));
                }
                pending.push((own, depth + 1));
            }
        }
        Ok(())
    }

    fn add(&mut self, number: u64, parent: Option<(u32, Inode<'a>)>) -> Result<Inode<'a>, Refusal> {
        let names = self.image.tables.names;
        let Some(number) = u32::try_from(number).ok().filter(|&number| number <= names) else {
            return refuse_above(parent, inode::CHILD_COUNT, Sentence::V5EntriesEnd, |finding| {
                finding.arg(number).arg(names)
            });
        };
        match self.found.get_mut(number as usize) {
            Some(found) if !*found => *found = true,
            _ => {
                return refuse_above(parent, inode::CHILD_INDEX, Sentence::V5TwoDirectories, |finding| {
                    finding.arg(number)
                });
            }
        }
        let at = self.image.tables.place(self.image.bytes, number)?;
        let inode = Inode::read(self.image.bytes, at, number, self.image.tables.chunk_size)?;
        self.claimed += inode.end() - at;
        if self.claimed > self.image.bytes.len() {
            return Err(Box::new(Finding::new(Sentence::ReadClaims).at(at as u64)));
        }
        self.check_numbers(&inode, parent.map(|(_, directory)| directory))?;
        self.add_chunks(&inode)?;
        self.add_link(&inode)?;
        self.image.inodes.push(inode);
        let parent = parent.map_or(0, |(position, _)| position);
        self.image.nodes.push(Node { parent, first_child: 0, children: 0 });
        Ok(inode)
    }

    fn check_numbers(&self, inode: &Inode<'a>, parent: Option<Inode<'a>>) -> Result<(), Refusal> {
        let names = self.image.tables.names;
        let ino = inode.ino();
        if ino == 0 || ino > names.into() {
            return inode.view.refuse(inode::INO, Sentence::V5Ino, |it| it.arg(ino).arg(names));
        }
        let directory = parent.map_or(0, |parent| parent.ino());
        let found = inode.view.u64(inode::PARENT);
        if found != directory {
            return inode
                .view
                .refuse(inode::PARENT, Sentence::V5Parent, |finding| finding.arg(found).arg(directory));
        }
        if inode.view.u32(inode::NLINK) == 0 {
            return inode.view.refuse(inode::NLINK, Sentence::V5NoLinks, |finding| finding);
        }
        Ok(())
    }

    fn add_chunks(&mut self, inode: &Inode<'a>) -> Result<(), Refusal> {
        for place in inode.records() {
            let record = Record::read(self.image.bytes, place)?;
            let (blob, index) = (record.blob(), record.index());
            let blobs = &self.image.tables.blobs;
            let Some(entry) = blobs.get(blob as usize) else {
                return record.view().refuse(chunk_info::BLOB_INDEX, Sentence::ReadChunkBlob, |finding| {
                    finding.arg(blob).arg(blobs.len())
                });
            };
            let count = entry.extended.u32(extended_blob::CHUNK_COUNT);
            if index >= count {
                return record.view().refuse(chunk_info::INDEX, Sentence::ReadChunkIndex, |finding| {
                    finding.arg(index).arg(count)
                });
            }
            if let std::collections::hash_map::Entry::Vacant(vacant) =
                self.image.first_records.entry((blob, index))
            {
                vacant.insert(place);
                if let Some(chunks) = self.image.chunks.get_mut(blob as usize) {
                    chunks.push(FirstRecord { index, place });
                }
            }
        }
        Ok(())
    }

    /// Records a name of an inode number. Names with the same number are one file: they have one kind, which is not a
    /// directory.
    fn add_link(&mut self, inode: &Inode<'a>) -> Result<(), Refusal> {
        let ino = inode.ino();
        let own = u32_of(self.image.inodes.len());
        let linked = self.image.links(ino);
        if linked.names > 0 {
            let kind = self.image.inodes.get(linked.first as usize).map_or(inode.kind, |first| first.kind);
            if kind != inode.kind || kind == Kind::Directory {
                return inode
                    .view
                    .refuse(inode::INO, Sentence::V5LinkKind, |finding| finding.arg(ino).arg(kind.name()));
            }
        }
        let slot = usize::try_from(ino).ok().and_then(|ino| self.image.links.get_mut(ino));
        if let Some(links) = slot {
            let is_first = links.names == 0;
            links.names += 1;
            links.first = if is_first { own } else { links.first };
            links.lowest = if is_first { inode.number } else { links.lowest.min(inode.number) };
        }
        Ok(())
    }
}

/// Refuses the bootstrap because of a field in the directory that holds a name. No directory holds the root, so its finding
/// only names the field.
fn refuse_above<T>(
    parent: Option<(u32, Inode<'_>)>,
    field: usize,
    sentence: Sentence,
    say: impl FnOnce(Finding) -> Finding,
) -> Result<T, Refusal> {
    match parent {
        Some((_, directory)) => directory.view.refuse(field, sentence, say),
        None => Err(Box::new(say(Finding::of_field(sentence, &inode::TABLE, field, 0)))),
    }
}

fn u32_of(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// The names of a directory, each of which may occur once. Sorted names need no set.
#[derive(Default)]
struct Names<'a> {
    last: Option<&'a [u8]>,
    /// All names so far, once one of them was out of order.
    seen: Option<HashSet<&'a [u8]>>,
}

impl<'a> Names<'a> {
    fn is_new(&mut self, name: &'a [u8], before: &[Inode<'a>]) -> bool {
        if let Some(seen) = &mut self.seen {
            return seen.insert(name);
        }
        if self.last < Some(name) {
            self.last = Some(name);
            return true;
        }
        let mut seen: HashSet<_> = before.iter().map(|inode| inode.name).collect();
        let is_new = seen.insert(name);
        self.seen = Some(seen);
        is_new
    }
}
