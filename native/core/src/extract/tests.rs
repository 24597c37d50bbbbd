use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};

use tempfile::TempDir;

use super::making::Maker;
use super::*;
use crate::digest::Digester;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn attributes(mode: u32) -> Attributes {
    Attributes { mode, mtime: -7, mtime_nsec: 123_456_789, ..Attributes::default() }
}

fn make(folder: &TempDir, steps: Vec<Step>) -> Result<Vec<LeftOut>> {
    make_with(folder, ExtractOptions::default(), steps)
}

fn make_with(folder: &TempDir, options: ExtractOptions, steps: Vec<Step>) -> Result<Vec<LeftOut>> {
    Maker::new(folder.path(), options)?.make(steps)
}

fn file(path: &str, bytes: &[u8]) -> Vec<Step> {
    vec![
        Step::File(path.into(), bytes.len() as u64),
        Step::Bytes(bytes.to_vec()),
        Step::Complete(attributes(0o640)),
    ]
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn entries_get_content_and_attributes() {
    let folder = folder();
    let mut steps = vec![Step::Directory(b"d".to_vec())];
    steps.extend(file("d/f", b"content"));
    steps.push(Step::Symlink(b"d/s".to_vec(), b"/etc/passwd".to_vec(), attributes(0o777)));
    steps.push(Step::Link(b"h".to_vec(), b"d/f".to_vec()));
    steps.push(Step::Node(b"p".to_vec(), NodeKind::Fifo, (0, 0), attributes(0o666)));
    steps.push(Step::Node(b"q".to_vec(), NodeKind::Socket, (0, 0), attributes(0o606)));
    steps.push(Step::Settle(b"d".to_vec(), attributes(0o550)));
    assert_eq!(make(&folder, steps).unwrap(), []);
    assert_eq!(fs::read(folder.path().join("h")).unwrap(), b"content");
    let found = fs::symlink_metadata(folder.path().join("d/f")).unwrap();
    assert_eq!((found.mode() & 0o7777, found.mtime(), found.mtime_nsec()), (0o640, -7, 123_456_789));
    assert_eq!(found.ino(), fs::metadata(folder.path().join("h")).unwrap().ino());
    let link = folder.path().join("d/s");
    assert_eq!(fs::read_link(&link).unwrap().to_str(), Some("/etc/passwd"));
    assert_eq!(fs::symlink_metadata(&link).unwrap().mtime(), -7);
    let pipe = fs::symlink_metadata(folder.path().join("p")).unwrap();
    assert!(pipe.file_type().is_fifo());
    assert_eq!((pipe.mode() & 0o7777, pipe.mtime()), (0o666, -7));
    let directory = fs::symlink_metadata(folder.path().join("d")).unwrap();
    assert_eq!((directory.mode() & 0o7777, directory.mtime()), (0o550, -7));
    assert_eq!(names(&folder), ["d", "h", "p", "q"]);
}

#[test]
fn what_is_there_as_it_shall_be_is_kept() {
    let folder = folder();
    let steps = || {
        vec![
            Step::Directory(b"d".to_vec()),
            Step::Symlink(b"s".to_vec(), b"t".to_vec(), attributes(0o777)),
            Step::Node(b"p".to_vec(), NodeKind::Fifo, (0, 0), attributes(0o600)),
            Step::Link(b"q".to_vec(), b"p".to_vec()),
        ]
    };
    make(&folder, steps()).unwrap();
    let before = fs::symlink_metadata(folder.path().join("s")).unwrap().ino();
    make(&folder, steps()).unwrap();
    assert_eq!(fs::symlink_metadata(folder.path().join("s")).unwrap().ino(), before);
}

#[test]
fn only_the_same_bytes_count_as_there() {
    let folder = folder();
    make(&folder, file("f", b"abcdef")).unwrap();
    let existing = |path: &str, parts: &[&[u8]]| Existing {
        path: path.into(),
        digester: Digester::Blake3,
        chunks: parts
            .iter()
            .map(|part| (u32::try_from(part.len()).unwrap(), Digester::Blake3.digest(part)))
            .collect(),
    };
    symlink("f", folder.path().join("link")).unwrap();
    let files = [
        existing("f", &[b"abc", b"def"]),
        existing("f", &[b"abc", b"dex"]),
        existing("f", &[b"abc"]),
        existing("missing", &[]),
        existing("no/where", &[]),
        existing("link", &[b"abcdef"]),
    ];
    let mut maker = Maker::new(folder.path(), ExtractOptions::default()).unwrap();
    assert_eq!(maker.compare(&files).unwrap(), [true, false, false, false, false, false]);
}

#[test]
fn a_file_that_was_made_alone_becomes_a_name_of_another() {
    let folder = folder();
    make(
        &folder,
        [file("a", b"same"), file("b", b"same"), file("c", b"more")].into_iter().flatten().collect(),
    )
    .unwrap();
    let link = |path: &str| vec![Step::Link(path.into(), b"a".to_vec())];
    make(&folder, link("b")).unwrap();
    let inode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().ino();
    assert_eq!(inode("a"), inode("b"));
    assert!(make(&folder, link("c")).is_err());
    assert_eq!(names(&folder), ["a", "b", "c"]);
}

#[test]
fn links_that_are_there_before_lead_nowhere() {
    let (folder, outside) = (folder(), folder());
    let before = fs::metadata(outside.path()).unwrap().mode();
    symlink(outside.path(), folder.path().join("d")).unwrap();
    for steps in [
        vec![Step::Directory(b"d".to_vec())],
        file("d/f", b"x"),
        vec![Step::Symlink(b"d/s".to_vec(), b"t".to_vec(), attributes(0o777))],
        vec![Step::Settle(b"d".to_vec(), attributes(0o700))],
    ] {
        let refused = make_with(&folder, ExtractOptions { owners: false, overwrite: true }, steps);
        assert!(refused.is_err(), "{refused:?}");
    }
    assert_eq!(names(&outside), [] as [&str; 0]);
    assert_eq!(fs::metadata(outside.path()).unwrap().mode(), before);

    let victim = outside.path().join("victim");
    fs::write(&victim, "kept").unwrap();
    symlink(&victim, folder.path().join("f")).unwrap();
    make_with(&folder, ExtractOptions { owners: false, overwrite: true }, file("f", b"new")).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
    assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"new");
}

