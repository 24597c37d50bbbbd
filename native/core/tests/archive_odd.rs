//! Some archives make other converters fail or convert wrongly. The title of each test states the correct result.

mod tarball;

use nydus_core::archive::EntryKind;
use tarball::*;

const T: &str = "tar entry";

#[test]
fn a_hard_link_may_name_a_symlink_a_fifo_or_a_path_without_an_entry() {
    // The tree decides whether the target is valid, because only the tree knows what the target names.
    let archive = tar().symlink("l", "x").hardlink("h", "/./l").hardlink("self", "self").end();
    let all = entries(&archive);
    assert_eq!((all[1].kind, all[1].link.as_slice(), all[1].offset), (EntryKind::Hardlink, &b"l"[..], 512));
    assert_eq!(all[2].link, b"self");
}

#[test]
fn data_of_a_hard_link_is_skipped() {
    let head = || Head::new("h", b'1').link("f");
    let archive = tar().file("f", "f\n").with(head(), "own data\n").file("g", "g\n").end();
    assert_eq!(entries(&archive).iter().map(|entry| entry.size).collect::<Vec<_>>(), [2, 0, 2]);
    assert_eq!(contents(&archive), [b"f\n", b"g\n"]);
    let cut = tar().file("f", "f\n").head(head().size(1025)).data([b'x'; 512]).out;
    assert!(malformed(&cut).ends_with("the archive ends 513 bytes before the end of its data"));
}

#[test]
fn links_and_directories_with_a_size_have_no_data() {
    // Old writers give a link the size of its target; Go's reader takes the next block for a header, and so do we.
    for flag in [b'1', b'2', b'3', b'4', b'5', b'6'] {
        let head = || Head::new("h", flag).link("f").size(9000);
        let archive = tar().head(head()).file("g", "g\n").end();
        assert_eq!(contents(&archive), [b"g\n"]);
        assert_eq!(entries(&tar().head(head()).end()).len(), 1);
        assert_eq!(entries(&tar().head(head()).out).len(), 1);
    }
}

#[test]
fn dot_dot_is_refused_with_entry_and_offset() {
    let archive = tar().dir("d").file("a/../b", "b\n").end();
    assert_eq!(malformed(&archive), format!("{T} \"a/../b\" at offset 512: the path has a \"..\" component"));
    assert!(malformed(&tar().file("../escape", "b").end()).contains("\"..\" component"));
    let error = parse_pieces([archive.as_slice()]).1.unwrap_err();
    assert_eq!((error.path(), error.offset()), (Some(&b"a/../b"[..]), Some(512)));
    let message = malformed(&tar().hardlink("h", "../../etc/shadow").end());
    assert_eq!(message, format!("{T} \"h\" at offset 0: the hard link's target has a \"..\" component"));
    // Symbolic links are kept as written; readers follow them inside the root only.
    assert_eq!(entry(&tar().symlink("l", "../../x").end()).link, b"../../x");
}

#[test]
fn a_global_pax_header_is_accepted() {
    let archive = tar().global(&[("comment", "0123456789abcdef")]).file("f", "f\n").end();
    assert_eq!(contents(&archive), [b"f\n"]);
}

#[test]
fn a_contiguous_file_is_a_file() {
    let archive = tar().with(Head::new("f", b'7'), "f\n").end();
    assert_eq!((entry(&archive).kind, contents(&archive)), (EntryKind::File, vec![b"f\n".to_vec()]));
}

#[test]
fn a_malformed_sparse_file_is_refused() {
    let message = malformed(&tar().with(Head::new("f", b'S').gnu(), "f\n").end());
    assert_eq!(
        message,
        format!("{T} \"f\" at offset 0: the sparse map describes 0 bytes, the archive holds 2")
    );
    assert_eq!(refusal(&tar().with(Head::new("f", b'S'), "f\n").end()).0, "UNSUPPORTED");
}

#[test]
fn unknown_types_are_refused_by_name() {
    for (flag, what) in
        [(b'V', "a GNU volume label"), (b'D', "a directory of a GNU incremental backup"), (b'?', "unknown")]
    {
        let (code, message) = refusal(&tar().with(Head::new("f", flag), "").end());
        let shown = char::from(flag);
        assert_eq!(code, "UNSUPPORTED");
        assert_eq!(
            message,
            format!("{T} \"f\" at offset 0: type '{shown}' ({what}) cannot be part of a layer")
        );
    }
}

