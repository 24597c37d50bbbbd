//! Converts an image: each layer becomes a blob, and all layers together become a bootstrap.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::flatten::{Flat, FlatImage, Flatten, Held, Holding};
use super::image::{Dedup, Image};
use super::layer::{Layer, LayerFeed, Role, answer_from_thread};
use super::output::{LayerUnits, Output, Storage};
use super::sealing::Sealing;
use super::stages::{self, LayerSummary};
use super::tracked::{LayerPlaces, Tracked};
use crate::blob::{Grown, REFERRING_TO_GZIP, REFERRING_TO_TAR, StoredChunks};
use crate::budget::{Account, Budget};
use crate::chunk::{Chunked, Chunker, Keeper, ReferringKeeper, Storing};
use crate::decide::Decider;
use crate::digest::Digest;
use crate::directory::Directory;
use crate::ending::Reply;
use crate::error::{Error, Result};
use crate::format::{Format, Referring};
use crate::meter::StageTimes;
use crate::overlayfs::OverlayMarks;
use crate::pool::guarded;
use crate::rafs::{
    self, BaseImage, BlobTail, ChunkDictionary, LayerTree, Merged, OtherBlobs, Prefetched, Recalled,
    UsedBlob, is_of_dictionary, merged_bootstrap, repeated_bytes, saved_by,
};
use crate::structure::{Frame, Logging};
use crate::sync::lock;

/// The options of a conversion.
#[derive(Clone)]
#[non_exhaustive]
pub struct PackOptions {
    /// The format of blobs and bootstraps.
    pub format: Format,
    /// The chunks that count as known.
    pub dedup: Dedup,
    /// Chunks of other images that files may refer to.
    pub dictionary: Option<Arc<ChunkDictionary>>,
    /// The blobs of an image of which only that is stored which a container sees; `None` stores all of every layer.
    pub flatten: Option<Flatten>,
    /// The number of layers that will be opened, if it is known; the dictionary is freed after the last one.
    pub layers: Option<u32>,
    /// The number of workers that compress; the output does not depend on it.
    pub threads: usize,
    /// What the images of the run may take.
    pub budget: Arc<Budget>,
}

impl Default for PackOptions {
    fn default() -> Self {
        Self {
            format: Format::default(),
            dedup: Dedup::Layer,
            dictionary: None,
            flatten: None,
            layers: None,
            threads: 2,
            budget: Arc::default(),
        }
    }
}

/// A complete blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlob {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Bytes in the file.
    pub size: u64,
    /// Content of its `.blob.meta` file; empty when it stores no chunk.
    pub blob_meta: Vec<u8>,
    /// The number of batches in which small files are compressed together.
    pub batches: u32,
    /// What the blob does not say of its directories; `BlobTail` takes it.
    pub entered: String,
    /// Whether files of the layer refer to chunks of lower layers, so that the blob depends on these.
    pub refers_to_lower: bool,
    /// Whether files of the layer refer to chunks of the dictionary.
    pub refers_to_dictionary: bool,
}

/// A layer that was read back from the end of its blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecalledLayer {
    /// Content of its `.blob.meta` file; empty when it stores no chunk.
    pub blob_meta: Vec<u8>,
    /// The number of its inodes.
    pub inodes: u64,
    /// Chunks that its files refer to.
    pub references: u64,
    /// Chunks that its blob stores.
    pub chunks: u32,
    /// The number of batches in its blob.
    pub batches: u32,
    /// True if its chunks stay in the source layer.
    pub refers: bool,
}

/// The metadata of a complete image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedImage {
    /// The bootstrap.
    pub bootstrap: Vec<u8>,
    /// Stored bytes of chunks that a lower layer stores, too; `Dedup::Image` would have saved them, and has none.
    pub repeated_bytes: u64,
    /// What the prefetch list means; `None` if it is the whole image.
    pub prefetched: Option<Prefetched>,
    /// The blobs of the dictionary that the bootstrap names, in the bootstrap's order.
    pub dictionary_blobs: Vec<UsedBlob>,
}

