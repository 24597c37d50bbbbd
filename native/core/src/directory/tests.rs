use std::fs::{self, File, Permissions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{XattrFlags, setxattr};
use tempfile::TempDir;

use super::*;
use crate::archive::{Entry, EntryKind, EntrySink};
use crate::budget::Account;
use crate::error::{Error, Result};

type Meanwhile = Box<dyn FnMut(&Entry)>;

/// Keeps what it is given; content is kept with zeros for holes.
#[derive(Default)]
struct Kept {
    entries: Vec<(Entry, Vec<u8>)>,
    holes: u64,
    warnings: Vec<&'static str>,
    /// Called when an entry arrives.
    meanwhile: Option<Meanwhile>,
}

impl EntrySink for Kept {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile(&entry);
        }
        self.entries.push((entry, Vec::new()));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.entries.last_mut().unwrap().1.extend_from_slice(bytes);
        Ok(())
    }

    fn zeros(&mut self, count: u64) -> Result<()> {
        self.holes += count;
        let (_, content) = self.entries.last_mut().unwrap();
        content.resize(content.len() + usize::try_from(count).unwrap(), 0);
        Ok(())
    }

    fn end_file(&mut self) -> Result<()> {
        let (entry, content) = self.entries.last().unwrap();
        assert_eq!(entry.size, content.len() as u64);
        Ok(())
    }

    fn warn(&mut self, code: &'static str, _: String) {
        self.warnings.push(code);
    }
}

impl Kept {
    fn paths(&self) -> Vec<&str> {
        self.entries.iter().map(|(entry, _)| std::str::from_utf8(&entry.path).unwrap()).collect()
    }

