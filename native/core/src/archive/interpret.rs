//! Makes one entry from a header block and the extensions before it: decides between the sources, checks limits, and maps
//! type flags to kinds.
//!
//! The order of precedence is that of Go's `archive/tar`, which container runtimes unpack with: GNU long names win over pax
//! records, local records over global ones, and those over the header block.
//!

use super::entry::{Entry, EntryKind, EntrySink};
use super::fault::Place;
use super::header::{BadNumber, Dialect, Header};
use super::pax::{Number, Records};
use super::sparse::Version;
use super::{path, xattr};
use crate::error::Error;
use crate::whiteout::{is_senseless, is_whiteout};

/// The longest symbolic link target that Linux can read back.
const MAX_TARGET: usize = 4095;
/// The kernel and RAFS hold device numbers in 12 and 20 bits.
const MAX_MAJOR: i64 = 0xFFF;
const MAX_MINOR: i64 = 0xF_FFFF;
/// The mode bits that an inode keeps besides its type.
const MODE_BITS: i64 = 0o7777;

/// The extension headers that came before an entry's own header and describe it.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) records: Records,
    pub(super) long_name: Option<Vec<u8>>,
    pub(super) long_link: Option<Vec<u8>>,
}

/// How the bytes after the header form the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// This kind of entry has no data, whatever its size field says.
    Nothing,
    /// The data is the whole file.
    Plain,
    /// The data is the stored pieces of a file with holes.
    Sparse(Format),
}

/// The place of a sparse file's map.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// The map is in the header block and the blocks after it.
    OldGnu,
    /// The map is in pax records.
    Records,
    /// The map stands before the data.
    Data,
}

/// One entry, and how many of the bytes after its header belong to it.
pub(super) struct Interpreted {
    pub(super) entry: Entry,
    pub(super) stored: u64,
    pub(super) layout: Layout,
}

pub(super) fn interpret<S: EntrySink>(
    header: Header<'_>,
    offset: u64,
    extensions: &Extensions,
    global: &Records,
    sink: &mut S,
) -> Result<Interpreted, Error> {
    let local = &extensions.records;
    let raw = match (&extensions.long_name, local.path.over(&global.path)) {
        (Some(name), _) | (None, Some(name)) => name.clone(),
        (None, None) => header.path(),
    };
    let (kind, mut layout) = match kind(header, &raw, Place { path: &raw, offset }) {
        Ok((EntryKind::File, layout)) => (EntryKind::File, layout),
        // Whatever else a whiteout is stored as, its name decides, and neither its target nor its device number counts.
        Ok(_) if is_whiteout(last_component(&raw)) => (EntryKind::File, Layout::Nothing),
        Err(_) if is_whiteout(last_component(&raw)) => (EntryKind::File, Layout::Plain),
        other => other?,
    };
    let mut raw = raw;
    if layout == Layout::Plain && local.sparse.is_used() {
        let version =
            local.sparse.version().map_err(|reason| Place { path: &raw, offset }.unsupported(reason))?;
        layout = match version {
            Version::None => Layout::Plain,
            Version::Records => Layout::Sparse(Format::Records),
            Version::Data => Layout::Sparse(Format::Data),
        };
        if let (Layout::Sparse(_), Some(name)) = (&layout, local.sparse.name.over(&global.sparse.name)) {
            raw.clone_from(name);
        }
    }
    let path = path::normalise(&raw)
        .map_err(|fault| Place { path: &raw, offset }.format(format!("the path {fault}")))?;
    let place = Place { path: &path, offset };
    if path.is_empty() && kind != EntryKind::Directory {
        return Err(Place { path: &raw, offset }.format("the root must be a directory"));
    }
    if is_senseless(last_component(&path)) {
        return Err(place.format("it is a whiteout that removes no name"));
    }
    let stored = size(place, local.size.over(&global.size), header)?;
    let real_size = match layout {
        Layout::Nothing => 0,
        Layout::Plain => stored,
        Layout::Sparse(Format::OldGnu) => old_sparse_size(place, header)?,
        Layout::Sparse(_) => local.sparse.real_size().map_err(|reason| place.format(reason))?,
    };
    let mode = header.mode().map_err(|BadNumber| place.format("the mode is not a number"))?.unwrap_or(0);
    let uid = id(place, "user id", local.uid.over(&global.uid), || header.uid())?;
    let gid = id(place, "group id", local.gid.over(&global.gid), || header.gid())?;
    let (mtime, mtime_nsec) = mtime(place, local, global, header, sink);
    let (major, minor) = device(place, kind, header)?;
    let link = link(place, kind, extensions, global, header)?;
    let xattrs = if kind == EntryKind::Hardlink { Vec::new() } else { xattrs(place, local, global, sink)? };
    // The masked mode always fits.
    let mode = u16::try_from(mode & MODE_BITS).unwrap_or_default();
    let entry = Entry {
        path,
        offset,
        kind,
        mode,
        uid,
        gid,
        mtime,
        mtime_nsec,
        size: real_size,
        major,
        minor,
        link,
        xattrs,
    };
    Ok(Interpreted { entry, stored, layout })
}