/// The conversion of one image.
pub struct ImagePacker {
    image: Arc<Image<Converting>>,
    format: Format,
    dedup: Dedup,
    dictionary: Option<Arc<ChunkDictionary>>,
    flatten: Option<Flatten>,
    storage: Storage,
    sealing: Arc<Sealing>,
    holding: Arc<Holding>,
}

impl ImagePacker {
    /// Starts the workers.
    pub fn new(options: &PackOptions) -> Result<Self> {
        let PackOptions { format, dedup, dictionary, flatten, layers, threads, budget } = options.clone();
        let known = dictionary.as_ref().map(|dictionary| Arc::clone(dictionary.chunks()));
        let image = Image::new(format.chunk_size, (dedup, known), layers, threads, budget)?;
        let storage =
            Storage::new(format.chunk_size, format.compression, format.alignment(), format.batching);
        Ok(Self {
            image: Arc::new(image),
            format,
            dedup,
            dictionary,
            flatten,
            storage,
            sealing: Arc::default(),
            holding: Arc::default(),
        })
    }

    /// Opens the next layer, lowest first, whose blob is written to `path`; references will call it `number`.
    ///
    /// Layers that are open at the same time must be fed at the same time: a later one waits for the decisions of an
    /// earlier one when it has used up its budget.
    ///
    /// With `Format::referring` the chunks stay in the layer, and an error `Unreferable` says that they cannot.
    pub fn open_layer(&self, number: u32, path: &Path) -> Result<LayerPacker> {
        self.open(number, path, self.format.referring, None)
    }

    /// Opens a layer whose chunks are stored whatever the format says.
    pub fn open_native_layer(&self, number: u32, path: &Path) -> Result<LayerPacker> {
        self.open(number, path, None, None)
    }

    /// Opens a layer that is a directory of this machine. It is read at once, and the owner writes nothing.
    pub fn open_directory(&self, number: u32, path: &Path, directory: Directory) -> Result<LayerPacker> {
        self.open(number, path, None, Some(directory))
    }

    fn open(
        &self,
        number: u32,
        path: &Path,
        referring: Option<Referring>,
        directory: Option<Directory>,
    ) -> Result<LayerPacker> {
        self.image.open(number, || {
            let output = Output::create(path, self.storage.clone())?;
            let opening = self.sealing.open(number);
            Ok(Converting {
                number,
                opening,
                digests_source: AtomicBool::new(true),
                takes_overlay_marks: AtomicBool::new(false),
                logs_structure: AtomicBool::new(false),
                structure: Mutex::default(),
                learns: AtomicBool::new(false),
                learned: Mutex::default(),
                spared: OnceLock::new(),
                format: self.format.clone(),
                output,
                dictionary: self.dictionary.clone(),
                sealing: Arc::clone(&self.sealing),
                holding: Arc::clone(&self.holding),
                tracked: referring.map(Tracked::new),
                directory,
                packed: Mutex::default(),
            })
        })
    }

    /// Takes the next layer's place in line, lowest first. `recall` or `open_layer` follows, or `release`.
    pub fn reserve(&self, number: u32) -> Result<()> {
        self.image.reserve(number)?;
        self.sealing.open(number);
        Ok(())
    }

    /// Ends a reserved layer that is neither recalled nor opened. The image cannot be completed any more.
    pub fn release(&self, number: u32) {
        if self.image.reservation(number).is_some() {
            self.image.settle(number);
            self.sealing.give_up(number);
        }
    }

