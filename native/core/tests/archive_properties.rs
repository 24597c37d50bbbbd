//! These properties hold for every archive: the cut into pieces does not matter, the `tar` crate sees the same entries, and
//! damage gives an error or another list, never a panic or a hang.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a panic is a failed test")]

mod tarball;

use nydus_core::archive::{Entry, EntryKind};
use proptest::collection::vec;
use proptest::prelude::*;
use tarball::*;

/// An entry that a writer may write, and the writer's spelling of long or odd values.
#[derive(Debug, Clone)]
struct Spec {
    name: Vec<u8>,
    flag: u8,
    data: Vec<u8>,
    link: Vec<u8>,
    numbers: (u32, u32, u32, u32),
    mtime: i64,
    xattrs: Vec<(String, Vec<u8>)>,
    gnu: bool,
}

fn component() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-z]{1,4}".prop_map(String::into_bytes),
        1 => vec(any::<u8>().prop_filter("no name", |byte| ![0, b'/'].contains(byte)), 1..120),
    ]
    .prop_filter("special", |name| name != b"." && name != b"..")
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    vec(component(), 1..4).prop_map(|parts| parts.join(&b'/'))
}

fn spec() -> impl Strategy<Value = Spec> {
    let flag = prop::sample::select(b"000001234567".to_vec());
    let data = prop_oneof![Just(0), 1..600usize, 511..514usize].prop_flat_map(|size| vec(any::<u8>(), size));
    let numbers = (any::<u32>(), any::<u32>(), 0..4096u32, 0..0x10_0000u32);
    let xattrs = vec(("user\\.[a-c]{1,2}", vec(any::<u8>(), 0..30)), 0..3);
    (path(), flag, data, path(), numbers, -(1i64 << 40)..1 << 40, xattrs, any::<bool>()).prop_map(
        |(name, flag, data, link, numbers, mtime, xattrs, gnu)| Spec {
            name,
            flag,
            data,
            link,
            numbers,
            mtime,
            xattrs,
            gnu,
        },
    )
}

fn write(archive: Tar, spec: &Spec) -> Tar {
    let is_link = matches!(spec.flag, b'1' | b'2');
    let link = if is_link { &spec.link[..] } else { b"" };
    let mut archive = archive;
    let mut records: Vec<(String, Vec<u8>)> =
        spec.xattrs.iter().map(|(name, value)| (format!("SCHILY.xattr.{name}"), value.clone())).collect();
    for (value, flag, key) in [(&spec.name[..], b'L', "path"), (link, b'K', "linkpath")] {
        if value.len() > 100 && spec.gnu {
            archive = archive.long(flag, value);
        } else if value.len() > 100 {
            records.push((key.to_owned(), value.to_vec()));
        }
    }
    if !records.is_empty() {
        archive = archive.pax(&records);
    }
    let (uid, gid, major, minor) = spec.numbers;
    let mut head = Head::new(&spec.name[..spec.name.len().min(100)], spec.flag).mode(i64::from(uid & 0o7777));
    head = head.uid(i64::from(uid)).gid(i64::from(gid)).mtime(spec.mtime).link(&link[..link.len().min(100)]);
    if matches!(spec.flag, b'3' | b'4') {
        head = head.device(i64::from(major), i64::from(minor));
    }
    if spec.gnu {
        head = head.gnu();
    }
    let is_file = matches!(spec.flag, b'0' | b'7');
    archive.with(head, if is_file { &spec.data[..] } else { b"" })
}

fn archive(specs: &[Spec]) -> Vec<u8> {
    specs.iter().fold(tar(), write).end()
}