#[test]
fn names_that_mean_another_place_are_refused() {
    let folder = folder();
    for path in ["../x", "a/../x", ".", "..", "/x", "a//b", "x\0y", ".nydusify-unfinished-00"] {
        let refused = make(&folder, file(path, b"x")).unwrap_err();
        assert_eq!(refused.code(), "FORMAT", "{path}: {refused}");
    }
    assert_eq!(names(&folder), [] as [&str; 0]);
}

#[test]
fn something_else_in_the_way_is_replaced_only_when_asked() {
    let folder = folder();
    fs::write(folder.path().join("f"), "mine").unwrap();
    let refused = make(&folder, file("f", b"image")).unwrap_err();
    assert_eq!((refused.code(), refused.hint().is_some()), ("UNSUPPORTED", true));
    assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"mine");
    assert_eq!(names(&folder), ["f"]);
    let overwrite = ExtractOptions { owners: false, overwrite: true };
    make_with(&folder, overwrite, file("f", b"image")).unwrap();
    assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"image");

    fs::create_dir(folder.path().join("d")).unwrap();
    assert!(make_with(&folder, overwrite, file("d", b"x")).is_err());
    assert!(make(&folder, vec![Step::Directory(b"f".to_vec())]).is_err());
    assert_eq!(names(&folder), ["d", "f"]);
}

#[test]
fn a_file_that_is_not_completed_leaves_nothing() {
    let folder = folder();
    let mut steps = file("f", b"half");
    steps.pop();
    make(&folder, steps).unwrap();
    assert_eq!(names(&folder), [] as [&str; 0]);

    let short = make(&folder, vec![Step::File(b"f".to_vec(), 9), Step::Complete(attributes(0o600))]);
    assert_eq!(short.unwrap_err().code(), "INTERNAL");
    assert_eq!(names(&folder), [] as [&str; 0]);
}

#[test]
fn what_a_killed_run_has_left_goes_with_the_next() {
    let folder = folder();
    let mut maker = Maker::new(folder.path(), ExtractOptions::default()).unwrap();
    maker.make(vec![Step::File(b"f".to_vec(), 4), Step::Bytes(b"ab".to_vec())]).unwrap();
    std::mem::forget(maker);
    assert_eq!(names(&folder).len(), 1);
    make(&folder, file("f", b"abcd")).unwrap();
    assert_eq!(names(&folder), ["f"]);
}

#[test]
fn zeros_become_a_hole() {
    let folder = folder();
    let size = 8 << 20;
    let mut steps = vec![Step::File(b"f".to_vec(), size + 1)];
    steps.extend((0..8).map(|_| Step::Bytes(vec![0; 1 << 20])));
    steps.extend([Step::Bytes(vec![1]), Step::Complete(attributes(0o600))]);
    make(&folder, steps).unwrap();
    let found = fs::metadata(folder.path().join("f")).unwrap();
    assert_eq!(found.len(), size + 1);
    assert!(found.blocks() * 512 < 1 << 20, "{} blocks", found.blocks());
    assert_eq!(
        fs::read(folder.path().join("f")).unwrap().iter().map(|&byte| u64::from(byte)).sum::<u64>(),
        1
    );
}

#[test]
fn attributes_that_cannot_be_set_are_told() {
    let folder = folder();
    let mut given = attributes(0o4755);
    given.xattrs = vec![(b"unknown.kind".to_vec(), b"1".to_vec()), (b"user.known".to_vec(), b"2".to_vec())];
    let steps = vec![Step::File(b"f".to_vec(), 0), Step::Complete(given)];
    let left_out = make(&folder, steps).unwrap();
    assert!(
        left_out.iter().any(|left| left.what == "xattr unknown.kind" && left.path == b"f"),
        "{left_out:?}"
    );
    let mode = fs::metadata(folder.path().join("f")).unwrap().permissions();
    assert_eq!(mode, Permissions::from_mode(0o10_0755), "set-user-ID needs the owner of the image");
}

#[test]
fn a_lane_that_failed_makes_no_more() {
    let folder = folder();
    let lane = Lane::start(folder.path(), ExtractOptions::default()).unwrap();
    let (sender, answers) = std::sync::mpsc::channel();
    for steps in [file("../x", b"1"), file("y", b"1")] {
        let sender = sender.clone();
        lane.make(steps, Box::new(move |result| sender.send(result.map_err(|error| error.code())).unwrap()));
    }
    assert_eq!(answers.recv().unwrap(), Err("FORMAT"));
    assert_eq!(answers.recv().unwrap(), Err("ABORTED"));
    lane.close();
    assert_eq!(names(&folder), [] as [&str; 0]);
    assert_eq!(
        Lane::start(&folder.path().join("no"), ExtractOptions::default()).err().map(|e| e.code()),
        Some("IO")
    );
}
