//! Decodes a chunk or section with every codec, and compresses any bytes, which must come back.

use std::cell::RefCell;

use nydus_core::codec::{CODECS, Codec, Compression, Contexts};

use super::parts::Parts;

const MAX_SIZE: usize = 1 << 14;

thread_local! {
    /// A thread uses its contexts again, whatever a chunk before has left in them.
    static CONTEXTS: RefCell<Contexts> = RefCell::default();
}

fn round_trip(contexts: &mut Contexts, codec: &'static Codec, bytes: &[u8]) {
    let compression = Compression { codec, level: codec.levels.map_or(0, |levels| levels.min.max(1)) };
    if let Ok(Some(stored)) = contexts.compressed(compression, bytes) {
        let mut back = vec![0; bytes.len()];
        let decoded = contexts.decompress(codec, &mut back, &stored);
        assert!(decoded.is_ok() && back == bytes, "{} does not read what it writes", codec.name);
    }
}

/// The input: the codec, the size that the data claims to have, and the data.
pub fn execute(input: &[u8]) {
    let mut parts = Parts(input);
    let (choice, size) = (parts.byte(), usize::from(parts.short()) % MAX_SIZE);
    let Some(codec) = CODECS.get(usize::from(choice & 3)).copied() else { return };
    CONTEXTS.with_borrow_mut(|contexts| {
        if choice & 4 != 0 {
            return round_trip(contexts, codec, parts.0);
        }
        // The answer is checked by the digest of the chunk.
        let _ = contexts.decompress(codec, &mut vec![0; size], parts.0);
    });
}
