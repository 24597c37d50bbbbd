//! Reads the bootstrap of an image back, so that a layer can be put on top of it without reading the layers that it was made from.
//! Its blobs stay as they are, in the order of its table.
//!
//! Another layer may have been put on top before, whose blob is to make room. Then the files of that blob go back to the chunks that
//! they had: each other blob says in its own bootstrap which chunks it stores.

use std::collections::HashMap;
use std::sync::Arc;

use nydus_layout::wire::chunk_record;

use super::blob_table::Blob;
use super::image::SealedLayer;
use super::model::{LayerTree, Walk};
use super::recall::{Draft, OtherBlobs, damaged};
use crate::budget::Account;
use crate::dict::Place;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::format::Format;
use crate::table::ChunkRecord;

/// The number of the first blob: layers have lower ones.
const FIRST_BLOB: u32 = 16;

/// A blob of the image, and the bootstrap inside it.
#[derive(Clone, Debug)]
pub struct Home {
    /// The digest of the blob in hex.
    pub id: [u8; 64],
    /// Its own bootstrap.
    pub bootstrap: Vec<u8>,
}

/// An image that a layer is put on.
#[derive(Clone, Debug)]
pub struct BaseImage {
    /// Its bootstrap.
    pub bootstrap: Vec<u8>,
    /// The digest, in hex, of a blob that is to be left out, and the other blobs.
    pub without: Option<([u8; 64], Vec<Home>)>,
}

/// Reads an image back as the lowest layer, whose number is `number`.
pub fn base(number: u32, image: &BaseImage, format: &Format, account: &Arc<Account>) -> Result<SealedLayer> {
    let mut draft = read(number, FIRST_BLOB, &image.bootstrap, format, account)?;
    let mut blobs = draft.described_blobs();
    if let Some((left, homes)) = &image.without {
        let leaving = blobs.iter().position(|(_, blob)| blob.record.id.as_ref() == Some(left));
        if let Some(leaving) = leaving {
            let (leaving, blob) = blobs.remove(leaving);
            send_home(&mut draft, (leaving, &blob), &mut blobs, homes, (format, account))?;
        }
    }
    let Draft { tree, stores, chunk_positions, .. } = draft;
    let walk = Walk::new(&tree, &stores);
    let moved = chunk_positions.moved(&walk, &tree, &stores, format.chunk_size);
    drop(walk);
    let chunk_bytes = format.version.chunk_bytes;
    let tree = LayerTree::recalled(tree, stores, Vec::new(), Arc::clone(account), chunk_bytes);
    Ok(SealedLayer::base(number, blobs, tree, moved, format.kind))
}

/// Reads a bootstrap that describes all its blobs.
fn read(
    number: u32,
    first_blob: u32,
    bytes: &[u8],
    format: &Format,
    account: &Arc<Account>,
) -> Result<Draft> {
    let mut draft = Draft::of_image(number, first_blob, format, Arc::clone(account))?;
    (format.version.read)(bytes, &mut draft, &OtherBlobs::new(None, || Ok(Vec::new())))?;
    Ok(draft)
}

/// Replaces the references to the blob that leaves by references to equal chunks of other blobs.
fn send_home(
    draft: &mut Draft,
    (leaving, left): (u32, &Blob),
    blobs: &mut Vec<(u32, Blob)>,
    homes: &[Home],
    (format, account): (&Format, &Arc<Account>),
) -> Result<()> {
    let mut wanted: HashMap<(Digest, u32), Option<Place>> = HashMap::new();
    let chunks =
        |blob: &Blob| -> Vec<ChunkRecord> { (0u32..).map_while(|index| blob.chunk(index)).collect() };
    let key = |chunk: &ChunkRecord| (chunk.digest, chunk.uncompressed_size);
    let all = chunks(left);
    wanted.extend(all.iter().filter(|chunk| chunk.uncompressed_size > 0).map(|chunk| (key(chunk), None)));
    // The highest layer that stores a chunk has it: that one's files are seen.
    for home in homes.iter().rev() {
        let own = read(0, 0, &home.bootstrap, format, account)?;
        // A bootstrap inside a blob cannot name that blob; one that refers to a layer names the layer.
        let mut found: Vec<Blob> = own.described_blobs().into_iter().map(|(_, blob)| blob).collect();
        let position = found.iter().position(|blob| blob.record.id.is_none()).unwrap_or(0);
        if position >= found.len() {
            continue;
        }
        let mut stored = found.swap_remove(position);
        let id = stored.record.id.unwrap_or(home.id);
        stored.record = stored.record.named(id);
        let mut number = None;
        for (index, chunk) in (0u32..).zip(chunks(&stored)) {
            let Some(place @ None) = wanted.get_mut(&key(&chunk)) else { continue };
            let layer = match number {
                Some(number) => number,
                None => *number.insert(placed(blobs, &stored, leaving)?),
            };
            *place = Some(Place { layer, index });
            let known = blobs.iter_mut().find(|(other, _)| *other == layer);
            if let Some((_, blob)) = known {
                fill(blob, index, &stored)?;
            }
        }
    }
    let mut is_lost = false;
    let mut home = |place: Place| {
        if place.layer != leaving {
            return place;
        }
        let chunk = all.get(place.index as usize);
        let found = chunk.and_then(|chunk| wanted.get(&key(chunk)).copied().flatten());
        found.unwrap_or_else(|| {
            is_lost = true;
            place
        })
    };
    draft.store()?.references.map(&mut home);
    if is_lost {
        return Err(Error::unsupported(
            "the image was optimised before, and its other blobs do not have all chunks of its files",
        )
        .with_hint("optimise the image that it was made from"));
    }
    Ok(())
}

/// The number of a blob in the table, to which it is added if it is not there.
fn placed(blobs: &mut Vec<(u32, Blob)>, stored: &Blob, leaving: u32) -> Result<u32> {
    if let Some((number, _)) = blobs.iter().find(|(_, blob)| blob.record.id == stored.record.id) {
        return Ok(*number);
    }
    let highest = blobs.iter().map(|(number, _)| *number).chain([leaving]).max();
    let number = highest.and_then(|number| number.checked_add(1)).ok_or_else(|| damaged("too many blobs"))?;
    blobs.push((number, stored.clone()));
    Ok(number)
}

/// Describes a chunk that no file of the image has referred to.
fn fill(blob: &mut Blob, index: u32, stored: &Blob) -> Result<()> {
    let at = index as usize * chunk_record::SIZE;
    let range = at..at + chunk_record::SIZE;
    let from = stored.chunks.get(range.clone());
    let chunks = Arc::make_mut(&mut blob.chunks);
    match chunks.get_mut(range).zip(from) {
        Some((slot, from)) => {
            if slot.iter().all(|&byte| byte == 0) {
                slot.copy_from_slice(from);
            }
            Ok(())
        }
        None => Err(damaged("a blob has other chunks than its own bootstrap says")),
    }
}
