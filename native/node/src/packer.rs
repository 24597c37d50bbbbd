//! `ImagePacker` and `LayerPacker` offer a conversion, its layers, and their results.

use std::path::Path;
use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, BufferSlice, Env, Object};
use napi_derive::napi;
use nydus_core::digest::{digest_of_hex, hex};
use nydus_core::directory::{Directory, DirectoryOptions, Whiteouts};
use nydus_core::pipeline::{
    self, BaseImage, BlobTail, Files, FlatImage, Home, LayerSummary, LeftOut, MergedImage, Part, Prefetched,
    SealedBlob, SourceLayer, UsedBlob,
};
use nydus_core::{Error, Frame, Grown};

use crate::budget::RunBudget;
use crate::dictionary::Dictionary;
use crate::options::FormatOptions;
use crate::outcome::{Outcome, promise};

/// A warning about something that the parser has dropped or corrected.
#[napi(object)]
pub struct LayerWarning {
    /// The stable name of this kind of warning.
    pub code: String,
    /// The sentence for the user.
    pub message: String,
}

/// The summary of a layer that has been read to its end. Sizes are in bytes, below 2^53.
#[napi(object)]
pub struct NativeLayerSummary {
    /// Digest of the layer's bytes as the caller wrote them; absent if it was spared.
    pub source_digest: Option<String>,
    /// The number of these bytes.
    pub source_size: i64,
    /// Digest of the uncompressed tar; absent for a directory.
    pub diff_id: Option<String>,
    /// Size of the uncompressed tar, or of the directory's files.
    pub tar_size: i64,
    /// Number of entries.
    pub entry_count: u32,
    /// Size of the chunk data in the file.
    pub data_size: i64,
    /// Size of the uncompressed address space.
    pub uncompressed_size: i64,
    /// Chunks that files refer to.
    pub chunk_count: i64,
    /// Chunks that are new.
    pub new_chunk_count: u32,
    /// Uncompressed bytes that are not stored again.
    pub duplicate_bytes: i64,
    /// Warnings about what the parser dropped or corrected.
    pub warnings: Vec<LayerWarning>,
}

impl From<LayerSummary> for NativeLayerSummary {
    fn from(summary: LayerSummary) -> Self {
        let LayerSummary { source, counts, warnings, .. } = summary;
        Self {
            source_digest: source.digest.as_ref().map(sha256_name),
            source_size: number(source.size),
            diff_id: source.diff_id.as_ref().map(sha256_name),
            tar_size: number(source.tar_size),
            entry_count: summary.entry_count,
            data_size: number(summary.data_size),
            uncompressed_size: number(summary.uncompressed_size),
            chunk_count: number(counts.chunks),
            new_chunk_count: counts.new_chunks,
            duplicate_bytes: number(counts.duplicate_bytes),
            warnings: warnings
                .into_iter()
                .map(|warning| LayerWarning { code: warning.code.to_owned(), message: warning.message })
                .collect(),
        }
    }
}

/// A complete blob.
#[napi(object)]
pub struct NativeSealedBlob {
    /// `sha256:…` of the file.
    pub digest: String,
    /// Bytes in the file.
    pub size: i64,
    /// Content of its `.blob.meta` file.
    pub blob_meta: Buffer,
    /// The number of batches in which small files are compressed together.
    pub batches: u32,
    /// What the blob does not say of its directories: those that look as if they had no entry, and have one. `recall` takes it.
    pub entered: String,
    /// Whether files of the layer refer to chunks of lower layers.
    pub refers_to_lower: bool,
    /// Whether files of the layer refer to chunks of the dictionary.
    pub refers_to_dictionary: bool,
}

/// The end of a blob that an earlier conversion made with equal options.
#[napi(object)]
pub struct NativeBlobTail {
    /// SHA-256 of the blob in hex.
    pub id: String,
    /// Bytes of the blob.
    pub size: i64,
    /// The bytes from the end of the chunk data on.
    pub bytes: Buffer,
    /// As `NativeSealedBlob` has it.
    pub entered: String,
    /// The layer that it was made of, if its chunks may stay there.
    pub layer: Option<NativeSourceLayer>,
}

