//! Builds the paths of findings within a limit, because directories may be nested so deep that a path for each finding would
//! fill memory.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The most bytes of complete paths. The findings of a large image without malice need far fewer.
const ROOM: usize = 64 << 20;
const LEFT_OUT: &[u8] = "…".as_bytes();

/// The rest of the limit.
#[derive(Debug)]
pub struct PathRoom(AtomicUsize);

impl Default for PathRoom {
    fn default() -> Self {
        Self(AtomicUsize::new(ROOM))
    }
}

impl PathRoom {
    /// Joins names that come in order from the file up to the root. When the limit is reached, `…` stands for the
    /// directories above.
    pub fn join<'a>(&self, names: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let room = self.0.load(Ordering::Relaxed);
        let mut parts = Vec::new();
        let mut size = 0;
        for name in names {
            if size > room {
                parts.push(LEFT_OUT);
                break;
            }
            size += name.len() + 1;
            parts.push(name);
        }
        self.0.store(room.saturating_sub(size), Ordering::Relaxed);
        parts.reverse();
        parts.join(&b'/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_from_the_root() {
        let names: [&[u8]; 3] = [b"c", b"b", b"a"];
        assert_eq!(PathRoom::default().join(names.into_iter()), b"a/b/c");
        assert_eq!(PathRoom::default().join(std::iter::empty()), b"");
    }

    #[test]
    fn without_room_the_name_alone_is_left() {
        let room = PathRoom(AtomicUsize::new(6));
        let names = || [b"file".as_slice(), b"directory", b"top"].into_iter();
        assert_eq!(room.join(names()), "…/directory/file".as_bytes());
        assert_eq!(room.join(names()), "…/file".as_bytes());
    }
}
