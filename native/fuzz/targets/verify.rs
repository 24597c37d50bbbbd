//! Verifies a blob against a table of chunks that claims anything.

use std::sync::mpsc::channel;

use nydus_core::codec::CODECS;
use nydus_core::digest::Digester;
use nydus_core::verify::{BlobVerifier, VerifyOptions};

use super::parts::{Parts, piece_size};

/// The input: size of pieces, codec and digester, the table, and the blob.
pub fn execute(input: &[u8]) {
    let mut parts = Parts(input);
    let (pieces, choice, table) = (piece_size(parts.byte()), parts.byte(), parts.part());
    let mut options = VerifyOptions::default();
    options.threads = 1;
    if let Some(codec) = CODECS.get(usize::from(choice & 3)) {
        codec.name.clone_into(&mut options.compressor);
    }
    options.digester = if choice & 4 == 0 { Digester::Blake3 } else { Digester::Sha256 };
    options.prefix = (choice & 8 != 0).then_some(u64::from(choice));
    let Ok(verifier) = BlobVerifier::new(table, &options) else { return };
    for piece in parts.0.chunks(pieces) {
        if verifier.write(piece.to_vec()).is_err() {
            break;
        }
    }
    let (sender, receiver) = channel();
    verifier.finish(Box::new(move |result| drop(sender.send(result))));
    if let Ok(Ok(verified)) = receiver.recv() {
        assert_eq!(verified.size, parts.0.len() as u64);
    }
}
