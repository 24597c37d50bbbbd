//! Verifies the chunks of a layer that they stay in, by contexts and dictionaries that claim anything.

use std::sync::mpsc::channel;

use nydus_core::digest::Digester;
use nydus_core::verify::{BlobVerifier, Verified, VerifyOptions};

use super::parts::{Parts, piece_size};

/// Contexts may be many and each make 16 MiB; more of them find no other faults, and take seconds.
const MAX_CONTEXTS: u8 = 63;

/// The input: size of pieces, digester, the table of chunks, the number of contexts, these and their dictionaries, and the layer. Whatever
/// the pieces are, the answer is the same.
pub fn execute(input: &[u8]) {
    let mut parts = Parts(input);
    let (pieces, choice, table) = (piece_size(parts.byte()), parts.byte(), parts.part());
    let count = u32::from(parts.byte() & MAX_CONTEXTS);
    let mut options = VerifyOptions::default();
    options.threads = 1;
    options.digester = if choice & 1 == 0 { Digester::Sha256 } else { Digester::Blake3 };
    options.contexts = Some((parts.part().to_vec(), count));
    let cut = verified(table, &options, parts.0, pieces);
    let whole = verified(table, &options, parts.0, usize::MAX);
    match (cut, whole) {
        (Some(cut), Some(whole)) => {
            assert_eq!(cut.size, parts.0.len() as u64);
            assert_eq!((cut.digest, &cut.faults), (whole.digest, &whole.faults));
        }
        (cut, whole) => assert!(cut.is_none() && whole.is_none(), "the pieces decide"),
    }
}

fn verified(table: &[u8], options: &VerifyOptions, layer: &[u8], pieces: usize) -> Option<Verified> {
    let verifier = BlobVerifier::new(table, options).ok()?;
    for piece in layer.chunks(pieces) {
        if verifier.write(piece.to_vec()).is_err() {
            break;
        }
    }
    let (sender, receiver) = channel();
    verifier.finish(Box::new(move |result| drop(sender.send(result))));
    receiver.recv().ok()?.ok()
}