/// The last component of a path as the archive spells it; empty for the root.
fn last_component(path: &[u8]) -> &[u8] {
    path.split(|&byte| byte == b'/').rfind(|name| !matches!(*name, b"" | b".")).unwrap_or_default()
}

fn kind(header: Header<'_>, raw: &[u8], place: Place<'_>) -> Result<(EntryKind, Layout), Error> {
    let refused = match header.typeflag() {
        // Before POSIX a directory was a file whose name ends in a slash.
        b'0' | 0 if header.dialect() == Dialect::V7 && raw.ends_with(b"/") => {
            return Ok((EntryKind::Directory, Layout::Nothing));
        }
        b'0' | 0 | b'7' => return Ok((EntryKind::File, Layout::Plain)),
        b'1' => return Ok((EntryKind::Hardlink, Layout::Nothing)),
        b'2' => return Ok((EntryKind::Symlink, Layout::Nothing)),
        b'3' => return Ok((EntryKind::Char, Layout::Nothing)),
        b'4' => return Ok((EntryKind::Block, Layout::Nothing)),
        b'5' => return Ok((EntryKind::Directory, Layout::Nothing)),
        b'6' => return Ok((EntryKind::Fifo, Layout::Nothing)),
        b'S' if header.dialect() == Dialect::Gnu => {
            return Ok((EntryKind::File, Layout::Sparse(Format::OldGnu)));
        }
        b'S' => "a GNU sparse file without GNU's magic",
        b'D' => "a directory of a GNU incremental backup",
        b'M' => "a file continued from another volume",
        b'N' => "an old GNU long name",
        b'V' => "a GNU volume label",
        _ => "unknown",
    };
    let flag = header.typeflag().escape_ascii();
    Err(place.unsupported(format!("type '{flag}' ({refused}) cannot be part of a layer")))
}

fn size(place: Place<'_>, record: Option<&Number>, header: Header<'_>) -> Result<u64, Error> {
    let size = match record {
        Some(Ok(size)) => *size,
        Some(Err(text)) => return Err(place.format(format!("the size {text} is not a number"))),
        None => header.size().map_err(|BadNumber| place.format("the size is not a number"))?.unwrap_or(0),
    };
    u64::try_from(size).map_err(|_| place.format(format!("the size {size} is negative")))
}

fn old_sparse_size(place: Place<'_>, header: Header<'_>) -> Result<u64, Error> {
    let size = header.sparse_real_size().ok().map(|size| size.unwrap_or(0));
    let size = size.and_then(|size| u64::try_from(size).ok());
    size.ok_or_else(|| place.format("the sparse file's size is not a number"))
}

fn id(
    place: Place<'_>,
    what: &str,
    record: Option<&Number>,
    field: impl FnOnce() -> Result<Option<i64>, BadNumber>,
) -> Result<u32, Error> {
    let value = match record {
        Some(Ok(value)) => *value,
        Some(Err(text)) => return Err(place.format(format!("the {what} {text} is not a number"))),
        None => {
            field().map_err(|BadNumber| place.format(format!("the {what} is not a number")))?.unwrap_or(0)
        }
    };
    u32::try_from(value).map_err(|_| place.format(format!("the {what} {value} does not fit 32 bits")))
}

/// An unreadable time does not make the layer invalid: the next best source is used, with a warning.
fn mtime<S: EntrySink>(
    place: Place<'_>,
    local: &Records,
    global: &Records,
    header: Header<'_>,
    sink: &mut S,
) -> (i64, u32) {
    match local.mtime.over(&global.mtime) {
        Some(Ok(time)) => return *time,
        Some(Err(text)) => {
            sink.warn("PAX_MTIME", format!("{place}: the pax mtime {text} is no time, the header's is used"));
        }
        None => {}
    }
    if let Ok(seconds) = header.mtime() {
        return (seconds.unwrap_or(0), 0);
    }
    sink.warn("TAR_MTIME", format!("{place}: the header's mtime is not a number, 0 is used"));
    (0, 0)
}