    /// Takes the reserved layer `number` from the end of a blob that an earlier conversion made with equal options, instead of
    /// packing it. Calls back when the layer is there for `bootstrap`; with `None` when packing it would make another blob,
    /// because a lower layer stores one of its chunks or the blob does not describe all of them. Then, and after an error, the
    /// layer can still be opened.
    pub fn recall(&self, number: u32, tail: BlobTail, reply: Reply<Option<RecalledLayer>>) {
        let (sealing, format, dedup) = (Arc::clone(&self.sealing), self.format.clone(), self.dedup);
        let (image, dictionary) = (Arc::clone(&self.image), self.dictionary.clone());
        let budget = Arc::clone(self.image.budget());
        answer_from_thread("nydus-recall", self.image.meter(), reply, move || {
            guarded(|| {
                let place = image.reservation(number).ok_or(Error::Aborted)?;
                // A bad end must not use up the budget of the run: a reading of its own is bounded by an account of its own.
                let account = Account::new(Arc::default());
                account.earn(tail.size);
                let others = OtherBlobs::new(dictionary.as_deref(), || match dedup {
                    Dedup::Image => sealing.all_below(number),
                    Dedup::Layer => Ok(Vec::new()),
                });
                let recalled = match rafs::recall(number, &tail, &format, Arc::new(account), &others) {
                    // A lower layer has failed, which ends the image.
                    Err(Error::Aborted) => return Ok(None),
                    recalled => recalled?,
                };
                let Recalled { mut layer, references, chunks, batches, records } = recalled;
                let refers = layer.refers();
                // Packing it would fail.
                if tail.layer.as_ref().is_some_and(|source| source.is_strict && !refers) {
                    return Ok(None);
                }
                let inodes = layer.names();
                budget.entries(inodes)?;
                if dedup == Dedup::Image && !place.adopt(number, &records)? {
                    return Ok(None);
                }
                let blob_meta = std::mem::take(&mut layer.blob_meta);
                sealing.seal(layer);
                image.settle(number);
                Ok(Some(RecalledLayer { blob_meta, inodes, references, chunks, batches, refers }))
            })
        });
    }

    /// Takes an image that is there, by its bootstrap, as layer `number`, below all others. Its blobs stay as they are, and keep their
    /// order in front of those of the layers, which may refer to their chunks with `Dedup::Image`. Calls back with the number of its names.
    pub fn base(&self, number: u32, image: BaseImage, reply: Reply<u64>) {
        self.sealing.open(number);
        let (sealing, format, dedup) = (Arc::clone(&self.sealing), self.format.clone(), self.dedup);
        let image_of_layers = Arc::clone(&self.image);
        let budget = Arc::clone(self.image.budget());
        answer_from_thread("nydus-base", self.image.meter(), reply, move || {
            let read = guarded(|| {
                let account = Account::new(Arc::clone(&budget));
                let homes = image.without.iter().flat_map(|(_, homes)| homes);
                let bytes = homes.map(|home| home.bootstrap.len()).sum::<usize>() + image.bootstrap.len();
                account.earn(bytes as u64);
                let base = rafs::base(number, &image, &format, &Arc::new(account))?;
                let names = base.names();
                budget.entries(names)?;
                if dedup == Dedup::Image {
                    image_of_layers.know(base.kept_chunks())?;
                }
                sealing.seal(base);
                Ok(names)
            });
            if read.is_err() {
                sealing.give_up(number);
            }
            read
        });
    }

    /// Writes the bootstrap of the image that consists of the layers with these numbers, lowest first; one may occur several
    /// times. Calls back when all of them are sealed and the bootstrap is written, or when one of them has ended early. The
    /// layers cannot be used again.
    pub fn bootstrap(&self, places: Vec<u32>, reply: Reply<MergedImage>) {
        let (sealing, format, dedup) = (Arc::clone(&self.sealing), self.format.clone(), self.dedup);
        let budget = Arc::clone(self.image.budget());
        let dictionary = self.dictionary.clone();
        answer_from_thread("nydus-merge", self.image.meter(), reply, move || {
            guarded(|| {
                let layers = sealing.take(&distinct(&places))?;
                let names = layers.iter().map(|layer| (layer.number, layer.names())).collect();
                charge_repeated(&budget, &places, &names)?;
                let repeated_bytes = match dedup {
                    Dedup::Layer => repeated_bytes(&layers),
                    Dedup::Image => 0,
                };
                let mut saved = dictionary.as_ref().map_or_else(HashMap::new, |dictionary| {
                    saved_by(dictionary, &layers, dedup == Dedup::Image)
                });
                let Merged { bootstrap, dictionary_blobs, prefetched } =
                    merged_bootstrap(layers, &places, &format, dictionary.as_deref())?;
                let used = |position| {
                    saved.remove(&position).unwrap_or(UsedBlob { position, ..UsedBlob::default() })
                };
                let dictionary_blobs = dictionary_blobs.into_iter().map(used).collect();
                Ok(MergedImage { bootstrap, repeated_bytes, prefetched, dictionary_blobs })
            })
        });
    }