/// The layer that a blob was made of.
#[napi(object)]
pub struct NativeSourceLayer {
    /// SHA-256 of the layer in hex.
    pub id: String,
    /// Bytes of the layer.
    pub size: i64,
    /// True if a blob that holds its chunks itself is of no use.
    pub is_strict: bool,
}

/// A blob, and the bootstrap inside it.
#[napi(object)]
pub struct NativeHome {
    /// SHA-256 of the blob in hex.
    pub id: String,
    /// Its own bootstrap.
    pub bootstrap: Buffer,
}

/// An image that is there, on which a layer is put.
#[napi(object)]
pub struct NativeBaseImage {
    /// Its bootstrap.
    pub bootstrap: Buffer,
    /// SHA-256, in hex, of a blob that is to be left out.
    pub without: Option<String>,
    /// The other blobs, lowest first, among whose chunks are those of the blob that is left out.
    pub homes: Vec<NativeHome>,
}

/// A layer that was read back from the end of its blob.
#[napi(object)]
pub struct NativeRecalledLayer {
    /// Content of its `.blob.meta` file.
    pub blob_meta: Buffer,
    /// The number of its inodes.
    pub inodes: i64,
    /// Chunks that files refer to.
    pub chunk_count: i64,
    /// Chunks that the blob stores.
    pub new_chunk_count: u32,
    /// The number of batches in which small files are compressed together.
    pub batches: u32,
    /// Whether its chunks stay in the source layer.
    pub refers: bool,
}

/// The metadata of a complete image.
#[napi(object)]
pub struct NativeMergedImage {
    /// The bootstrap.
    pub bootstrap: Buffer,
    /// Stored bytes of chunks that a lower layer stores, too; 0 if the scope of deduplication is the image.
    pub repeated_bytes: i64,
    /// The blobs of the dictionary that the bootstrap names, in the bootstrap's order.
    pub dictionary_blobs: Vec<NativeUsedBlob>,
    /// What the prefetch list means; absent if it is the whole image.
    pub prefetched: Option<NativePrefetched>,
}

/// A blob of the dictionary that files refer to.
#[napi(object)]
pub struct NativeUsedBlob {
    /// Its position in the dictionary.
    pub position: u32,
    /// Chunks that the layers would have stored without it, each once a layer.
    pub chunks: i64,
    /// The stored bytes of these chunks.
    pub saved_bytes: i64,
}

impl From<UsedBlob> for NativeUsedBlob {
    fn from(UsedBlob { position, chunks, saved_bytes }: UsedBlob) -> Self {
        Self { position, chunks: number(chunks), saved_bytes: number(saved_bytes) }
    }
}

/// A part of a whole.
#[napi(object)]
pub struct NativePart {
    /// What the list names.
    pub listed: i64,
    /// What the image has.
    pub all: i64,
}

/// What a prefetch list means on an image. A file with several names and a chunk of several files count once.
#[napi(object)]
pub struct NativePrefetched {
    /// The entries of the prefetch table.
    pub entries: u32,
    /// The positions of the patterns that lead nowhere.
    pub missing: Vec<u32>,
    /// The number of patterns that an earlier one covers.
    pub covered: u32,
    /// The number of patterns that lead only to what has no content.
    pub empty: u32,
    /// Regular files.
    pub files: NativePart,
    /// Bytes of these files.
    pub bytes: NativePart,
    /// Chunks of these files.
    pub chunks: NativePart,
    /// Bytes of these chunks in the blobs.
    pub stored: NativePart,
}

impl From<Prefetched> for NativePrefetched {
    fn from(counted: Prefetched) -> Self {
        let Prefetched { entries, missing, covered, empty, files, bytes, chunks, stored } = counted;
        let part = |part: Part| NativePart { listed: number(part.listed), all: number(part.all) };
        Self {
            entries,
            missing,
            covered,
            empty,
            files: part(files),
            bytes: part(bytes),
            chunks: part(chunks),
            stored: part(stored),
        }
    }
}