/// A device needs valid numbers. A fifo does not use its numbers, so they are kept only if they are valid.
fn device(place: Place<'_>, kind: EntryKind, header: Header<'_>) -> Result<(u32, u32), Error> {
    let field = |what: &str, value: Result<Option<i64>, BadNumber>, limit: i64| {
        let value = value
            .map_err(|BadNumber| place.format(format!("the device's {what} number is not a number")))?
            .unwrap_or(0);
        let checked = u32::try_from(value).ok().filter(|_| value <= limit);
        checked.ok_or_else(|| {
            place.format(format!("the device's {what} number {value} is not within 0 and {limit}"))
        })
    };
    let numbers =
        || Ok((field("major", header.major(), MAX_MAJOR)?, field("minor", header.minor(), MAX_MINOR)?));
    match kind {
        EntryKind::Char | EntryKind::Block => numbers(),
        EntryKind::Fifo => Ok(numbers().unwrap_or((0, 0))),
        _ => Ok((0, 0)),
    }
}

fn link(
    place: Place<'_>,
    kind: EntryKind,
    extensions: &Extensions,
    global: &Records,
    header: Header<'_>,
) -> Result<Vec<u8>, Error> {
    if !matches!(kind, EntryKind::Symlink | EntryKind::Hardlink) {
        return Ok(Vec::new());
    }
    let record = extensions.records.link.over(&global.link);
    let target = extensions.long_link.as_ref().or(record).map_or_else(|| header.link(), Vec::as_slice);
    if kind == EntryKind::Hardlink {
        let path = path::normalise(target)
            .map_err(|fault| place.format(format!("the hard link's target {fault}")))?;
        if path.is_empty() {
            return Err(place.format("the hard link's target is the root directory"));
        }
        return Ok(path);
    }
    let length = target.len();
    match length {
        0 => Err(place.format("the symbolic link has no target")),
        1..=MAX_TARGET if target.contains(&0) => {
            Err(place.format("the symbolic link's target holds a NUL byte"))
        }
        1..=MAX_TARGET => Ok(target.to_vec()),
        _ => {
            Err(place
                .format(format!("the symbolic link's target has {length} bytes, more than {MAX_TARGET}")))
        }
    }
}

/// The most attributes of an entry whose loss is reported one by one.
const MAX_DROPPED: usize = 16;

type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

fn xattrs<S: EntrySink>(
    place: Place<'_>,
    local: &Records,
    global: &Records,
    sink: &mut S,
) -> Result<Xattrs, Error> {
    let mut dropped = 0usize;
    let mut drop = |name: &[u8], reason: &str| {
        dropped += 1;
        if dropped > MAX_DROPPED {
            return;
        }
        let name = path::quoted(name);
        sink.warn("XATTR_DROPPED", format!("{place}: extended attribute {name} is dropped: {reason}"));
    };
    for name in global.bad_xattrs.iter().chain(&local.bad_xattrs) {
        drop(name, "its value is not base64");
    }
    let mut kept: Xattrs = Vec::new();
    for (name, value) in global.xattrs.iter().chain(&local.xattrs) {
        if let Some(reason) = xattr::name_fault(name) {
            drop(name, reason);
            continue;
        }
        if value.len() > xattr::MAX_VALUE {
            let (name, length) = (path::quoted(name), value.len());
            let limit = xattr::MAX_VALUE;
            return Err(
                place.format(format!("extended attribute {name} has {length} bytes, more than {limit}"))
            );
        }
        kept.push((name.clone(), value.clone()));
    }
    if let more @ 1.. = dropped.saturating_sub(MAX_DROPPED) {
        sink.warn("XATTR_DROPPED", format!("{place}: {more} more extended attributes are dropped"));
    }
    // The last value of a name wins: reversing puts it first among its equals (the sort is stable), and then the first is
    // kept.
    kept.reverse();
    kept.sort_by(|left, right| left.0.cmp(&right.0));
    kept.dedup_by(|next, first| next.0 == first.0);
    Ok(kept)
}
