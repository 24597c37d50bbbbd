//! Builds a RAFS blob from one layer, a tar or a directory, with the options that the upstream converter uses for each layer.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use nydus_builder::attributes::Attributes;
use nydus_builder::{
    ArtifactStorage, BlobManager, BootstrapManager, BuildContext, Builder, ConversionType, DirectoryBuilder, Features,
    HashChunkDict, Prefetch, PrefetchPolicy, TarballBuilder, WhiteoutSpec,
};
use nydus_rafs::metadata::{RafsSuperConfig, RafsVersion};
use nydus_storage::device::BlobFeatures;
use nydus_storage::meta::BatchContextGenerator;
use nydus_storage::meta::toc::TocEntryList;
use nydus_utils::{compress, digest};
use sha2::{Digest, Sha256};

use crate::config::{self, Scratch};

pub struct Options<'a> {
    /// The number of the version, 5 or 6.
    pub version: u32,
    pub compressor: &'a str,
    pub digester: &'a str,
    /// True if chunks start at multiples of 4096 in version 5 too.
    pub aligned: bool,
    /// Bytes of a chunk; a power of two.
    pub chunk_size: u32,
    /// Small files are compressed together, so many bytes at most; 0 for none.
    pub batch_size: u32,
    /// A bootstrap with chunks that the new blob may refer to.
    pub chunk_dict: Option<&'a Path>,
}

/// Builds the blob of a tar or of a directory and returns its SHA-256, because the builder reports another id for a blob with an inlined bootstrap.
pub fn create(source: &Path, blob: &Path, options: &Options<'_>) -> Result<String> {
    let version = match options.version {
        5 => RafsVersion::V5,
        6 => RafsVersion::V6,
        other => bail!("there is no version {other}"),
    };
    let compressor = compress::Algorithm::from_str(options.compressor).context("no such compressor")?;
    let digester = digest::Algorithm::from_str(options.digester).context("no such digester")?;
    let conversion = if source.is_dir() { ConversionType::DirectoryToRafs } else { ConversionType::TarToRafs };
    let mut context = BuildContext::new(
        String::new(),
        // In version 6 every chunk starts at a multiple of 4096; upstream's tool sets this by the version.
        version.is_v6() || options.aligned,
        0,
        compressor,
        digester,
        true,
        WhiteoutSpec::None,
        conversion,
        source.to_owned(),
        Prefetch::new(PrefetchPolicy::Fs)?,
        Some(ArtifactStorage::SingleFile(blob.to_owned())),
        None,
        true,
        Features::try_from(if version.is_v6() { "blob-toc" } else { "" })?,
        false,
        Attributes::default(),
    );
    context.set_fs_version(version);
    context.set_chunk_size(options.chunk_size);
    context.set_batch_size(options.batch_size);
    if options.batch_size > 0 {
        context.blob_features.insert(BlobFeatures::BATCH | BlobFeatures::CHUNK_INFO_V2);
        context.blob_batch_generator = Some(Mutex::new(BatchContextGenerator::new(options.batch_size)?));
    }
    let mut blobs = BlobManager::new(digester, false);
    if let Some(path) = options.chunk_dict {
        let rafs = RafsSuperConfig {
            version,
            compressor,
            digester,
            chunk_size: options.chunk_size,
            batch_size: options.batch_size,
            explicit_uidgid: true,
            is_tarfs_mode: false,
        };
        let dict = HashChunkDict::from_bootstrap_file(path, context.configuration.clone(), &rafs)?;
        blobs.set_chunk_dict(Arc::new(dict));
    }
    let mut bootstraps = BootstrapManager::new(None, None);
    let built = if source.is_dir() {
        DirectoryBuilder::new().build(&mut context, &mut bootstraps, &mut blobs)
    } else {
        TarballBuilder::new(conversion).build(&mut context, &mut bootstraps, &mut blobs)
    };
    built.with_context(|| format!("cannot build {}", source.display()))?;
    sha256_of(blob)
}

/// Extracts `image.boot` from a blob: by way of the blob's table of contents, or in version 5, whose blobs have none, from
/// before the last header.
pub fn extract_bootstrap(blob: &Path, out: &Path) -> Result<()> {
    let scratch = Scratch::new()?;
    let blob = blob.canonicalize().with_context(|| format!("cannot find {}", blob.display()))?;
    let folder = blob.parent().context("the blob is not in a folder")?;
    let name = blob.file_name().and_then(|name| name.to_str()).context("the blob's name is not UTF-8")?;
    let extracted: PathBuf = TocEntryList::extract_rafs_meta(name, config::local(folder, &scratch)?)
        .with_context(|| format!("no bootstrap in {}", blob.display()))?;
    std::fs::copy(extracted, out).with_context(|| format!("cannot write {}", out.display()))?;
    Ok(())
}

fn sha256_of(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 0x10_0000];
    loop {
        let count = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return Ok(hex::encode(hasher.finalize()));
        };
        hasher.update(bytes);
    }
}