    /// Makes the blobs and the bootstrap of the image that consists of the layers with these numbers, lowest first, without what no
    /// container sees of them; instead of sealing each, and of `bootstrap`. All of them must be held.
    pub fn flatten(&self, places: Vec<u32>, reply: Reply<FlatImage>) {
        let into = self.flatten;
        let (holding, format, dedup) = (Arc::clone(&self.holding), self.format.clone(), self.dedup);
        let budget = Arc::clone(self.image.budget());
        let dictionary = self.dictionary.clone();
        answer_from_thread("nydus-flatten", self.image.meter(), reply, move || {
            guarded(|| {
                let into = into.ok_or_else(|| Error::internal("the image is not to be flattened"))?;
                let layers = holding.take(&distinct(&places))?;
                let names = layers.iter().map(|(number, held)| (*number, held.tree.inodes() as u64));
                charge_repeated(&budget, &places, &names.collect())?;
                let dictionary = dictionary.as_deref();
                Flat { into, format: &format, dedup, dictionary, holding: &holding }.make(layers, &places)
            })
        });
    }

    /// The times of the threads of all layers so far.
    pub fn stages(&self) -> Vec<(&'static str, StageTimes)> {
        self.image.meter().stages()
    }

    /// Aborts the layers that are not sealed. No layer can be opened afterwards.
    pub fn dispose(&self) {
        self.image.dispose();
        self.sealing.abort();
        self.holding.clear();
    }
}

fn distinct(places: &[u32]) -> Vec<u32> {
    let mut numbers = places.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Reading a layer has charged its names once; an image may list it any number of times.
fn charge_repeated(budget: &Budget, places: &[u32], names: &HashMap<u32, u64>) -> Result<()> {
    let mut listed = HashSet::new();
    for place in places {
        if !listed.insert(place) {
            budget.entries(names.get(place).copied().unwrap_or_default().max(1))?;
        }
    }
    Ok(())
}

/// The parts of a layer that only a conversion has.
pub struct Converting {
    number: u32,
    /// See `Sealing::open`.
    opening: u64,
    digests_source: AtomicBool,
    takes_overlay_marks: AtomicBool,
    logs_structure: AtomicBool,
    /// The log of the tar's structure, from the end of packing until it is taken.
    structure: Mutex<Option<Vec<Frame>>>,
    learns: AtomicBool,
    /// The record of the layer's compression, from the end of packing until it is taken.
    learned: Mutex<Option<Vec<u8>>>,
    /// The digest of the layer's bytes, if the owner verifies it.
    spared: OnceLock<Digest>,
    format: Format,
    output: Output,
    /// Chunks of other images.
    dictionary: Option<Arc<ChunkDictionary>>,
    /// The places of chunks, if they stay in the layer.
    tracked: Option<Tracked>,
    /// The directory that the layer is, unless it is a tar.
    directory: Option<Directory>,
    /// The other layers of the image.
    sealing: Arc<Sealing>,
    /// The layers that wait to be flattened.
    holding: Arc<Holding>,
    /// The packed layer, from the end of packing until sealing.
    packed: Mutex<Option<Packed>>,
}

/// The parts of a packed layer that the sections of its blob need.
struct Packed {
    tree: Box<LayerTree>,
    chunks: StoredChunks,
    /// Digest and size of the layer, if the chunks stay in it.
    layer: Option<(Digest, u64)>,
}

impl Role for Converting {
    type Answer = LayerSummary;

    fn read(layer: &Arc<Layer<Self>>, decider: Decider) -> Result<()> {
        match &layer.role.tracked {
            None => {
                let keeper = Storing::new(LayerUnits::new(layer)?, &layer.ticket, decider);
                convert(layer, keeper, |mut units| units.wait_written())
            }
            Some(tracked) => {
                let contexts = tracked.contexts(layer.chunk_size);
                let places = LayerPlaces(Arc::clone(layer));
                let keeper = ReferringKeeper::new(&layer.ticket, decider, places, contexts);
                convert(layer, keeper, |referred| Ok(referred.into()))
            }
        }
    }

    fn output(&self) -> Option<&Output> {
        Some(&self.output)
    }

    fn digests_source(&self) -> bool {
        self.digests_source.load(Ordering::Relaxed)
    }

    fn tracked(&self) -> Option<&Tracked> {
        self.tracked.as_ref()
    }

    fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }

    fn learns_compression(&self) -> bool {
        self.learns.load(Ordering::Relaxed)
    }

    fn learned(&self, record: Option<Vec<u8>>) {
        *lock(&self.learned) = record;
    }

    fn end(&self, error: Error) {
        let packed = lock(&self.packed).take();
        drop(packed);
        // Layers that wait for this one go on waiting, since it is opened again or the image is given up.
        if !matches!(error, Error::Unreferable(_)) {
            self.sealing.end(self.number, self.opening, error);
        }
    }
}

