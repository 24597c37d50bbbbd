//! Digests a blob, and a prefix of it, while its bytes arrive.

use crate::digest::{Digest, Sha256Stream};

/// The digest of a blob and of its prefix.
pub struct BlobDigest {
    /// The digest so far.
    pub stream: Sha256Stream,
    /// End of the prefix, until it is reached.
    prefix: Option<u64>,
    /// The digest of the prefix, once it is complete.
    pub prefix_digest: Option<Digest>,
}

impl BlobDigest {
    /// Begins before the first byte; `prefix` is the length of the prefix.
    pub fn new(prefix: Option<u64>) -> Self {
        Self { stream: Sha256Stream::default(), prefix, prefix_digest: None }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let left = self.prefix.map(|end| end.saturating_sub(self.stream.size()));
        let split = left.and_then(|left| bytes.split_at_checked(usize::try_from(left).ok()?));
        let Some((prefix, rest)) = split else { return self.stream.update(bytes) };
        self.stream.update(prefix);
        self.prefix = None;
        self.prefix_digest = Some(self.stream.digest());
        self.stream.update(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    fn prefix_of(pieces: &[&[u8]], prefix: Option<u64>) -> (Digest, Option<Digest>) {
        let mut digest = BlobDigest::new(prefix);
        for piece in pieces {
            digest.update(piece);
        }
        (digest.stream.digest(), digest.prefix_digest)
    }

    #[test]
    fn the_digest_of_a_prefix_does_not_depend_on_where_pieces_end() {
        let wanted = (sha256(b"abcdef"), Some(sha256(b"abcd")));
        for pieces in [&[b"abcdef" as &[u8]] as &[&[u8]], &[b"abcd", b"ef"], &[b"ab", b"", b"cde", b"f"]] {
            assert_eq!(prefix_of(pieces, Some(4)), wanted);
        }
        assert_eq!(prefix_of(&[b"abcdef"], Some(6)), (wanted.0, Some(wanted.0)));
        assert_eq!(prefix_of(&[b"abcdef"], Some(7)), (wanted.0, None));
        assert_eq!(prefix_of(&[b"abcdef"], None), (wanted.0, None));
    }
}