#[test]
fn a_whiteout_is_an_empty_file_whatever_it_is_stored_as() {
    for flag in *b"123456?DV" {
        for path in ["d/.wh.f", "d/.wh.f/", ".wh..wh..opq/."] {
            let found = entry(&tar().head(Head::new(path, flag).link("no/where")).end());
            assert_eq!((found.kind, found.size), (EntryKind::File, 0), "type {}", char::from(flag));
            assert_eq!((found.link.as_slice(), found.major, found.minor), (&b""[..], 0, 0));
        }
    }
    // A link or directory has no data behind it; an unknown type has as much as its size says.
    let archive = tar().with(Head::new(".wh.a", b'?'), "data\n").file("g", "g\n").end();
    assert_eq!(contents(&archive), [b"data\n".to_vec(), b"g\n".to_vec()]);
    assert_eq!(entry(&tar().symlink("d/.wh.f/x", "y").end()).kind, EntryKind::Symlink);
}

#[test]
fn a_whiteout_of_a_directory_itself_is_refused() {
    for path in [".wh.", "d/.wh..", "d/.wh...", "d/.wh../"] {
        assert!(malformed(&tar().file(path, "").end()).ends_with("it is a whiteout that removes no name"));
    }
    assert_eq!(entry(&tar().file("d/.wh./x", "").end()).path, b"d/.wh./x");
}

#[test]
fn attributes_that_rafs_cannot_hold_are_dropped_with_a_warning() {
    for name in ["com.apple.quarantine", "system.nfs4_acl", &format!("user.{}", "n".repeat(251)), "user."] {
        let key = format!("SCHILY.xattr.{name}");
        let archive = tar().pax(&[(key.as_str(), "x"), ("SCHILY.xattr.user.k", "v")]).file("f", "f\n").end();
        assert_eq!(entry(&archive).xattrs, [(b"user.k".to_vec(), b"v".to_vec())]);
        assert_eq!(warnings(&archive), ["XATTR_DROPPED"]);
    }
}

#[test]
fn an_attribute_holds_65535_bytes_and_no_more() {
    let of = |size| tar().pax(&[("SCHILY.xattr.user.v", vec![b'v'; size])]).file("f", "f\n").end();
    assert_eq!(entry(&of(65535)).xattrs[0].1.len(), 65535);
    let message = malformed(&of(65536));
    assert!(message.ends_with("extended attribute \"user.v\" has 65536 bytes, more than 65535"), "{message}");
}

#[test]
fn libarchive_attributes_are_decoded() {
    let archive = tar().pax(&[("LIBARCHIVE.xattr.user.k%3D", "dg==")]).file("f", "").end();
    assert_eq!(entry(&archive).xattrs, [(b"user.k=".to_vec(), b"v".to_vec())]);
    let broken = tar().pax(&[("LIBARCHIVE.xattr.user.k", "d")]).file("f", "").end();
    assert_eq!((entry(&broken).xattrs, warnings(&broken)), (vec![], vec!["XATTR_DROPPED"]));
}

#[test]
fn values_hold_any_byte() {
    let value = b"a\nb=c\n\0";
    let path = "new\nline".repeat(20);
    let archive =
        tar().pax(&[("SCHILY.xattr.user.nl", &value[..]), ("path", path.as_bytes())]).file("f", "f\n").end();
    let entry = entry(&archive);
    assert_eq!((entry.path.as_slice(), entry.xattrs[0].1.as_slice()), (path.as_bytes(), &value[..]));
}

#[test]
fn names_are_bytes() {
    for path in [vec![0xE9; 110], b"\xff\xfe".to_vec(), b"..a".to_vec(), b"\x01\x7f a\\".to_vec()] {
        assert_eq!(entry(&tar().pax(&[("path", &path)]).file("f", "").end()).path, path);
        assert_eq!(entry(&tar().long(b'L', &path).file("f", "").end()).path, path);
    }
    assert!(malformed(&tar().pax(&[("path", "a\0b")]).file("f", "").end()).contains("NUL"));
}