/// A blob of a flattened image.
#[napi(object)]
pub struct NativeFlatBlob {
    /// The number of the layer whose file it is in.
    pub layer: u32,
    /// The blob.
    pub sealed: NativeSealedBlob,
}

/// Some files.
#[napi(object)]
pub struct NativeFiles {
    /// Their number.
    pub files: i64,
    /// Their bytes, unpacked.
    pub bytes: i64,
}

/// Files of a directory.
#[napi(object)]
pub struct NativeDirectory {
    /// The directory's path, which can be printed.
    pub path: String,
    /// The number of files.
    pub files: i64,
    /// Their bytes, unpacked.
    pub bytes: i64,
}

/// What a flattened image does not have of a layer.
#[napi(object)]
pub struct NativeLeftOut {
    /// The number of the layer.
    pub layer: u32,
    /// Files that upper layers hide. One with several names counts once.
    pub hidden: NativeFiles,
    /// Files that a later entry of the same layer replaces.
    pub overwritten: NativeFiles,
    /// Where the hidden files lie, those with most bytes first. A directory of whose files none stays stands for all below it.
    pub directories: Vec<NativeDirectory>,
    /// The number of directories that are not named.
    pub more_directories: i64,
    /// Bytes of chunk data that the blobs do not hold for it.
    pub stored_bytes: i64,
}

/// A flattened image.
#[napi(object)]
pub struct NativeFlatImage {
    /// The blobs, lowest first.
    pub blobs: Vec<NativeFlatBlob>,
    /// What the image does not have of each layer.
    pub left_out: Vec<NativeLeftOut>,
    /// The metadata of the image.
    pub image: NativeMergedImage,
}

impl From<SealedBlob> for NativeSealedBlob {
    fn from(blob: SealedBlob) -> Self {
        Self {
            digest: sha256_name(&blob.digest),
            size: number(blob.size),
            blob_meta: blob.blob_meta.into(),
            batches: blob.batches,
            entered: blob.entered,
            refers_to_lower: blob.refers_to_lower,
            refers_to_dictionary: blob.refers_to_dictionary,
        }
    }
}

