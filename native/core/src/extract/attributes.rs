//! Mode, owner, time and extended attributes of an entry.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use rustix::fd::BorrowedFd;
use rustix::fs::{
    AtFlags, Gid, Mode, RawMode, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod, fchown, fsetxattr,
    futimens, utimensat,
};
use rustix::io::Errno;

use super::{ExtractOptions, LeftOut};

/// The attributes that entries of every kind have.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    /// Permission bits, 0 … 0o7777.
    pub mode: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Whole seconds since 1970.
    pub mtime: i64,
    /// The rest of the time.
    pub mtime_nsec: u32,
    /// Whole names, and values.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The attribute whose mask is the mode's group.
const ACCESS_LIST: &[u8] = b"system.posix_acl_access";

/// Bits that let a program act as its owner: nobody asked for that when the owner is another one.
const SET_ID: u32 = 0o6000;

impl Attributes {
    /// The mode that the entry gets.
    pub fn granted(&self, options: ExtractOptions) -> Mode {
        let bits = if options.owners { self.mode } else { self.mode & !SET_ID };
        Mode::from_raw_mode(RawMode::try_from(bits & 0o7777).unwrap_or_default())
    }

    /// Applies all of them to an open file or directory. The owner comes first, since it resets bits and capabilities; the time last.
    pub fn apply(
        &self,
        file: BorrowedFd<'_>,
        path: &[u8],
        options: ExtractOptions,
        left_out: &mut Vec<LeftOut>,
    ) -> std::result::Result<(), Errno> {
        if options.owners {
            fchown(file, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))?;
        }
        let (lists, plain): (Vec<_>, Vec<_>) = self.xattrs.iter().partition(|(name, _)| name == ACCESS_LIST);
        let mut set = |(name, value): &(Vec<u8>, Vec<u8>)| match fsetxattr(
            file,
            OsStr::from_bytes(name),
            value,
            XattrFlags::empty(),
        ) {
            Ok(()) => Ok(()),
            Err(reason) => unset(path, name, reason).map(|left| left_out.push(left)),
        };
        // A mode without write permission forbids xattrs, and a new mode changes the access list.
        plain.into_iter().try_for_each(&mut set)?;
        fchmod(file, self.granted(options))?;
        lists.into_iter().try_for_each(&mut set)?;
        futimens(file, &self.times())
    }

    /// Applies owner and time, which are all that is changed by name, to an entry that is not opened.
    pub fn apply_at(
        &self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        options: ExtractOptions,
    ) -> std::result::Result<(), Errno> {
        if options.owners {
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        utimensat(parent, name, &self.times(), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Sets the extended attributes of a link or node, which is not opened.
    #[cfg(target_os = "linux")]
    pub fn apply_xattrs_at(
        &self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        path: &[u8],
        left_out: &mut Vec<LeftOut>,
    ) -> std::result::Result<(), Errno> {
        use std::os::fd::AsRawFd as _;
        let mut named = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
        named.extend_from_slice(name.as_bytes());
        for (xattr, value) in &self.xattrs {
            let set = rustix::fs::lsetxattr(
                OsStr::from_bytes(&named),
                OsStr::from_bytes(xattr),
                value,
                XattrFlags::empty(),
            );
            if let Err(reason) = set {
                left_out.push(unset(path, xattr, reason)?);
            }
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    pub fn apply_xattrs_at(
        &self,
        _parent: BorrowedFd<'_>,
        _name: &OsStr,
        path: &[u8],
        left_out: &mut Vec<LeftOut>,
    ) -> std::result::Result<(), Errno> {
        for (xattr, _) in &self.xattrs {
            left_out.push(unset(path, xattr, Errno::NOTSUP)?);
        }
        Ok(())
    }

    fn times(&self) -> Timestamps {
        let mtime = Timespec { tv_sec: self.mtime, tv_nsec: self.mtime_nsec.into() };
        Timestamps { last_access: mtime, last_modification: mtime }
    }
}

/// What a user without the right, or a file system without the feature, cannot set is left out; anything else is an error.
fn unset(path: &[u8], name: &[u8], reason: Errno) -> std::result::Result<LeftOut, Errno> {
    const LACKING: [Errno; 4] = [Errno::PERM, Errno::ACCESS, Errno::NOTSUP, Errno::INVAL];
    const TOO_LARGE: [Errno; 3] = [Errno::NOSPC, Errno::TOOBIG, Errno::RANGE];
    if !LACKING.contains(&reason) && !TOO_LARGE.contains(&reason) {
        return Err(reason);
    }
    let what = format!("xattr {}", String::from_utf8_lossy(name));
    Ok(LeftOut { path: path.to_vec(), what, reason: std::io::Error::from(reason).to_string() })
}