#[test]
fn the_header_time_is_used_if_the_pax_time_is_not_a_time() {
    let archive = tar().pax(&[("mtime", "yesterday")]).file("f", "f\n").end();
    assert_eq!((entry(&archive).mtime, warnings(&archive)), (TIME, vec!["PAX_MTIME"]));
    let archive = tar().head(Head::new("f", b'0').bytes(136, b"yesterday!!\0")).end();
    assert_eq!((entry(&archive).mtime, warnings(&archive)), (0, vec!["TAR_MTIME"]));
}

#[test]
fn names_longer_than_255_bytes_are_refused() {
    let of = |length| tar().pax(&[("path", vec![b'n'; length])]).file("f", "").end();
    assert_eq!(entry(&of(255)).path.len(), 255);
    assert!(malformed(&of(256)).ends_with("the path has a component of 256 bytes, more than 255"));
}

#[test]
fn a_symlink_target_has_1_to_4095_bytes() {
    let of = |length| tar().pax(&[("linkpath", vec![b's'; length])]).symlink("l", "").end();
    assert_eq!(entry(&of(4095)).link.len(), 4095);
    for length in [4096, 5000] {
        let message = format!("the symbolic link's target has {length} bytes, more than 4095");
        assert!(malformed(&of(length)).ends_with(&message));
    }
    assert!(malformed(&of(0)).ends_with("the symbolic link has no target"));
}

#[test]
fn a_fifo_needs_no_device_numbers() {
    let fifo = entry(&tar().head(Head::new("p", b'6')).end());
    assert_eq!((fifo.kind, fifo.major, fifo.minor), (EntryKind::Fifo, 0, 0));
    let fifo = entry(&tar().head(Head::new("p", b'6').device(5, 6)).end());
    assert_eq!((fifo.major, fifo.minor), (5, 6));
    assert_eq!(entry(&tar().head(Head::new("p", b'6').bytes(329, b"garbage")).end()).major, 0);
    // Other kinds that are not devices do not need them either.
    assert_eq!(entry(&tar().head(Head::new("f", b'0').bytes(329, b"garbage")).end()).major, 0);
}

#[test]
fn device_numbers_have_12_and_20_bits() {
    let of = |major, minor| tar().head(Head::new("d", b'3').device(major, minor)).end();
    let device = entry(&of(4095, 0xF_FFFF));
    assert_eq!((device.kind, device.major, device.minor), (EntryKind::Char, 4095, 0xF_FFFF));
    assert!(malformed(&of(4096, 0)).ends_with("the device's major number 4096 is not within 0 and 4095"));
    assert!(malformed(&of(0, 0x10_0000)).contains("minor number 1048576"));
    assert!(malformed(&of(-1, 0)).contains("major number -1"));
}

#[test]
fn owners_fit_32_bits() {
    let of = |uid| tar().head(Head::new("f", b'0').uid(uid)).end();
    assert_eq!(entry(&of(4_294_967_295)).uid, u32::MAX);
    assert!(malformed(&of(1 << 33)).ends_with("the user id 8589934592 does not fit 32 bits"));
    assert!(malformed(&of(-1)).ends_with("the user id -1 does not fit 32 bits"));
    assert!(
        malformed(&tar().pax(&[("gid", "x")]).file("f", "").end())
            .ends_with("the group id \"x\" is not a number")
    );
}

#[test]
fn times_before_1970_are_negative() {
    let file = entry(&tar().head(Head::new("f", b'0').mtime(-5)).end());
    assert_eq!((file.mtime, file.mtime_nsec), (-5, 0));
    let file = entry(&tar().pax(&[("mtime", "-1.25")]).file("f", "").end());
    assert_eq!((file.mtime, file.mtime_nsec), (-2, 750_000_000));
}

#[test]
fn an_old_directory_is_a_file_with_a_trailing_slash() {
    for flag in [b'0', 0] {
        let archive = tar().head(Head::new("d/", flag).v7()).with(Head::new("d/f", flag).v7(), "f\n").end();
        assert_eq!(
            entries(&archive).iter().map(|entry| entry.kind).collect::<Vec<_>>(),
            [EntryKind::Directory, EntryKind::File]
        );
    }
}

