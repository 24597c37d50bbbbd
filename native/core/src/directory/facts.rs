//! What `stat` says of an entry, in types that do not depend on the system.

use rustix::fs::{FileType, Stat, major, minor};

/// What is needed of an inode, and what shows that it was changed.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    pub kind: FileType,
    /// The twelve permission bits.
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    /// Bytes on disk; fewer than `size` where the file has holes.
    pub stored: u64,
    pub mtime: (i64, u32),
    /// The time of the last change of content or attributes, which no program can set.
    pub changed: (i64, u32),
    pub links: u64,
    pub device: (u32, u32),
    /// Device and number of the inode.
    pub inode: (u64, u64),
}

impl Facts {
    // The types of the fields differ from system to system: some casts keep the value, and the others keep its bits.
    #[allow(
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_lossless,
        clippy::unnecessary_cast,
        clippy::useless_conversion
    )]
    pub fn of(stat: &Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            mode: stat.st_mode as u16 & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: stat.st_size as u64,
            stored: (stat.st_blocks as u64).saturating_mul(512),
            mtime: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
            links: stat.st_nlink as u64,
            device: (major(stat.st_rdev), minor(stat.st_rdev)),
            inode: (stat.st_dev as u64, stat.st_ino as u64),
        }
    }

    /// True if neither the inode nor anything in it was changed. The bytes on disk do not count: file systems write them later.
    pub fn is_as(&self, earlier: &Self) -> bool {
        let all = |facts: &Self| {
            (
                facts.inode,
                facts.kind,
                facts.mode,
                facts.uid,
                facts.gid,
                facts.size,
                facts.mtime,
                facts.changed,
            )
        };
        all(self) == all(earlier)
    }
}