impl From<MergedImage> for NativeMergedImage {
    fn from(MergedImage { bootstrap, repeated_bytes, prefetched, dictionary_blobs }: MergedImage) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            repeated_bytes: number(repeated_bytes),
            prefetched: prefetched.map(Into::into),
            dictionary_blobs: dictionary_blobs.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Files> for NativeFiles {
    fn from(Files { files, bytes }: Files) -> Self {
        Self { files: number(files), bytes: number(bytes) }
    }
}

impl NativeLeftOut {
    fn of(layer: u32, left_out: LeftOut) -> Self {
        let LeftOut { hidden, overwritten, directories, more_directories, stored_bytes } = left_out;
        let directory = |(path, Files { files, bytes })| NativeDirectory {
            path,
            files: number(files),
            bytes: number(bytes),
        };
        Self {
            layer,
            hidden: hidden.into(),
            overwritten: overwritten.into(),
            directories: directories.into_iter().map(directory).collect(),
            more_directories: number(more_directories),
            stored_bytes: number(stored_bytes),
        }
    }
}

impl From<FlatImage> for NativeFlatImage {
    fn from(FlatImage { blobs, left_out, image }: FlatImage) -> Self {
        let blob = |(layer, sealed): (u32, SealedBlob)| NativeFlatBlob { layer, sealed: sealed.into() };
        let left_out = left_out.into_iter().map(|(layer, left_out)| NativeLeftOut::of(layer, left_out));
        Self {
            blobs: blobs.into_iter().map(blob).collect(),
            left_out: left_out.collect(),
            image: image.into(),
        }
    }
}

/// The state of a blob file.
#[napi(object)]
pub struct NativeGrowth {
    /// Bytes in the file.
    pub size: i64,
    /// True if the blob is sealed, so that no more bytes follow.
    pub complete: bool,
}

/// The sums over the threads of one kind, in seconds.
#[napi(object)]
pub struct NativeStage {
    /// The stage of the threads.
    pub name: String,
    /// The number of threads.
    pub threads: u32,
    /// Time from start to end, or until now.
    pub alive: f64,
    /// Time on a core; 0 if the system does not report it.
    pub busy: f64,
    /// Time in which a thread was ready but all cores were taken; 0 if the system does not report it.
    pub ready: f64,
    /// Time spent waiting for input.
    pub starved: f64,
    /// Time spent waiting for room.
    pub blocked: f64,
}

/// Writes a digest in the form of OCI.
pub fn sha256_name(digest: &[u8; 32]) -> String {
    format!("sha256:{}", hex(digest))
}

/// Converts a count of bytes that were processed, which never reaches 2^63.
pub fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The id of a blob. One of another length is no digest, and so the id of no blob.
fn id_of(hex: &str) -> [u8; 64] {
    hex.as_bytes().try_into().unwrap_or([b'0'; 64])
}

/// The conversion of one image.
#[napi(js_name = "NativeImagePacker")]
pub struct ImagePacker(pipeline::ImagePacker);

/// Makes a packer. It is a function instead of a constructor, so that a refusal is an outcome. `layers` is the number of
/// layers that will be opened, if it is known.
#[napi(catch_unwind, ts_return_type = "Outcome<NativeImagePacker>")]
#[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
pub fn open_image_packer(
    format: FormatOptions,
    threads: u32,
    layers: Option<u32>,
    budget: &RunBudget,
    dictionary: Option<Dictionary>,
) -> Outcome<ImagePacker> {
    let open = || {
        let mut options = format.packing(threads, layers, budget)?;
        options.dictionary = dictionary.map(Dictionary::into_core).transpose()?.map(Arc::new);
        pipeline::ImagePacker::new(&options).map(ImagePacker)
    };
    Outcome(open())
}

#[napi]
impl ImagePacker {
    /// Opens the next layer, lowest first. If `stored`, its chunks are stored even where the format lets others stay in their layers.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeLayerPacker>")]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn open_layer(&self, layer: u32, blob_path: String, stored: bool) -> Outcome<LayerPacker> {
        let path = Path::new(&blob_path);
        let opened =
            if stored { self.0.open_native_layer(layer, path) } else { self.0.open_layer(layer, path) };
        Outcome(opened.map(LayerPacker))
    }

