//! Sparse files come in four formats: their holes are filled in, and false maps are refused.

#![allow(clippy::indexing_slicing, reason = "test code: a panic is a failed test")]

mod tarball;

use tarball::*;

/// Makes a file of 3000 bytes: 512 of `a` at 1000, 10 of `b` at 2000.
fn sparse_content() -> Vec<u8> {
    let mut content = vec![0; 3000];
    content[1000..1512].fill(b'a');
    content[2000..2010].fill(b'b');
    content
}

/// The bytes of this file that an archive stores.
fn stored() -> Vec<u8> {
    [[b'a'; 512].as_slice(), &[b'b'; 10]].concat()
}

fn slots(head: Head, at: usize, numbers: &[i64]) -> Head {
    numbers.iter().enumerate().fold(head, |head, (i, &number)| head.number(at + 12 * i, 12, number))
}

fn check_sparse(archive: &[u8]) {
    assert_eq!(entries(archive)[0].size, 3000);
    assert_eq!(entries(archive)[0].path, b"real/name");
    assert_eq!(contents(archive), [sparse_content(), b"after".to_vec()]);
    // Six blocks follow the file's data, and before them padding that may be missing.
    for cut in 0..archive.len() - 6 * BLOCK - (BLOCK - stored().len() % BLOCK) {
        let (_, result) = parse_pieces([&archive[..cut]]);
        assert!(cut == 0 || result.is_err(), "cut at {cut}");
    }
}

#[test]
fn old_gnu_sparse_files_are_filled_in() {
    let head =
        slots(Head::new("real/name", b'S').gnu(), 386, &[1000, 512, 2000, 10, 3000, 0]).number(483, 12, 3000);
    check_sparse(&tar().with(head, stored()).file("g", "after").zeros(4).out);
}

#[test]
fn old_gnu_sparse_maps_continue_in_extension_blocks() {
    // 50 pieces of one byte: 4 in the header, 21 in each of two blocks, 4 in a third.
    let numbers: Vec<i64> = (0..50).flat_map(|i| [i * 10, 1]).collect();
    let head = slots(Head::new("f", b'S').gnu().size(50), 386, &numbers[..8])
        .number(483, 12, 600)
        .bytes(482, b"\x01");
    let mut archive = tar().head(head);
    for (index, part) in numbers[8..].chunks(42).enumerate() {
        let block = slots(Head { block: [0; 512] }, 0, part);
        archive = archive.raw(if index < 2 { block.bytes(504, b"\x01").block } else { block.block });
    }
    let archive = archive.data([b'x'; 50]).file("g", "g\n").end();
    let expected: Vec<u8> = (0..600).map(|i| if i % 10 == 0 && i < 500 { b'x' } else { 0 }).collect();
    assert_eq!(contents(&archive), [expected, b"g\n".to_vec()]);
}

#[test]
fn pax_sparse_0_0_is_filled_in() {
    let map = [("offset", "1000"), ("numbytes", "512"), ("offset", "2000"), ("numbytes", "10")];
    let records = [("size", "3000"), ("numblocks", "2")].into_iter().chain(map);
    let records: Vec<_> = records.map(|(key, value)| (format!("GNU.sparse.{key}"), value)).collect();
    check_sparse(
        &tar().pax(&records).with(Head::new("real/name", b'0'), stored()).file("g", "after").zeros(4).out,
    );
}

#[test]
fn pax_sparse_0_1_is_filled_in() {
    let records = [("size", "3000"), ("numblocks", "2"), ("map", "1000,512,2000,10"), ("name", "real/name")];
    let records: Vec<_> = records.map(|(key, value)| (format!("GNU.sparse.{key}"), value)).to_vec();
    let head = Head::new("./GNUSparseFile.1/name", b'0');
    check_sparse(&tar().pax(&records).with(head, stored()).file("g", "after").zeros(4).out);
}

#[test]
fn pax_sparse_1_0_is_filled_in() {
    let records = [("major", "1"), ("minor", "0"), ("name", "real/name"), ("realsize", "3000")];
    let records: Vec<_> = records.map(|(key, value)| (format!("GNU.sparse.{key}"), value)).to_vec();
    let stored = [tar().data("2\n1000\n512\n2000\n10\n").out, stored()].concat();
    let head = || Head::new("./GNUSparseFile.1/name", b'0');
    check_sparse(&tar().pax(&records).with(head(), stored).file("g", "after").zeros(4).out);
    for (stored, what) in [
        (&b""[..], "has no map"),
        (b"2\n1000\n", "ends within its map"),
        (b"0\n", "ends within its map"),
        (b"x\n", "number of pieces is bad"),
        (&tar().data("1\n0\n4\n").raw("abc").out, "describes 4 bytes, the archive holds 3"),
        (&tar().data("1\n2998\n3\n").raw("abc").out, "ends beyond the file's 3000 bytes"),
    ] {
        let message = malformed(&tar().pax(&records).with(head(), stored).end());
        assert!(message.contains("real/name") && message.contains(what), "{message}");
    }
}

#[test]
fn files_of_only_holes_have_no_stored_data() {
    let records = [("GNU.sparse.size", "70000"), ("GNU.sparse.numblocks", "0"), ("GNU.sparse.map", "")];
    let archive = tar().pax(&records).file("f", "").end();
    assert_eq!(contents(&archive), [vec![0; 70000]]);
    let empty = [("GNU.sparse.size", "0"), ("GNU.sparse.numblocks", "0")];
    assert_eq!(entry(&tar().pax(&empty).file("f", "").end()).size, 0);
}

#[test]
fn sparse_records_that_make_no_sense_are_refused() {
    let of = |records: &[(&str, &str)]| {
        let records: Vec<_> =
            records.iter().map(|(key, value)| (format!("GNU.sparse.{key}"), *value)).collect();
        refusal(&tar().pax(&records).file("f", "ab").end())
    };
    assert_eq!(of(&[("major", "2"), ("minor", "0")]).0, "UNSUPPORTED");
    for (records, what) in [
        (&[("map", "0,2")][..], "size is missing"),
        (&[("size", "-4"), ("map", "0,2")], "size is -4"),
        (&[("size", "4"), ("map", "0,x")], "bad number"),
        (&[("size", "4"), ("map", "0")], "offset without a length"),
        (&[("size", "4"), ("map", "0,2"), ("numblocks", "3")], "as many pieces"),
        (&[("size", "4"), ("numbytes", "0")], "out of order"),
    ] {
        let (code, message) = of(records);
        assert!(code == "FORMAT" && message.contains(what), "{message}");
    }
    let global = tar().global(&[("GNU.sparse.map", "0,1")]).file("f", "").end();
    assert!(malformed(&global).contains("global pax record describes a sparse file"));
}
