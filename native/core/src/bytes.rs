//! Writes numbers into a buffer, at offsets that the plan guarantees to lie inside.

/// Writes bytes at an offset. Writes nothing and returns false when they do not fit.
pub fn put(to: &mut [u8], at: usize, bytes: &[u8]) -> bool {
    let place = to.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len()));
    place.map(|place| place.copy_from_slice(bytes)).is_some()
}

/// A buffer that can be written in any order.
pub struct Bytes {
    bytes: Vec<u8>,
    left: bool,
}

impl Bytes {
    /// Makes a buffer of `size` zeros.
    pub fn new(size: usize) -> Self {
        Self { bytes: vec![0; size], left: false }
    }

    /// Writes bytes at an offset.
    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.left |= !put(&mut self.bytes, at, bytes);
    }

    /// Writes one byte.
    pub fn u8(&mut self, at: usize, value: u8) {
        self.put(at, &[value]);
    }

    /// Writes two bytes, little-endian.
    pub fn u16(&mut self, at: usize, value: u16) {
        self.put(at, &value.to_le_bytes());
    }

    /// Writes four bytes, little-endian.
    pub fn u32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    /// Writes eight bytes, little-endian.
    pub fn u64(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_le_bytes());
    }

    /// Writes the `size` bytes at an offset again behind themselves, until they are there `count` times.
    pub fn repeat(&mut self, at: usize, size: usize, count: usize) {
        let end = size.checked_mul(count).and_then(|all| at.checked_add(all));
        let Some(all) = end.and_then(|end| self.bytes.get_mut(at..end)) else {
            self.left = true;
            return;
        };
        let mut done = size;
        while done < all.len() {
            let more = done.min(all.len() - done);
            all.copy_within(..more, done);
            done += more;
        }
    }

    /// The first bytes of the buffer as written so far.
    pub fn get(&self, range: std::ops::RangeTo<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// `len` bytes from an offset on, as written so far.
    pub fn slice(&self, at: usize, len: usize) -> &[u8] {
        self.bytes.get(at..).and_then(|rest| rest.get(..len)).unwrap_or_default()
    }

    /// Returns the buffer, or an internal error when something did not fit.
    pub fn finish(self) -> crate::Result<Vec<u8>> {
        if self.left {
            Err(crate::Error::internal("a structure lies outside of its file"))
        } else {
            Ok(self.bytes)
        }
    }
}