/// Reads an archive with the `tar` crate and returns our types. The crate knows neither pax nor negative times, so times are
/// left out.
fn read_with_tar_crate(bytes: &[u8]) -> Vec<(Entry, Vec<u8>)> {
    use std::io::Read;
    let mut reader = tar::Archive::new(bytes);
    let mut all = Vec::new();
    for entry in reader.entries().unwrap() {
        let mut entry = entry.unwrap();
        let kind = match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => EntryKind::File,
            tar::EntryType::Link => EntryKind::Hardlink,
            tar::EntryType::Symlink => EntryKind::Symlink,
            tar::EntryType::Char => EntryKind::Char,
            tar::EntryType::Block => EntryKind::Block,
            tar::EntryType::Directory => EntryKind::Directory,
            tar::EntryType::Fifo => EntryKind::Fifo,
            other => unreachable!("{other:?}"),
        };
        let is_device = matches!(kind, EntryKind::Char | EntryKind::Block);
        let number =
            |value: std::io::Result<Option<u32>>| if is_device { value.unwrap().unwrap() } else { 0 };
        let mut xattrs = Vec::new();
        for record in entry.pax_extensions().unwrap().into_iter().flatten() {
            let record = record.unwrap();
            if let Some(name) = record.key_bytes().strip_prefix(b"SCHILY.xattr.") {
                xattrs.retain(|(known, _)| known != name);
                xattrs.push((name.to_vec(), record.value_bytes().to_vec()));
            }
        }
        xattrs.sort();
        if kind == EntryKind::Hardlink {
            xattrs.clear();
        }
        let link = entry.link_name_bytes().map(|link| link.to_vec());
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        let described = Entry {
            path: entry.path_bytes().to_vec(),
            offset: entry.raw_header_position(),
            kind,
            mode: u16::try_from(header.mode().unwrap()).unwrap(),
            uid: u32::try_from(header.uid().unwrap()).unwrap(),
            gid: u32::try_from(header.gid().unwrap()).unwrap(),
            mtime: 0,
            mtime_nsec: 0,
            size: entry.size(),
            major: number(header.device_major()),
            minor: number(header.device_minor()),
            link: link
                .filter(|_| matches!(kind, EntryKind::Hardlink | EntryKind::Symlink))
                .unwrap_or_default(),
            xattrs,
        };
        all.push((described, content));
    }
    all
}

fn read_with_ours(bytes: &[u8]) -> Vec<(Entry, Vec<u8>)> {
    let mut contents = contents(bytes).into_iter();
    let described = entries(bytes).into_iter().map(|entry| {
        let content = if entry.size > 0 { contents.next().unwrap() } else { Vec::new() };
        (Entry { mtime: 0, mtime_nsec: 0, ..entry }, content)
    });
    described.collect()
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_events(
        specs in vec(spec(), 0..6),
        sizes in vec(prop_oneof![1..8usize, 1..700usize], 1..20),
    ) {
        let bytes = archive(&specs);
        let mut rest = &bytes[..];
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let (record, result) = parse_pieces(pieces);
        prop_assert!(result.is_ok());
        prop_assert_eq!(record.events, events(&bytes));
    }

    #[test]
    fn what_was_written_is_read(specs in vec(spec(), 0..6)) {
        let bytes = archive(&specs);
        for (spec, entry) in specs.iter().zip(entries(&bytes)) {
            prop_assert_eq!(&spec.name, &entry.path);
            prop_assert_eq!((spec.numbers.0, spec.numbers.1, spec.mtime), (entry.uid, entry.gid, entry.mtime));
        }
    }

    #[test]
    fn the_tar_crate_sees_the_same_entries(specs in vec(spec(), 0..6)) {
        // The crate's pax parser splits records at newlines; of two equal names it takes the last one, as we do.
        let clean = |spec: &Spec| ![&spec.name, &spec.link].iter().any(|name| name.contains(&b'\n'))
            && !spec.xattrs.iter().any(|(_, value)| value.contains(&b'\n'));
        prop_assume!(specs.iter().all(clean));
        let bytes = archive(&specs);
        prop_assert_eq!(read_with_ours(&bytes), read_with_tar_crate(&bytes));
    }

    #[test]
    fn noise_is_refused_or_read_but_never_a_panic(bytes in vec(any::<u8>(), 0..3000)) {
        let _ = parse_pieces([&bytes[..]]);
    }

    #[test]
    fn noise_in_a_header_is_refused_or_read_but_never_a_panic(
        at in 0..500usize, noise in vec(any::<u8>(), 1..40), flag in any::<u8>(),
    ) {
        let mut head = Head::new("f", flag).size(3);
        for (to, from) in head.block[at..].iter_mut().zip(noise) {
            *to = from;
        }
        let _ = parse_pieces([&tar().head(head).data("abc").file("g", "g").end()[..]]);
    }

    #[test]
    fn noise_in_an_extended_header_is_refused_or_read_but_never_a_panic(
        flag in prop::sample::select(b"xgLK".to_vec()),
        key in prop::sample::select(vec!["path", "size", "mtime", "GNU.sparse.map", "GNU.sparse.major", "LIBARCHIVE.xattr.user.%4"]),
        value in "[0-9.,=\\-\n]{0,12}",
        noise in vec(any::<u8>(), 0..8),
    ) {
        let body = [body(&[(key, value)]), noise].concat();
        let _ = parse_pieces([&tar().with(Head::new("x", flag), body).file("f", "abc").end()[..]]);
    }
}