    /// Opens the next layer, lowest first, which is a directory of this machine and is read at once.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeLayerPacker>")]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn open_directory(
        &self,
        layer: u32,
        blob_path: String,
        directory: NativeDirectorySource,
    ) -> Outcome<LayerPacker> {
        let open = || self.0.open_directory(layer, Path::new(&blob_path), directory.try_into()?);
        Outcome(open().map(LayerPacker))
    }

    /// Takes the next layer's place in line, lowest first.
    #[napi(catch_unwind, ts_return_type = "Outcome<undefined>")]
    pub fn reserve(&self, layer: u32) -> Outcome<()> {
        Outcome(self.0.reserve(layer))
    }

    /// Ends a reserved layer that is neither recalled nor opened.
    #[napi(catch_unwind)]
    pub fn release(&self, layer: u32) {
        self.0.release(layer);
    }

    /// Takes a reserved layer from the end of its blob instead of packing it. Settles when the layer is there for `bootstrap`,
    /// or without a value when packing it would make another blob; then, and after a failure, the layer can still be opened.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeRecalledLayer | undefined>>")]
    pub fn recall<'env>(
        &self,
        env: &'env Env,
        layer: u32,
        tail: NativeBlobTail,
    ) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<Option<NativeRecalledLayer>>(env)?;
        let NativeBlobTail { id, size, bytes, entered, layer: source } = tail;
        let named = |id: String, size| (id_of(&id), u64::try_from(size).unwrap_or(0));
        let source = source.map(|NativeSourceLayer { id, size, is_strict }| {
            let (id, size) = named(id, size);
            SourceLayer { id, size, is_strict }
        });
        let (id, size) = named(id, size);
        let tail = BlobTail { id, size, bytes: bytes.to_vec(), entered, layer: source };
        self.0.recall(
            layer,
            tail,
            Box::new(move |result| {
                reply(result.map(|layer| {
                    layer.map(|layer| NativeRecalledLayer {
                        blob_meta: layer.blob_meta.into(),
                        inodes: number(layer.inodes),
                        chunk_count: number(layer.references),
                        new_chunk_count: layer.chunks,
                        batches: layer.batches,
                        refers: layer.refers,
                    })
                }));
            }),
        );
        Ok(promise)
    }

    /// Takes an image that is there as the layer with this number, below all others. Settles with the number of its names when it is
    /// there for `bootstrap`.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<number>>")]
    pub fn base<'env>(
        &self,
        env: &'env Env,
        layer: u32,
        image: NativeBaseImage,
    ) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<i64>(env)?;
        let NativeBaseImage { bootstrap, without, homes } = image;
        let home = |NativeHome { id, bootstrap }| Home { id: id_of(&id), bootstrap: bootstrap.to_vec() };
        let without = without.map(|id| (id_of(&id), homes.into_iter().map(home).collect()));
        let image = BaseImage { bootstrap: bootstrap.to_vec(), without };
        self.0.base(layer, image, Box::new(move |names| reply(names.map(number))));
        Ok(promise)
    }

    /// The times of the threads so far.
    #[napi(catch_unwind)]
    pub fn stages(&self) -> Vec<NativeStage> {
        let stages = self.0.stages().into_iter();
        stages
            .map(|(name, times)| NativeStage {
                name: name.to_owned(),
                threads: times.threads,
                alive: times.alive,
                busy: times.busy,
                ready: times.ready,
                starved: times.starved,
                blocked: times.blocked,
            })
            .collect()
    }

    /// Writes the merged bootstrap of the layers with these numbers, lowest first.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeMergedImage>>")]
    pub fn bootstrap<'env>(&self, env: &'env Env, places: Vec<u32>) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeMergedImage>(env)?;
        self.0.bootstrap(places, Box::new(move |result| reply(result.map(Into::into))));
        Ok(promise)
    }

    /// Makes the blobs and the bootstrap of the layers with these numbers, lowest first, without what no container sees of them.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeFlatImage>>")]
    pub fn flatten<'env>(&self, env: &'env Env, places: Vec<u32>) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeFlatImage>(env)?;
        self.0.flatten(places, Box::new(move |result| reply(result.map(Into::into))));
        Ok(promise)
    }

    /// Aborts the layers that are not sealed.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.0.dispose();
    }
}

/// A directory that is packed as a layer.
#[napi(object)]
pub struct NativeDirectorySource {
    /// Its path.
    pub path: String,
    /// User and group of every entry, instead of the directory's.
    pub owner: Option<NativeOwner>,
    /// Modification time of every entry in seconds since 1970, instead of the directory's.
    pub mtime: Option<i64>,
    /// Leaves out the attributes in which the machine keeps its own security labels and signatures.
    pub without_labels: bool,
    /// The form of whiteouts.
    #[napi(ts_type = "'oci' | 'overlayfs' | 'none'")]
    pub whiteouts: String,
    /// True if nothing lies below, so that whiteouts are left out.
    pub is_lowest: bool,
}

/// An owner by numbers.
#[napi(object)]
pub struct NativeOwner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl TryFrom<NativeDirectorySource> for Directory {
    type Error = Error;

    fn try_from(source: NativeDirectorySource) -> Result<Self, Error> {
        let NativeDirectorySource { path, owner, mtime, without_labels, whiteouts, is_lowest } = source;
        let unknown = || Error::invalid_argument(format!("there are no whiteouts of the form {whiteouts:?}"));
        let options = DirectoryOptions {
            owner: owner.map(|NativeOwner { uid, gid }| (uid, gid)),
            mtime,
            without_labels,
            whiteouts: Whiteouts::named(&whiteouts).ok_or_else(unknown)?,
            is_lowest,
        };
        Ok(Self { path: path.into(), options })
    }
}