#[test]
fn a_trailing_slash_on_a_posix_file_means_nothing() {
    let archive = tar().file("f/", "f\n").end();
    assert_eq!((entry(&archive).kind, entry(&archive).path), (EntryKind::File, b"f".to_vec()));
}

#[test]
fn an_empty_name_is_refused() {
    assert_eq!(malformed(&tar().file("", "f\n").end()), format!("{T} \"\" at offset 0: the path is empty"));
}

#[test]
fn the_root_must_be_a_directory() {
    for flag in [b'0', b'2', b'6'] {
        let message = malformed(&tar().head(Head::new("./", flag).link("x")).end());
        assert_eq!(message, format!("{T} \"./\" at offset 0: the root must be a directory"));
    }
    let root = entry(&tar().dir("/").end());
    assert_eq!((root.path.as_slice(), root.kind), (&b""[..], EntryKind::Directory));
    assert!(malformed(&tar().hardlink("h", "/").end()).contains("the root directory"));
}

#[test]
fn a_truncated_file_is_refused() {
    let archive = tar().file("f", [b'x'; 3000]).end();
    let message = malformed(&archive[..2048]);
    assert_eq!(
        message,
        format!("{T} \"f\" at offset 0: the archive ends 1464 bytes before the end of its data")
    );
}

#[test]
fn a_bad_checksum_is_refused() {
    let mut archive = tar().file("f", "f\n").end();
    archive[148..154].copy_from_slice(b"000001");
    assert_eq!(malformed(&archive), format!("{T} \"f\" at offset 0: the header's checksum is wrong"));
    assert_eq!(malformed(&[b'x'; 600]), "tar archive at offset 0: the layer is no tar archive");
    let junk = tar().file("f", "f\n").zeros(1).raw([b'x'; 512]).end();
    assert_eq!(malformed(&junk), "tar archive at offset 1536: there is no header where one must be");
}

#[test]
fn the_pax_size_wins() {
    let archive =
        tar().pax(&[("size", "2")]).head(Head::new("f", b'0').size(0)).data("f\n").file("g", "").end();
    assert_eq!((entries(&archive)[0].size, contents(&archive)), (2, vec![b"f\n".to_vec()]));
    // The pax size wins even over a useless field.
    let archive =
        tar().pax(&[("size", "2")]).head(Head::new("f", b'0').bytes(124, b"999999999999")).data("f\n").end();
    assert_eq!(contents(&archive), [b"f\n"]);
}

#[test]
fn sizes_are_not_negative() {
    assert!(malformed(&tar().head(Head::new("f", b'0').size(-1)).end()).ends_with("the size -1 is negative"));
    assert!(
        malformed(&tar().pax(&[("size", "-1")]).file("f", "").end()).ends_with("the size -1 is negative")
    );
    assert!(
        malformed(&tar().pax(&[("size", "1.5")]).file("f", "").end())
            .ends_with("the size \"1.5\" is not a number")
    );
    assert!(
        malformed(&tar().head(Head::new("p", b'x').size(-1)).end())
            .ends_with("the pax header has a bad size")
    );
}

#[test]
fn garbage_after_the_end_is_ignored_with_a_warning() {
    let archive = tar().file("f", "f\n").zeros(2).raw([0xA5; 700]).out;
    assert_eq!((contents(&archive), warnings(&archive)), (vec![b"f\n".to_vec()], vec!["TAR_TRAILING"]));
    let short = tar().file("f", "f\n").zeros(2).raw("x").out;
    assert_eq!(warnings(&short), ["TAR_TRAILING"]);
    assert_eq!(warnings(&tar().file("f", "f\n").zeros(2).raw([0; 100]).out), [""; 0]);
}

#[test]
fn empty_input_is_an_empty_layer() {
    assert_eq!(events(b""), []);
    assert_eq!(events(&tar().end()), []);
    assert_eq!(events(&tar().zeros(1).out), []);
}

#[test]
fn files_of_estargz_at_the_root_are_skipped_with_their_data() {
    let mut archive = tar();
    for name in ["stargz.index.json", "./.prefetch.landmark", "/.no.prefetch.landmark"] {
        archive = archive.file(name, "x".repeat(600));
    }
    let archive = archive.file("d/stargz.index.json", "kept").end();
    assert_eq!(entry(&archive).path, b"d/stargz.index.json");
}