/// Makes an archive with all kinds of headers in it.
fn everything() -> Vec<u8> {
    let sparse = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.realsize", "5000"),
        ("path", "s"),
    ];
    let old = Head::new("o", b'S')
        .gnu()
        .number(386, 12, 100)
        .number(398, 12, 3)
        .number(483, 12, 200)
        .bytes(482, b"\x01");
    tar()
        .global(&[("comment", "x"), ("mtime", "5.5")])
        .dir("./")
        .pax(&[("SCHILY.xattr.user.k", "v"), ("uid", "5")])
        .file("f", [b'x'; 700])
        .long(b'L', "long/".repeat(30))
        .long(b'K', "l".repeat(120))
        .symlink("l", "x")
        .hardlink("h", "f")
        .head(Head::new("c", b'3').device(1, 3))
        .pax(&sparse)
        .with(Head::new("GNUSparseFile/s", b'0'), [tar().data("1\n100\n3\n").out, b"abc".to_vec()].concat())
        .head(old.size(3))
        .raw([0; 512])
        .data("abc")
        .head(Head::new("v7/", 0).v7())
        .end()
}

#[test]
fn a_cut_anywhere_is_an_error_or_a_clean_boundary() {
    let bytes = everything();
    let whole = events(&bytes);
    let mut clean = 0;
    for cut in 0..bytes.len() {
        let (record, result) = parse_pieces([&bytes[..cut]]);
        let seen = record.events.len();
        // The last event may be the entry whose data is cut off; the rest is as in the whole archive.
        assert_eq!(record.events[..], whole[..seen], "cut at {cut}");
        match result {
            // The cut is at a boundary of entries, in padding, or in the end blocks.
            Ok(()) => clean += 1,
            Err(error) => assert_eq!(error.code(), "FORMAT", "cut at {cut}: {error}"),
        }
    }
    // Clean cuts are in padding: 324 + 509 + 509 (files); in end blocks: 1024; one before and one after the global header,
    // and one before each of the other eight entries. A cut in zero blocks of a map or in bodies of extensions is an error.
    assert!(clean > 1024 + 324 + 509 + 509 && clean < 1024 + 324 + 509 + 509 + 600, "{clean}");
}

#[test]
fn one_flipped_bit_or_byte_anywhere_never_panics() {
    let bytes = everything();
    for at in 0..bytes.len() {
        for mask in [0x01, 0x90] {
            let mut damaged = bytes.clone();
            damaged[at] ^= mask;
            let (record, result) = parse_pieces([&damaged[..]]);
            assert!(
                record.events.len() < 40 && (result.is_ok() || !result.unwrap_err().to_string().is_empty())
            );
            // Correct the checksum, so that the parser accepts the damaged header.
            let start = at / BLOCK * BLOCK;
            let block: [u8; BLOCK] = damaged[start..start + BLOCK].try_into().unwrap();
            damaged[start..start + BLOCK].copy_from_slice(&Head { block }.sum());
            let _ = parse_pieces([&damaged[..]]);
        }
    }
}

#[test]
fn pieces_of_one_byte_give_the_same_events() {
    let bytes = everything();
    let (record, result) = parse_pieces(bytes.chunks(1));
    assert!(result.is_ok());
    assert_eq!(record.events, events(&bytes));
    for split in 0..bytes.len() {
        let (front, back) = bytes.split_at(split);
        assert_eq!(parse_pieces([front, back]).0.events, record.events, "split at {split}");
    }
}
