//! Keeps packed layers until all are there, and then makes blobs of what a container sees of them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::convert::{MergedImage, SealedBlob};
use super::image::Dedup;
use crate::blob::{BlobFile, Copying, LEFT_OUT, Spool, StoredChunks};
use crate::dict::{Known, Place};
use crate::digest::Fingerprint;
use crate::error::{Error, Result};
use crate::format::Format;
use crate::rafs::{ChunkDictionary, Flattening, LayerTree, LeftOut, Merged, UsedBlob};
use crate::sync::lock;
use crate::table::{ChunkRecord, PackedChunk};

/// The blobs that a flattened image has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flatten {
    /// One for each layer.
    Layers,
    /// One for all layers, in the place of the lowest.
    One,
}

/// A flattened image.
#[derive(Debug)]
pub struct FlatImage {
    /// The blobs, lowest first, with the number of the layer whose file each is in.
    pub blobs: Vec<(u32, SealedBlob)>,
    /// What each layer has that the image does not have, by the layer's number.
    pub left_out: Vec<(u32, LeftOut)>,
    /// The image's own metadata.
    pub image: MergedImage,
}

/// A packed layer whose blob has no sections yet.
pub struct Held {
    pub tree: Box<LayerTree>,
    pub chunks: StoredChunks,
    pub blob: BlobFile,
    pub path: PathBuf,
}

/// The layers that wait to be flattened, by number.
#[derive(Default)]
pub struct Holding {
    layers: Mutex<BTreeMap<u32, Held>>,
    is_over: AtomicBool,
}

impl Holding {
    /// Adds a layer, whose file is kept.
    pub fn add(&self, number: u32, held: Held) {
        lock(&self.layers).insert(number, held);
    }

    /// Takes these layers out.
    pub fn take(&self, numbers: &[u32]) -> Result<Vec<(u32, Held)>> {
        self.check()?;
        let mut layers = lock(&self.layers);
        let missing = |number| Error::internal(format!("layer {number} is not there to be flattened"));
        numbers
            .iter()
            .map(|&number| Ok((number, layers.remove(&number).ok_or_else(|| missing(number))?)))
            .collect()
    }

    /// `Aborted` once the image is given up.
    pub fn check(&self) -> Result<()> {
        if self.is_over.load(Ordering::Relaxed) { Err(Error::Aborted) } else { Ok(()) }
    }

    /// Gives the image up: closes all files, and ends the copying of chunks.
    pub fn clear(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        let held = std::mem::take(&mut *lock(&self.layers));
        drop(held);
    }
}

/// The options of an image that is flattened.
pub struct Flat<'a> {
    pub into: Flatten,
    pub format: &'a Format,
    pub dedup: Dedup,
    pub dictionary: Option<&'a ChunkDictionary>,
    /// Says whether the image is given up.
    pub holding: &'a Holding,
}

/// The data of one layer, while the image is flattened.
struct Data {
    chunks: StoredChunks,
    blob: BlobFile,
    path: PathBuf,
}

/// The blobs of a flattened image.
#[derive(Default)]
struct Made {
    /// Lowest first, with the number of the layer whose file each is in.
    blobs: Vec<(u32, SealedBlob)>,
    /// Bytes of chunk data that they hold of each layer.
    sizes: Vec<u64>,
}

