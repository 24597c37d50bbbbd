//! A layer may be written in several tar formats, and archives begin, continue and end in several ways.

mod tarball;

use nydus_core::archive::EntryKind;
use tarball::*;

fn owned(pairs: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    pairs.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

#[test]
fn every_field_of_a_ustar_header_arrives() {
    let head = Head::new("name", b'0').mode(0o104_755).uid(1000).gid(2000).mtime(77).bytes(345, b"a/prefix");
    let file = entry(
        &tar().dir("x").out.iter().copied().chain(tar().with(head, "12345").end()).collect::<Vec<_>>()[512..],
    );
    assert_eq!((file.path.as_slice(), file.offset, file.kind), (&b"a/prefix/name"[..], 0, EntryKind::File));
    assert_eq!((file.mode, file.uid, file.gid, file.mtime, file.mtime_nsec), (0o4755, 1000, 2000, 77, 0));
    assert_eq!((file.size, file.link, file.xattrs), (5, vec![], vec![]));
}

#[test]
fn offsets_are_those_of_the_entrys_own_header() {
    let archive = tar().file("a", [b'x'; 600]).pax(&[("mtime", "1")]).file("b", "").end();
    assert_eq!(entries(&archive).iter().map(|entry| entry.offset).collect::<Vec<_>>(), [0, 2560]);
}

#[test]
fn a_full_name_field_needs_no_nul() {
    let archive = tar().file("n".repeat(100), "").symlink("l", "t".repeat(100)).end();
    assert_eq!((entries(&archive)[0].path.len(), entries(&archive)[1].link.len()), (100, 100));
}

#[test]
fn a_name_with_prefix_of_old_star_is_shorter() {
    let mut prefix = [0; 155];
    prefix[..131].fill(b'p');
    prefix[131..].copy_from_slice(b"000000000000000000000000");
    let head = Head::new("n", b'0').bytes(345, &prefix).bytes(508, b"tar\0");
    assert_eq!(entry(&tar().head(head).end()).path, ["p".repeat(131).as_bytes(), b"/n"].concat());
}

#[test]
fn gnu_long_names_and_links_apply_to_the_next_entry_only() {
    let (name, link) = ("n/".repeat(100), "t".repeat(150));
    let archive = tar().long(b'K', &link).long(b'L', &name).symlink("short", "short").symlink("b", "c").end();
    let all = entries(&archive);
    assert_eq!(
        (all[0].path.as_slice(), all[0].link.as_slice()),
        (name.trim_end_matches('/').as_bytes(), link.as_bytes())
    );
    assert_eq!((all[1].path.as_slice(), all[1].link.as_slice()), (&b"b"[..], &b"c"[..]));
}

#[test]
fn base_256_numbers_are_read() {
    let head = Head::new("f", b'0').gnu().uid(4_294_967_294).gid(1 << 31).mtime(1 << 36);
    let file = entry(&tar().head(head).end());
    assert_eq!((file.uid, file.gid, file.mtime), (4_294_967_294, 1 << 31, 1 << 36));
}

#[test]
fn pax_records_win_over_the_header() {
    let archive = tar()
        .pax(&[
            ("path", "./p//q"),
            ("uid", "3000000000"),
            ("gid", "3000000001"),
            ("mtime", "1600000001.5"),
            ("comment", "x"),
        ])
        .head(Head::new("f", b'0').uid(1))
        .file("next", "")
        .end();
    let all = entries(&archive);
    assert_eq!((all[0].path.as_slice(), all[0].uid, all[0].gid), (&b"p/q"[..], 3_000_000_000, 3_000_000_001));
    assert_eq!((all[0].mtime, all[0].mtime_nsec), (1_600_000_001, 500_000_000));
    assert_eq!((all[1].path.as_slice(), all[1].uid, all[1].mtime), (&b"next"[..], 0, TIME));
}

#[test]
fn global_records_hold_until_changed_and_local_ones_win() {
    let archive = tar()
        .global(&[
            ("uid", "7"),
            ("gid", "8"),
            ("mtime", "9.5"),
            ("SCHILY.xattr.user.g", "global"),
            ("SCHILY.xattr.user.h", "h"),
        ])
        .file("a", "")
        .pax(&[("uid", "70"), ("gid", ""), ("SCHILY.xattr.user.g", "local")])
        .file("b", "")
        .global(&[("uid", "")])
        .file("c", "")
        .end();
    let all = entries(&archive);
    assert_eq!((all[0].uid, all[0].gid, all[0].mtime, all[0].mtime_nsec), (7, 8, 9, 500_000_000));
    assert_eq!(all[0].xattrs, owned(&[("user.g", "global"), ("user.h", "h")]));
    assert_eq!((all[1].uid, all[1].gid, all[1].mtime), (70, 0, 9));
    assert_eq!(all[1].xattrs, owned(&[("user.g", "local"), ("user.h", "h")]));
    assert_eq!((all[2].uid, all[2].gid), (0, 8));
}

#[test]
fn global_paths_links_and_sizes_count() {
    let archive = tar().global(&[("linkpath", "target"), ("path", "p")]).symlink("l", "x").end();
    assert_eq!((entry(&archive).path, entry(&archive).link), (b"p".to_vec(), b"target".to_vec()));
    let archive = tar().global(&[("size", "3")]).head(Head::new("f", b'0')).data("abc").end();
    assert_eq!(contents(&archive), [b"abc"]);
}

#[test]
fn attributes_are_sorted_and_the_last_of_a_name_wins() {
    let records = ["user.b=1", "user.a=2", "user.b=3", "security.capability=c", "user.b=4", "trusted.t="];
    let records: Vec<_> = records
        .iter()
        .map(|r| r.split_once('=').unwrap())
        .map(|(k, v)| (format!("SCHILY.xattr.{k}"), v))
        .collect();
    let archive = tar().pax(&records).symlink("l", "x").pax(&records).hardlink("h", "l").end();
    let all = entries(&archive);
    let expected = [("security.capability", "c"), ("trusted.t", ""), ("user.a", "2"), ("user.b", "4")];
    assert_eq!(all[0].xattrs, owned(&expected));
    assert_eq!(all[1].xattrs, [], "a hard link has none of its own");
}

#[test]
fn many_large_attributes_fit() {
    let records: Vec<_> =
        (0..200).map(|i| (format!("SCHILY.xattr.user.{i:03}"), vec![b'v'; 65535])).collect();
    assert_eq!(entry(&tar().pax(&records).file("f", "").end()).xattrs.len(), 200);
}

#[test]
fn extension_headers_are_bounded() {
    let claims = |flag, size| tar().head(Head::new("x", flag).size(size)).out;
    assert!(
        malformed(&claims(b'x', (16 << 20) + 1))
            .ends_with("the pax header has 16777217 bytes, more than 16777216")
    );
    assert!(malformed(&claims(b'L', 1 << 40)).contains("the long name has 1099511627776 bytes"));
    let records: Vec<_> = (0..2).map(|i| (format!("SCHILY.xattr.user.{i}"), vec![b'v'; 40_000])).collect();
    assert!(
        malformed(&tar().global(&records).file("f", "").end()).contains("global pax records hold more than")
    );
}

#[test]
fn an_extension_without_entry_is_refused() {
    for archive in [tar().pax(&[("uid", "1")]), tar().long(b'L', "n"), tar().long(b'K', "n")] {
        let cut = malformed(&archive.out);
        assert!(cut.ends_with("the archive ends after an extended header, before its entry"), "{cut}");
        assert_eq!(malformed(&archive.end()), cut);
    }
    assert_eq!(events(&tar().global(&[("comment", "x")]).end()), [], "a global header needs none");
    assert_eq!(
        malformed(&tar().pax(&[("path", "x")]).out[..515]),
        "tar archive at offset 515: the archive ends within an extended header"
    );
}

#[test]
fn a_second_pax_header_replaces_the_first() {
    let archive =
        tar().pax(&[("uid", "1")]).with(Head::new("x", b'X'), body(&[("gid", "2")])).file("f", "").end();
    assert_eq!((entry(&archive).uid, entry(&archive).gid), (0, 2));
}

#[test]
fn archives_end_in_many_ways() {
    let file = || tar().file("f", "f\n");
    assert_eq!(contents(&file().out), [b"f\n"], "no end blocks");
    assert_eq!(contents(&file().out[..514]), [b"f\n"], "not even padding");
    assert_eq!(contents(&file().zeros(1).out), [b"f\n"], "one block");
    assert_eq!(contents(&file().zeros(18).out), [b"f\n"], "padded to a tape record");
    assert_eq!(
        contents(&file().zeros(1).file("g", "g\n").end()),
        [b"f\n", b"g\n"],
        "a zero block in between"
    );
    assert_eq!(contents(&file().zeros(5).file("g", "g\n").end()), [b"f\n", b"g\n"], "two archives in a row");
    let second = file().zeros(2).file("g", "g\n").raw([1; 512]).out;
    assert!(malformed(&second).contains("at offset 3072"), "the second archive has not ended");
}
