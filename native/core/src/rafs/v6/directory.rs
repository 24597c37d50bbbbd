//! A directory block holds entries first, then their names, all sorted by bytes – `.` and `..` too, so that a name such as
//! `+x` stands before them. Readers search by bisection; one entry out of order hides others.

use nydus_layout::{BLOCK_SIZE, dirent};

/// A name in a directory, and the inode that it leads to.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// The bytes of the name.
    pub name: &'a [u8],
    /// The place of its inode.
    pub nid: u32,
    /// The inode's type, with the numbers of `dirent_type`.
    pub file_type: u8,
}

/// Puts `.` and `..` in their places among sorted names.
pub fn with_dots<'a>(rows: &mut Vec<Row<'a>>, children: impl Iterator<Item = Row<'a>>, dots: [Row<'a>; 2]) {
    let mut dots = dots.into_iter().peekable();
    for child in children {
        while let Some(dot) = dots.next_if(|dot| child.name > dot.name) {
            rows.push(dot);
        }
        rows.push(child);
    }
    rows.extend(dots);
}

/// The bytes that entries of these names take: all blocks but the last count in full.
pub fn size_of<'a>(names: impl Iterator<Item = &'a [u8]>) -> u64 {
    let (mut blocks, mut used) = (0, 0);
    for name in names {
        let needed = dirent::SIZE + name.len();
        if used + needed > BLOCK_SIZE {
            blocks += 1;
            used = 0;
        }
        used += needed;
    }
    // A last block that is full counts in full, too.
    (blocks * BLOCK_SIZE + used) as u64
}

/// The number of rows that fit one block.
pub fn fitting(rows: &[Row<'_>]) -> usize {
    let mut used = 0;
    let fits = |row: &&Row<'_>| {
        used += dirent::SIZE + row.name.len();
        used <= BLOCK_SIZE
    };
    rows.iter().take_while(fits).count()
}