/// Reads a layer to its end with this keeper of chunks, and delivers the summary.
fn convert<K: Keeper>(
    layer: &Layer<Converting>,
    keeper: K,
    stored: impl FnOnce(K::Kept) -> Result<StoredChunks>,
) -> Result<()> {
    let Format { version, digester, chunk_size, .. } = layer.role.format;
    let mut chunker = Chunker::new(
        (chunk_size, digester),
        Arc::clone(&layer.account),
        LayerTree::new(Arc::clone(&layer.account), version.chunk_bytes)?,
        keeper,
    );
    let account = Arc::clone(&layer.account);
    let takes_marks = || layer.role.takes_overlay_marks.load(Ordering::Relaxed);
    let mut marks = OverlayMarks::new(&mut chunker, account, takes_marks);
    let mut sink = Logging::new(&mut marks, || layer.role.logs_structure.load(Ordering::Relaxed));
    let source = stages::read_entries(layer, &mut sink)?;
    *lock(&layer.role.structure) = sink.finish()?;
    marks.finish();
    let Chunked { contents: mut tree, kept, entry_count, counts, warnings } = chunker.finish()?;
    if let Some(place) = &layer.kept_place {
        place.forget();
    }
    let chunks = stored(kept)?;
    let StoredChunks { data_size, uncompressed_size, .. } = chunks;
    tree.complete();
    // A blob that refers to the layer names it by its digest.
    let digest = source.digest.or_else(|| layer.role.spared.get().copied());
    let referred = layer.role.tracked.as_ref().and(digest).map(|digest| (digest, source.size));
    *lock(&layer.role.packed) = Some(Packed { tree: Box::new(tree), chunks, layer: referred });
    layer.ending.deliver(LayerSummary {
        source,
        entry_count,
        data_size,
        uncompressed_size,
        counts,
        warnings,
    });
    Ok(())
}

/// The owner's handle of a layer in conversion. Dropping it before the layer is sealed aborts the layer.
pub type LayerPacker = LayerFeed<Converting>;

impl LayerPacker {
    /// Spares the digest of the layer's bytes, which the summary then lacks, because the owner verifies that it is this one. Only
    /// before the first bytes are written.
    pub fn spare_digest(&self, digest: Digest) {
        let _ = self.layer.role.spared.set(digest);
        self.layer.role.digests_source.store(false, Ordering::Relaxed);
    }

    /// Takes the marks of an upper directory of overlayfs for whiteouts, beside those that layers have. Only before the first bytes
    /// are written.
    pub fn take_overlay_marks(&self) {
        self.layer.role.takes_overlay_marks.store(true, Ordering::Relaxed);
    }

    /// Logs the structure of the layer's tar, for `structure`. Only before the first bytes are written.
    pub fn log_structure(&self) {
        self.layer.role.logs_structure.store(true, Ordering::Relaxed);
    }

    /// Takes the log of a layer that has been read; `None` if there is none, or it was too long.
    pub fn structure(&self) -> Option<Vec<Frame>> {
        lock(&self.layer.role.structure).take()
    }