/// A part of the log of a tar's structure.
#[napi(object)]
pub struct NativeFrame {
    /// One frame of zstd.
    pub bytes: Buffer,
    /// Bytes that it decompresses to.
    pub size: u32,
}

/// A layer in conversion.
#[napi(js_name = "NativeLayerPacker")]
pub struct LayerPacker(pipeline::LayerPacker);

#[napi]
impl LayerPacker {
    /// Spares the digest of the bytes, because the caller verifies that it is this one, in hex. Only before the first bytes are
    /// written.
    #[napi(catch_unwind)]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn spare_digest(&self, digest: String) {
        if let Some(digest) = digest_of_hex(digest.as_bytes()) {
            self.0.spare_digest(digest);
        }
    }

    /// Takes the marks of an upper directory of overlayfs for whiteouts, too. Only before the first bytes are written.
    #[napi(catch_unwind)]
    pub fn take_overlay_marks(&self) {
        self.0.take_overlay_marks();
    }

    /// Logs the structure of the layer's tar, for `structure`. Only before the first bytes are written.
    #[napi(catch_unwind)]
    pub fn log_structure(&self) {
        self.0.log_structure();
    }

    /// Takes the log of a layer that has been read; nothing if there is none, or it was too long.
    #[napi(catch_unwind)]
    pub fn structure(&self) -> Option<Vec<NativeFrame>> {
        let frames = self.0.structure()?;
        Some(
            frames
                .into_iter()
                .map(|Frame { bytes, size }| NativeFrame { bytes: bytes.into(), size })
                .collect(),
        )
    }

    /// Records how the layer is compressed, for `compression`. Only before the first bytes are written.
    #[napi(catch_unwind)]
    pub fn learn_compression(&self) {
        self.0.learn_compression();
    }

    /// Takes the record of a layer that has been read; nothing if none can be made.
    #[napi(catch_unwind)]
    pub fn compression(&self) -> Option<Buffer> {
        self.0.compression().map(Into::into)
    }

    /// Takes a copy of the bytes without waiting. Returns true if there is room for more; if not, `room` settles when there is.
    #[napi(catch_unwind, ts_return_type = "Outcome<boolean>")]
    #[allow(clippy::needless_pass_by_value)] // Arguments from JavaScript are owned.
    pub fn write(&self, bytes: BufferSlice<'_>) -> Outcome<bool> {
        Outcome(self.0.write(&bytes))
    }

    /// Settles when there is room.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn room<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<()>(env)?;
        self.0.on_room(reply);
        Ok(promise)
    }

    /// Ends the input; settles when the layer has been read and stored.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeLayerSummary>>")]
    pub fn finish<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeLayerSummary>(env)?;
        self.0.finish(Box::new(move |result| reply(result.map(Into::into))));
        Ok(promise)
    }

    /// Settles when the blob file has more than `size` bytes, or is complete.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeGrowth>>")]
    pub fn grown<'env>(&self, env: &'env Env, size: i64) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeGrowth>(env)?;
        let size = u64::try_from(size).unwrap_or(0);
        self.0.on_growth(
            size,
            Box::new(move |result| {
                reply(result.map(|Grown { size, complete }| NativeGrowth { size: number(size), complete }));
            }),
        );
        Ok(promise)
    }

    /// Completes the blob; settles when it is sealed.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeSealedBlob>>")]
    pub fn seal<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (reply, promise) = promise::<NativeSealedBlob>(env)?;
        self.0.seal(Box::new(move |result| reply(result.map(Into::into))));
        Ok(promise)
    }

    /// Leaves the finished layer to `flatten` of its image, instead of sealing it.
    #[napi(catch_unwind, ts_return_type = "Outcome<undefined>")]
    pub fn hold(&self) -> Outcome<()> {
        Outcome(self.0.hold())
    }

    /// Ends the layer's threads and removes its file unless it is sealed.
    #[napi(catch_unwind)]
    pub fn abort(&self) {
        self.0.abort();
    }
}