impl Flat<'_> {
    /// Makes the blobs and the bootstrap of the layers at their places.
    pub fn make(&self, layers: Vec<(u32, Held)>, places: &[u32]) -> Result<FlatImage> {
        let mut numbers = Vec::with_capacity(layers.len());
        let (mut trees, mut data) = (Vec::new(), Vec::new());
        for (number, Held { tree, chunks, blob, path }) in layers {
            numbers.push(number);
            trees.push((number, *tree, chunks.records.as_chunks::<{ size_of::<PackedChunk>() }>().0.len()));
            data.push(Data { chunks, blob, path });
        }
        let mut image = Flattening::new(trees, places, self.format.chunk_size)?;
        let mut left_out: Vec<_> = numbers.iter().copied().zip(image.left_out()).collect();
        let before: Vec<u64> = data.iter().map(|data| data.chunks.data_size).collect();
        let Made { blobs, sizes: after } = match self.into {
            Flatten::Layers => self.layers(&mut image, &numbers, data)?,
            Flatten::One => self.one(&mut image, &numbers, data)?,
        };
        for ((before, after), (_, left_out)) in before.into_iter().zip(after).zip(&mut left_out) {
            left_out.stored_bytes = before.saturating_sub(after);
        }
        let Merged { bootstrap, dictionary_blobs, prefetched } =
            image.merged(self.format, self.dictionary)?;
        let once = self.dedup == Dedup::Image || self.into == Flatten::One;
        let mut saved =
            self.dictionary.map_or_else(HashMap::new, |dictionary| image.saved_by(dictionary, once));
        let used = |position| saved.remove(&position).unwrap_or(UsedBlob { position, ..UsedBlob::default() });
        let image = MergedImage {
            bootstrap,
            repeated_bytes: if once { 0 } else { image.repeated_bytes() },
            prefetched,
            dictionary_blobs: dictionary_blobs.into_iter().map(used).collect(),
        };
        Ok(FlatImage { blobs, left_out, image })
    }

    /// One blob a layer.
    fn layers(&self, image: &mut Flattening, numbers: &[u32], data: Vec<Data>) -> Result<Made> {
        let mut kept = Vec::with_capacity(data.len());
        let mut renumbered = Vec::with_capacity(data.len());
        for (position, (data, &number)) in data.into_iter().zip(numbers).enumerate() {
            if image.is_whole(position) {
                let count = u32::try_from(data.chunks.records.len() / size_of::<PackedChunk>());
                renumbered.push((number, (0..count.unwrap_or(u32::MAX)).collect()));
                kept.push(data);
                continue;
            }
            let (data, new) = self.rewritten(&data.path, |copying| {
                copying.copy(&data.path, &data.chunks, |index, _| Ok(image.is_used(position, index)))
            })?;
            renumbered.push((number, new));
            kept.push(data);
        }
        image.renumber(&renumbered);
        drop(renumbered);
        let sizes = kept.iter().map(|data| data.chunks.data_size).collect();
        let trees = image.own_trees()?;
        let mut blobs = Vec::with_capacity(kept.len());
        for (position, (tree, data)) in trees.into_iter().zip(kept).enumerate() {
            let number = numbers.get(position).copied().unwrap_or_default();
            blobs.push((number, self.close(image, (position, Some(&tree)), data)?));
        }
        Ok(Made { blobs, sizes })
    }

    /// One blob of all layers, in the file of the lowest; the other files are removed.
    fn one(&self, image: &mut Flattening, numbers: &[u32], data: Vec<Data>) -> Result<Made> {
        let (Some(&first), Some(path)) = (numbers.first(), data.first().map(|data| data.path.clone())) else {
            return Ok(Made::default());
        };
        let mut known = Known::default();
        let mut renumbered = Vec::with_capacity(data.len());
        let mut sizes = Vec::with_capacity(data.len());
        let (made, ()) = self.rewritten(&path, |copying| {
            for (position, data) in data.into_iter().enumerate() {
                // The numbers of chunks that an earlier layer has stored.
                let mut earlier = HashMap::new();
                let before = copying.size();
                let mut next = copying.count();
                let mut new = copying.copy(&data.path, &data.chunks, |index, record| {
                    if !image.is_used(position, index) {
                        return Ok(false);
                    }
                    let &ChunkRecord { digest, uncompressed_size: len, .. } = record;
                    let place = Place { layer: first, index: next };
                    if let Some(known) =
                        known.find_or_insert(&Fingerprint { digest, crc32: 0, len }, place)?
                    {
                        earlier.insert(index, known.index);
                        return Ok(false);
                    }
                    next += 1;
                    Ok(true)
                })?;
                for (index, number) in earlier {
                    if let Some(slot) = new.get_mut(index as usize).filter(|slot| **slot == LEFT_OUT) {
                        *slot = number;
                    }
                }
                renumbered.push((first, new));
                sizes.push(copying.size() - before);
                if data.path != path {
                    // The folder is scratch space of the caller: a file that cannot be removed now is removed together with it.
                    let _ = std::fs::remove_file(&data.path);
                }
            }
            Ok(())
        })?;
        image.renumber(&renumbered);
        drop(renumbered);
        Ok(Made { blobs: vec![(first, self.close(image, (0, None), made)?)], sizes })
    }

    /// Puts a file with other chunks in the place of the one at `path`.
    fn rewritten<T>(
        &self,
        path: &Path,
        copy: impl FnOnce(&mut Copying<'_>) -> Result<T>,
    ) -> Result<(Data, T)> {
        let Format { compression, batching, .. } = self.format;
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".flat");
        let (spool, mut blob) = Spool::create(&path.with_file_name(name), self.format.alignment())?;
        let copied =
            copy(&mut Copying::new((&mut blob, &spool), *compression, *batching, &|| self.holding.check()))?;
        spool.keep()?;
        std::fs::rename(spool.path(), path).map_err(|source| Error::io("replace", path, source))?;
        Ok((Data { chunks: blob.take_chunks(), blob, path: path.to_path_buf() }, copied))
    }

    fn close(
        &self,
        image: &mut Flattening,
        (position, tree): (usize, Option<&crate::rafs::Tree>),
        Data { chunks, mut blob, path }: Data,
    ) -> Result<SealedBlob> {
        let format = self.format.of_blob(chunks.batches.len());
        let spool = Spool::kept(path);
        let blob_meta =
            image.close(position, tree, (&mut blob, &spool), &chunks, &format, self.dictionary)?;
        Ok(SealedBlob {
            digest: blob.digest_with(&[]),
            size: blob.size(),
            blob_meta,
            batches: u32::try_from(chunks.batches.len()).unwrap_or(u32::MAX),
            entered: String::new(),
            refers_to_lower: false,
            refers_to_dictionary: false,
        })
    }
}