    fn of(&self, path: &str) -> &Entry {
        let found = self.entries.iter().find(|(entry, _)| entry.path == path.as_bytes());
        &found.unwrap_or_else(|| panic!("no {path}")).0
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn walked(path: &Path, options: DirectoryOptions) -> Result<Kept> {
    walked_into(path, options, Kept::default())
}

fn walked_into(path: &Path, options: DirectoryOptions, mut kept: Kept) -> Result<Kept> {
    let directory = Directory { path: path.to_path_buf(), options };
    read(&directory, &Account::new(Arc::default()), || Ok(()), &mut kept)?;
    Ok(kept)
}

/// The options of a build on nothing.
fn lowest() -> DirectoryOptions {
    DirectoryOptions { is_lowest: true, ..DirectoryOptions::default() }
}

#[test]
fn the_names_of_a_directory_come_before_what_lies_in_its_directories() {
    let folder = folder();
    let root = folder.path();
    for directory in ["b/c", "a-", "a"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for file in ["z", "b/c/f", "b/d", "a/é", "a0"] {
        fs::write(root.join(file), file).unwrap();
    }
    let kept = walked(root, lowest()).unwrap();
    assert_eq!(kept.paths(), ["", "a", "a-", "a0", "b", "z", "a/é", "b/c", "b/d", "b/c/f"]);
    assert_eq!(kept.entries.last().unwrap().1, b"b/c/f");
}

#[test]
fn entries_have_the_attributes_of_the_file_system() {
    let folder = folder();
    let root = folder.path();
    fs::write(root.join("f"), "x").unwrap();
    fs::set_permissions(root.join("f"), Permissions::from_mode(0o4751)).unwrap();
    setxattr(root.join("f"), "user.b", b"2", XattrFlags::empty()).unwrap();
    setxattr(root.join("f"), "user.a", b"", XattrFlags::empty()).unwrap();
    symlink("/outside", root.join("s")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("p"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let kept = walked(root, lowest()).unwrap();
    let found = fs::metadata(root.join("f")).unwrap();
    let file = kept.of("f");
    assert_eq!((file.mode, file.uid, file.gid), (0o4751, found.uid(), found.gid()));
    assert_eq!((file.mtime, i64::from(file.mtime_nsec)), (found.mtime(), found.mtime_nsec()));
    assert_eq!(file.xattrs, [(b"user.a".to_vec(), Vec::new()), (b"user.b".to_vec(), b"2".to_vec())]);
    assert_eq!((kept.of("s").kind, kept.of("s").link.as_slice()), (EntryKind::Symlink, &b"/outside"[..]));
    assert_eq!(kept.of("p").kind, EntryKind::Fifo);

    let options = DirectoryOptions { owner: Some((7, 8)), mtime: Some(-9), ..lowest() };
    let kept = walked(root, options).unwrap();
    for (entry, _) in &kept.entries {
        assert_eq!((entry.uid, entry.gid, entry.mtime, entry.mtime_nsec), (7, 8, -9, 0));
    }
}

#[test]
fn further_names_of_an_inode_are_links_to_the_first() {
    let folder = folder();
    let root = folder.path();
    fs::create_dir(root.join("a")).unwrap();
    fs::write(root.join("a/f"), "x").unwrap();
    fs::hard_link(root.join("a/f"), root.join("z")).unwrap();
    symlink("t", root.join("a/s")).unwrap();
    fs::hard_link(root.join("a/s"), root.join("a/t")).unwrap();
    let kept = walked(root, lowest()).unwrap();
    assert_eq!((kept.of("z").kind, kept.of("a/s").kind), (EntryKind::File, EntryKind::Symlink));
    for (path, first) in [("a/f", "z"), ("a/t", "a/s")] {
        assert_eq!(
            (kept.of(path).kind, kept.of(path).link.as_slice()),
            (EntryKind::Hardlink, first.as_bytes())
        );
    }
}

#[test]
fn holes_are_not_read() {
    let folder = folder();
    let mut file = File::create(folder.path().join("f")).unwrap();
    let size = 16 << 20;
    file.seek(SeekFrom::Start(1 << 20)).unwrap();
    file.write_all(&[1; 4096]).unwrap();
    file.set_len(size).unwrap();
    drop(file);
    let kept = walked(folder.path(), lowest()).unwrap();
    assert!(kept.holes > 15 << 20, "{} bytes of holes", kept.holes);
    let (_, content) = kept.entries.last().unwrap();
    assert_eq!(content, &fs::read(folder.path().join("f")).unwrap());
}

#[test]
fn a_socket_is_left_out_with_a_warning() {
    let folder = folder();
    let _listener = UnixListener::bind(folder.path().join("s")).unwrap();
    let kept = walked(folder.path(), lowest()).unwrap();
    assert_eq!((kept.paths(), kept.warnings.as_slice()), (vec![""], &["SOCKET_LEFT_OUT"][..]));
}

#[test]
fn whiteouts_remove_below_and_are_left_out_where_nothing_is() {
    let folder = folder();
    let root = folder.path();
    fs::create_dir(root.join("d")).unwrap();
    for name in [".wh.gone", "d/.wh..wh..opq", "d/kept"] {
        fs::write(root.join(name), "content that is none").unwrap();
    }
    let kept = walked(root, lowest()).unwrap();
    assert_eq!(kept.paths(), ["", "d", "d/kept"]);
    assert_eq!(kept.warnings, ["WHITEOUT_LEFT_OUT", "WHITEOUT_LEFT_OUT"]);
    let upper = DirectoryOptions::default();
    let kept = walked(root, upper).unwrap();
    assert_eq!(kept.paths(), ["", ".wh.gone", "d", "d/.wh..wh..opq", "d/kept"]);
    assert_eq!((kept.of(".wh.gone").kind, kept.of(".wh.gone").size), (EntryKind::File, 0));
    for whiteouts in [Whiteouts::Overlayfs, Whiteouts::None] {
        let refused = walked(root, DirectoryOptions { whiteouts, ..upper }).err().unwrap();
        assert_eq!(refused.code(), "UNSUPPORTED");
    }
    fs::write(root.join(".wh.."), "").unwrap();
    assert!(walked(root, upper).is_err());
}

#[test]
fn records_of_overlayfs_become_whiteouts() {
    let folder = folder();
    let root = folder.path();
    fs::create_dir(root.join("d")).unwrap();
    fs::write(root.join("d/f"), "x").unwrap();
    let set = |path: &str, name: &str, value: &[u8]| {
        setxattr(root.join(path), name, value, XattrFlags::empty()).unwrap();
    };
    set("d", "user.overlay.opaque", b"y");
    set("d/f", "user.overlay.origin", b"1");
    set("d/f", "user.kept", b"1");
    let overlayfs = DirectoryOptions { whiteouts: Whiteouts::Overlayfs, ..DirectoryOptions::default() };
    let kept = walked(root, overlayfs).unwrap();
    assert_eq!(kept.paths(), ["", "d", "d/.wh..wh..opq", "d/f"]);
    assert_eq!(kept.of("d/f").xattrs, [(b"user.kept".to_vec(), b"1".to_vec())]);
    let kept = walked(root, DirectoryOptions::default()).unwrap();
    assert_eq!(kept.of("d/f").xattrs.len(), 2, "under another form they are attributes like others");
    set("d/f", "user.overlay.metacopy", b"");
    let refused = walked(root, overlayfs).err().unwrap();
    assert!(refused.to_string().contains("d/f: overlayfs keeps part of it"), "{refused}");
}

#[test]
fn a_removal_of_overlayfs_is_a_device() {
    let facts = |kind, device| {
        let folder = folder();
        let stat = rustix::fs::stat(folder.path()).unwrap();
        facts::Facts { kind, device, ..facts::Facts::of(&stat) }
    };
    let device = facts(rustix::fs::FileType::CharacterDevice, (0, 0));
    let null = facts(rustix::fs::FileType::CharacterDevice, (1, 3));
    let meaning = |form: Whiteouts, facts| form.meaning(b"x", facts);
    assert_eq!(meaning(Whiteouts::Overlayfs, &device), whiteouts::Meaning::Removes);
    assert_eq!(meaning(Whiteouts::Overlayfs, &null), whiteouts::Meaning::Entry);
    assert_eq!(meaning(Whiteouts::Oci, &device), whiteouts::Meaning::Entry);
}

/// Runs the walk, and once at the entry `path` does something to the directory.
fn disturbed(root: &Path, path: &'static str, disturb: impl FnOnce() + 'static) -> Error {
    let mut disturb = Some(disturb);
    let meanwhile = move |entry: &Entry| {
        if entry.path == path.as_bytes()
            && let Some(disturb) = disturb.take()
        {
            disturb();
        }
    };
    let kept = Kept { meanwhile: Some(Box::new(meanwhile)), ..Kept::default() };
    walked_into(root, lowest(), kept).err().unwrap()
}

#[test]
fn what_changes_while_it_is_read_is_an_error_that_names_it() {
    for change in ["grow", "shrink", "rewrite", "touch", "replace", "remove", "add"] {
        let folder = folder();
        let root = folder.path().to_path_buf();
        fs::create_dir(root.join("d")).unwrap();
        for file in ["a", "b", "d/e"] {
            fs::write(root.join(file), vec![7; 4096]).unwrap();
        }
        let (at, named) = match change {
            // The link is listed as one; the directory has changed.
            "replace" => ("a", ""),
            "remove" => ("a", "/b"),
            "add" => ("d/e", "/d"),
            _ => ("b", "/b"),
        };
        let inside = root.clone();
        let error = disturbed(&root, at, move || {
            let file = inside.join("b");
            match change {
                "grow" => File::options().append(true).open(file).unwrap().write_all(b"more").unwrap(),
                "shrink" => File::options().write(true).open(file).unwrap().set_len(9).unwrap(),
                "rewrite" => fs::write(file, vec![8; 4096]).unwrap(),
                "touch" => fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap(),
                "replace" => {
                    fs::remove_file(&file).unwrap();
                    symlink("/etc/passwd", file).unwrap();
                }
                "remove" => fs::remove_file(file).unwrap(),
                _ => fs::write(inside.join("d/new"), "").unwrap(),
            }
        });
        let expected = format!("{}{named}: it changed while it was read", root.display());
        assert_eq!(error.to_string(), format!("cannot read {expected}"), "{change}");
        assert_eq!(error.code(), "IO", "{change}");
    }
}

#[test]
fn a_directory_that_becomes_a_link_leads_nowhere() {
    let (folder, outside) = (folder(), folder());
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let root = folder.path().to_path_buf();
    fs::create_dir(root.join("d")).unwrap();
    fs::write(root.join("d/f"), "x").unwrap();
    let (inside, target) = (root.clone(), outside.path().to_path_buf());
    let error = disturbed(&root, "d", move || {
        fs::rename(inside.join("d"), inside.join("e")).unwrap();
        symlink(target, inside.join("d")).unwrap();
    });
    assert!(error.to_string().ends_with("/d: it changed while it was read"), "{error}");
}

/// Directories and links take turns under one name while the walk runs; whatever it sees, it is of the directory.
#[test]
fn a_writer_that_swaps_directories_for_links_never_leads_outside() {
    let (folder, outside) = (folder(), folder());
    for name in ["f", "g"] {
        fs::write(outside.path().join(name), "secret").unwrap();
    }
    let root = folder.path();
    fs::create_dir_all(root.join("d/e")).unwrap();
    for name in ["d/f", "d/e/f", "d/e/g"] {
        fs::write(root.join(name), "inside").unwrap();
    }
    let runs = std::env::var("NYDUSIFY_SWAP_RUNS").map_or(300, |runs| runs.parse().unwrap());
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                for (name, aside) in [("d", "x"), ("d/e", "d/x"), ("d/f", "d/y")] {
                    let (path, aside) = (root.join(name), root.join(aside));
                    let _ = fs::rename(&path, &aside);
                    let _ = symlink(outside.path().join(if name == "d/f" { "f" } else { "" }), &path);
                    std::thread::yield_now();
                    let _ = fs::remove_file(&path);
                    let _ = fs::rename(&aside, &path);
                }
            }
        });
        let mut reached = 0;
        for _ in 0..runs {
            let mut kept = Kept::default();
            let directory = Directory { path: root.to_path_buf(), options: lowest() };
            let _ = read(&directory, &Account::new(Arc::default()), || Ok(()), &mut kept);
            for (entry, content) in &kept.entries {
                assert_ne!(content, b"secret", "{}", String::from_utf8_lossy(&entry.path));
            }
            reached += usize::from(kept.entries.iter().any(|(_, content)| content == b"inside"));
        }
        assert!(reached > 0, "no walk came as far as what is swapped");
        is_done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_cannot_be_opened_is_named_with_the_reason() {
    let error = walked(Path::new("/no/such/directory"), lowest()).err().unwrap();
    assert!(error.to_string().starts_with("cannot read /no/such/directory: No such file"), "{error}");
    let folder = folder();
    let file = folder.path().join("f");
    fs::write(&file, "").unwrap();
    assert!(walked(&file, lowest()).is_err());
}

#[test]
fn an_owner_that_gives_up_ends_the_walk() {
    let folder = folder();
    fs::write(folder.path().join("f"), "x").unwrap();
    let directory = Directory { path: folder.path().to_path_buf(), options: lowest() };
    let account = Account::new(Arc::default());
    let ended = read(&directory, &account, || Err(Error::Aborted), &mut Kept::default());
    assert_eq!(ended.unwrap_err().code(), "ABORTED");
}
