//! A bootstrap that is read once and then judged, compared with its source, and held against its blobs.

use crate::blob::{Blob, BlobRecord, UsedBlob, VerifiableChunks};
use crate::finding::Finding;
use crate::layout::{OWN_BLOB_ID, blob_features, digester, section};
use crate::rules::blob::Bootstraps;
use crate::source::ScannedLayer;
use crate::v6::tables::Blob as BlobEntry;
use crate::{rules, same, v5, v6};

/// The bytes of a bootstrap with what the judge found in them.
pub struct Judged<B> {
    bytes: B,
    findings: Vec<Finding>,
    contents: Option<Contents>,
}

/// The contents of a bootstrap that can be read.
enum Contents {
    V5(Vec<BlobV5>),
    V6(Box<v6::Contents>),
}

/// A blob of a v5 bootstrap. Nothing else of such a bootstrap is kept.
struct BlobV5 {
    is_own: bool,
    record: BlobRecord,
    /// The index of each chunk, and the offset of its first record.
    places: Vec<(u32, usize)>,
}

/// The judgement of a blob.
#[derive(Debug)]
pub struct JudgedBlob {
    /// Findings about the bootstrap inside the blob.
    pub own: Vec<Finding>,
    /// Findings about everything else.
    pub findings: Vec<Finding>,
    /// The chunks whose data can be verified.
    pub chunks: VerifiableChunks,
    /// The number of their compressor.
    pub compressor: u32,
    /// The number of their digester.
    pub digester: u32,
}

impl<B: AsRef<[u8]>> Judged<B> {
    /// Reads a bootstrap and finds everything that is wrong with it, in the order of the rules. If it cannot be read, that is
    /// the only finding.
    pub fn read(bytes: B) -> Self {
        let read = if v5::is_v5(bytes.as_ref()) { read_v5(bytes.as_ref()) } else { read_v6(bytes.as_ref()) };
        match read {
            Ok((findings, contents)) => Self { bytes, findings, contents: Some(contents) },
            Err(refusal) => Self { bytes, findings: vec![*refusal], contents: None },
        }
    }

    /// Everything that is wrong with the bootstrap.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Borrows the list instead of copying it.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// True if the layers, lowest first, unpack to exactly the tree that the bootstrap shows, contents included (by digest). The
    /// bootstrap may break rules, as long as it can be read.
    pub fn is_tree_of(&self, layers: &[ScannedLayer<'_>]) -> bool {
        let bytes = self.bytes.as_ref();
        let is_same = match &self.contents {
            Some(Contents::V6(contents)) => same::is_same(&contents.image(bytes), layers),
            // The tree borrows the bytes. Reading it again takes less than keeping it in another form would.
            Some(Contents::V5(_)) => {
                v5::Image::read(bytes).ok().and_then(|image| same::is_same(&image, layers))
            }
            None => None,
        };
        is_same.is_some()
    }

    /// Finds everything that is wrong with a blob of the image whose bootstrap this is. `number` is the blob's position in the
    /// blob table; without one, no file uses the blob.
    pub fn judge_blob(&self, blob: &Blob<'_>, number: Option<usize>) -> JudgedBlob {
        let own = blob.section(section::BOOTSTRAP).and_then(|section| section.content).map(Judged::read);
        let own_blob = own.as_ref().and_then(Judged::own_blob);
        let used = number.and_then(|number| self.blob(number));
        let bootstraps = Bootstraps {
            version: self.version().unwrap_or_default(),
            own_version: own.as_ref().and_then(Judged::version),
            own: own_blob.as_ref(),
            used: used.as_ref(),
        };
        let mut findings = Vec::new();
        let chunks = rules::blob::judge(blob, bootstraps, &mut findings);
        let record = used.as_ref().or(own_blob.as_ref()).map(|blob| blob.record);
        JudgedBlob {
            findings,
            chunks,
            compressor: record.map_or(0, |record| record.compressor),
            digester: record.map_or(digester::BLAKE3, |record| record.digester),
            own: own.map(|own| own.findings).unwrap_or_default(),
        }
    }

    /// The RAFS version; `None` if the bootstrap cannot be read.
    fn version(&self) -> Option<u32> {
        match self.contents.as_ref()? {
            Contents::V5(_) => Some(5),
            Contents::V6(_) => Some(6),
        }
    }

    /// A blob by its position in the blob table.
    fn blob(&self, number: usize) -> Option<UsedBlob<'_>> {
        let bytes = self.bytes.as_ref();
        let (record, places) = match self.contents.as_ref()? {
            Contents::V5(blobs) => blobs.get(number).map(|blob| (blob.record, blob.places.clone()))?,
            Contents::V6(contents) => {
                let tables = &contents.tables;
                let at = tables.blobs.places().nth(number)?;
                let mut places = contents.chunks.of_blob(number);
                for (_, place) in &mut places {
                    *place = tables.records.place(*place);
                }
                (BlobRecord::of_v6(BlobEntry::new(bytes, at)), places)
            }
        };
        Some(UsedBlob::new(bytes, record, places))
    }

    /// The blob that holds this bootstrap; `None` if no file uses it.
    fn own_blob(&self) -> Option<UsedBlob<'_>> {
        let number = match self.contents.as_ref()? {
            Contents::V5(blobs) => blobs.iter().position(|blob| blob.is_own),
            Contents::V6(contents) => {
                let bytes = self.bytes.as_ref();
                let mut places = contents.tables.blobs.places();
                places.position(|at| {
                    let blob = BlobEntry::new(bytes, at);
                    // A blob that refers to a layer has its id already.
                    let refers =
                        blob.has(blob_features::SEPARATE) && blob.has(blob_features::INLINED_FS_META);
                    refers || blob.id() == OWN_BLOB_ID.as_slice()
                })
            }
        };
        self.blob(number?)
    }
}

type Read = Result<(Vec<Finding>, Contents), crate::finding::Refusal>;

fn read_v6(bytes: &[u8]) -> Read {
    let contents = v6::Contents::read(bytes)?;
    let findings = rules::v6::judge(&contents.image(bytes));
    Ok((findings, Contents::V6(Box::new(contents))))
}

fn read_v5(bytes: &[u8]) -> Read {
    let image = v5::Image::read(bytes)?;
    let findings = rules::v5::judge(&image);
    let blobs = image.tables.blobs.iter().zip(&image.chunks).map(|(blob, chunks)| BlobV5 {
        is_own: blob.id == OWN_BLOB_ID.as_slice(),
        record: BlobRecord::of_v5(&image.tables, blob),
        places: chunks.iter().map(|chunk| (chunk.index, chunk.place)).collect(),
    });
    Ok((findings, Contents::V5(blobs.collect())))
}