    /// Records how the layer is compressed, for `compression`. Only before the first bytes are written.
    pub fn learn_compression(&self) {
        self.layer.role.learns.store(true, Ordering::Relaxed);
    }

    /// Takes the record of a layer that has been read; `None` if there is none, or none can be made.
    pub fn compression(&self) -> Option<Vec<u8>> {
        lock(&self.layer.role.learned).take()
    }

    /// Calls back when the blob file has more than `size` bytes, when the blob is complete, or when the layer has failed.
    pub fn on_growth(&self, size: u64, reply: Reply<Grown>) {
        self.layer.role.output.spool.growth.on_more_than(size, reply);
    }

    /// Completes the blob, including the layer's own bootstrap; from then on the file is kept. Calls back when that is done,
    /// or when it is impossible because a layer that this one refers to has ended early.
    pub fn seal(&self, reply: Reply<SealedBlob>) {
        let layer = Arc::clone(&self.layer);
        answer_from_thread("nydus-seal", &self.meter, reply, move || {
            let result = guarded(|| seal(&layer));
            // A blob that could not be sealed is useless; a second call on a sealed blob changes nothing.
            if let Err(error) = &result
                && !layer.role.output.spool.is_kept()
            {
                layer.fail(error.duplicate());
            }
            result
        });
    }
}

impl LayerPacker {
    /// Leaves the packed layer to `ImagePacker::flatten`, instead of sealing it; from then on the file is kept.
    pub fn hold(&self) -> Result<()> {
        let layer = &self.layer;
        layer.ending.check_delivered()?;
        let Converting { number, output, holding, packed, .. } = &layer.role;
        let already = || Error::internal("blob is sealed already");
        let Packed { tree, chunks, .. } = lock(packed).take().ok_or_else(already)?;
        tree.check()?;
        let blob = output.take_blob().ok_or_else(already)?;
        output.spool.keep()?;
        holding.add(*number, Held { tree, chunks, blob, path: output.spool.path().to_path_buf() });
        Ok(())
    }
}

fn seal(layer: &Layer<Converting>) -> Result<SealedBlob> {
    layer.ending.check_delivered()?;
    let Converting { number, format, output, dictionary, sealing, packed, .. } = &layer.role;
    let already = || Error::internal("blob is sealed already");
    // A second call to seal ends here, since the first has taken the packed layer.
    let Packed { tree, chunks, layer: referred } = lock(packed).take().ok_or_else(already)?;
    tree.check()?;
    let others = tree.order.iter().copied().filter(|other| other != number);
    let (foreign, lower): (Vec<u32>, Vec<u32>) = others.partition(|&other| is_of_dictionary(other));
    let (refers_to_lower, refers_to_dictionary) = (!lower.is_empty(), !foreign.is_empty());
    let mut lower = sealing.lower(&lower, || layer.check())?;
    let sealed_in = |blob| dictionary.as_ref().and_then(|dictionary| dictionary.sealed(blob));
    lower.extend(foreign.into_iter().map(|blob| (blob, sealed_in(blob))));
    let mut blob = output.take_blob().ok_or_else(already)?;
    let kind = match (&layer.role.tracked, &chunks.contexts) {
        (None, _) => format.of_blob(chunks.batches.len()).kind,
        (Some(_), Some(_)) => &REFERRING_TO_GZIP,
        (Some(_), None) => &REFERRING_TO_TAR,
    };
    let format = &Format { kind, ..format.clone() };
    let file = (&mut blob, &output.spool);
    let mut sealed = rafs::seal(file, *number, *tree, &chunks, &lower, format, referred)?;
    output.spool.keep()?;
    output.spool.growth.complete(blob.size());
    let blob_meta = std::mem::take(&mut sealed.blob_meta);
    let batches = u32::try_from(chunks.batches.len()).unwrap_or(u32::MAX);
    let entered = std::mem::take(&mut sealed.entered);
    let done = SealedBlob {
        digest: blob.digest_with(&[]),
        size: blob.size(),
        blob_meta,
        batches,
        entered,
        refers_to_lower,
        refers_to_dictionary,
    };
    sealing.seal(sealed);
    Ok(done)
}
