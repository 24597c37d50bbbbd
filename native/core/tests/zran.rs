//! Layers whose chunks stay where they are.

// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use nydus_core::Result;
use nydus_core::digest::{Digester, hex, sha256};
use nydus_core::format::Referring;
use nydus_core::pipeline::{ImagePacker, PackOptions};
use nydus_zlib::{Form, Inflate};

const PATIENCE: Duration = Duration::from_mins(2);

struct Referred {
    blob: Vec<u8>,
    bootstrap: Vec<u8>,
}

/// Converts a layer that arrives in pieces of this size.
fn refer(layer: &[u8], rule: Referring, piece: usize) -> Result<Referred> {
    let folder = tempfile::tempdir().unwrap();
    let mut options = PackOptions::default();
    options.format.referring = Some(rule);
    options.format.digester = Digester::Sha256;
    let packer = ImagePacker::new(&options)?;
    let path = folder.path().join("blob");
    let open = packer.open_layer(0, &path)?;
    for bytes in layer.chunks(piece) {
        if !open.write(bytes)? {
            let (sender, receiver) = channel();
            open.on_room(Box::new(move |result| sender.send(result).unwrap()));
            receiver.recv_timeout(PATIENCE).unwrap()?;
        }
    }
    let (sender, receiver) = channel();
    open.finish(Box::new(move |result| sender.send(result).unwrap()));
    receiver.recv_timeout(PATIENCE).unwrap()?;
    let (sender, receiver) = channel();
    open.seal(Box::new(move |result| sender.send(result).unwrap()));
    receiver.recv_timeout(PATIENCE).unwrap()?;
    let (sender, receiver) = channel();
    packer.bootstrap(vec![0], Box::new(move |result| sender.send(result).unwrap()));
    let merged = receiver.recv_timeout(PATIENCE).unwrap()?;
    Ok(Referred { blob: std::fs::read(path).unwrap(), bootstrap: merged.bootstrap })
}

const COMPATIBLE: Referring = Referring { span: 2 << 20, is_compatible: true };
const OWN: Referring = Referring { span: 2 << 20, is_compatible: false };

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/reference/zran").join(name)
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut inflater = nydus_core::inflate::Inflater::new();
    let mut out = Vec::new();
    let mut pieces = nydus_core::inflate::Pieces::new(|bytes| {
        out.extend_from_slice(bytes);
        Ok(())
    });
    inflater.push(bytes, &mut pieces).unwrap();
    inflater.finish(&mut pieces).unwrap();
    drop(pieces);
    out
}

/// The tar is that of the gzip fixture; only its compression differs.
#[test]
fn blobs_and_bootstraps_of_the_reference_are_made_byte_for_byte() {
    let gzip = std::fs::read(fixture("v6-targz-ref").join("layer-1.tar.gz")).unwrap();
    let members = std::fs::read(fixture("v6-targz-ref-members").join("layer-1.tar.gz")).unwrap();
    for (name, blob, layer) in [
        ("v6-targz-ref", "fda72d34c9b1fb921e56c9c6afd0a951e755efcbbbac56f6c5cd1b0bccf55dd9", &gzip),
        (
            "v6-targz-ref-members",
            "81156bf0daa729fe11516919a0beca82ea63588da1c4fd9a46479961510e5741",
            &members,
        ),
        ("v6-tar-ref", "6bcc8c88bc5c6282f0e0f77fe147fe8241d3249f5cbc784f799aae9a13a7a1ed", &gunzip(&gzip)),
    ] {
        let bootstrap = gunzip(&std::fs::read(fixture(name).join("merged.boot.gz")).unwrap());
        for piece in [layer.len(), 1000, 7] {
            let made = refer(layer, COMPATIBLE, piece).unwrap();
            assert_eq!(hex(&sha256(&made.blob)), blob, "{name} in pieces of {piece}");
            let differs = made.bootstrap.iter().zip(&bootstrap).position(|(ours, theirs)| ours != theirs);
            assert_eq!((differs, made.bootstrap.len()), (None, bootstrap.len()), "{name}");
        }
    }
}

#[test]
fn own_contexts_are_small_and_do_not_depend_on_the_pieces_of_the_input() {
    for name in ["v6-targz-ref", "v6-targz-ref-members"] {
        let layer = std::fs::read(fixture(name).join("layer-1.tar.gz")).unwrap();
        let whole = refer(&layer, OWN, layer.len()).unwrap();
        for piece in [4096, 7] {
            let pieces = refer(&layer, OWN, piece).unwrap();
            assert!(pieces.blob == whole.blob && pieces.bootstrap == whole.bootstrap, "{name} {piece}");
        }
        assert!(whole.blob.len() < 12_000, "{name}: {} bytes", whole.blob.len());
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn half(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Decodes a context as readers of the format do: from exactly these bytes, into exactly that room, and on over the ends of
/// members.
fn read_context(layer: &[u8], record: &[u8], dictionaries: &[u8]) -> Option<Vec<u8>> {
    let (from, dictionary) = (usize::try_from(word(record, 0)).unwrap(), half(record, 16));
    let mut input = layer.get(from..from + half(record, 24))?;
    let mut output = vec![0; half(record, 28)];
    let bits = record[37] & 7;
    let mut inflate = Inflate::new(Form::Raw).unwrap();
    if bits > 0 {
        inflate.prime(bits, record[36] >> (8 - bits));
    }
    let dictionary = dictionaries.get(dictionary..dictionary + half(record, 32))?;
    if !dictionary.is_empty() {
        assert!(inflate.set_dictionary(dictionary));
    }
    let mut made = 0;
    loop {
        let step = inflate.step(input, &mut output[made..], false).ok()?;
        made += step.made;
        input = &input[step.used..];
        if !step.is_end {
            return (made == output.len()).then_some(output);
        }
        input = input.get(8..)?;
        inflate.reset(Form::Gzip);
        let header = inflate.step(input, &mut [], true).ok()?;
        header.stop?;
        input = input.get(header.used..).filter(|rest| !rest.is_empty())?;
        inflate.reset(Form::Raw);
    }
}

/// Reads every chunk of a blob from its context alone and compares it with its digest. Returns the number of contexts.
fn read_chunks(blob: &[u8], layer: &[u8]) -> usize {
    let at = blob.windows(4).rposition(|bytes| bytes == 0xB10B_B10B_u32.to_le_bytes());
    let Some(end) = at.map(|at| at + 4) else { return 0 };
    let header = &blob[end - 4096..end];
    let (offset, stored, size) = (word(header, 16), word(header, 24), word(header, 32));
    let stored = &blob[usize::try_from(offset).unwrap()..usize::try_from(offset + stored).unwrap()];
    let size = usize::try_from(size).unwrap();
    let table =
        if half(header, 8) == 0 { stored.to_vec() } else { zstd::bulk::decompress(stored, size).unwrap() };
    let (records, contexts) = (half(header, 12), half(header, 56));
    assert_eq!((usize::try_from(word(header, 40)).unwrap(), table.len()), (24 * records, size));
    assert!(contexts <= records, "readers refuse more contexts than records");
    let area = &table[24 * records..];
    let outputs: Vec<_> = (0..contexts)
        .map(|number| {
            let record = &area[40 * number..40 * (number + 1)];
            read_context(layer, record, &area[40 * contexts..])
                .unwrap_or_else(|| panic!("context {number} cannot be read"))
        })
        .collect();
    let digests = &blob[end + 512..];
    for (number, record) in table[..24 * records].chunks(24).enumerate() {
        let len = (usize::try_from(word(record, 0) >> 32).unwrap() & 0xFF_FFFF) + 1;
        let (context, from) = (half(record, 20), half(record, 16));
        assert_eq!(record[7], 3, "flags");
        let digest = sha256(&outputs[context][from..from + len]);
        assert_eq!(digest, digests[32 * number..32 * (number + 1)], "chunk {number}");
    }
    contexts
}

/// A deterministic source of choices.
struct Choices(u64);

impl Choices {
    fn next(&mut self, below: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % below).unwrap()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        match self.next(4) {
            0 => (0..len).map(|_| u8::try_from(self.next(256)).unwrap()).collect(),
            1 => vec![u8::try_from(self.next(256)).unwrap(); len],
            _ => {
                let words: Vec<Vec<u8>> = (0..20)
                    .map(|_| {
                        (0..3 + self.next(9)).map(|_| b'a' + u8::try_from(self.next(26)).unwrap()).collect()
                    })
                    .collect();
                let mut text = Vec::with_capacity(len + 16);
                while text.len() < len {
                    text.extend_from_slice(&words[self.next(20)]);
                }
                text.truncate(len);
                text
            }
        }
    }

    fn tar(&mut self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for number in 0..=self.next(6) {
            let most = [1, 600, 20_000, 150_000][self.next(4)];
            let len = self.next(most + 1);
            let content = self.bytes(len);
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("f{number}"), content.as_slice()).unwrap();
        }
        let mut tar = tar.into_inner().unwrap();
        if self.next(3) == 0 {
            // Without end blocks, and without the padding behind the last file, the data ends with the last member.
            while tar.len() > 512 && tar[tar.len() - 512..].iter().all(|&byte| byte == 0) {
                tar.truncate(tar.len() - 512);
            }
        }
        tar
    }

    /// Compresses in members that end anywhere, often where a file does, with all kinds of blocks and headers.
    fn gzip(&mut self, tar: &[u8]) -> Vec<u8> {
        let mut cuts: Vec<usize> = (0..self.next(6)).map(|_| self.next(tar.len() as u64 + 1)).collect();
        if self.next(2) == 0 {
            cuts.extend((0..tar.len()).step_by(512).filter(|_| self.next(12) == 0));
        }
        cuts.push(tar.len());
        cuts.sort_unstable();
        let (mut out, mut from) = (Vec::new(), 0);
        for cut in cuts {
            let level = [0, 1, 6, 9][self.next(4)];
            let mut builder = flate2::GzBuilder::new();
            if self.next(4) == 0 {
                let len = self.next(2000);
                builder = builder.filename("name").extra(vec![7; len]);
            }
            let mut encoder =
                builder.write(Vec::new(), flate2::Compression::new(u32::try_from(level).unwrap()));
            for piece in tar[from..cut].chunks(1 + self.next(100_000)) {
                encoder.write_all(piece).unwrap();
                if self.next(3) == 0 {
                    encoder.flush().unwrap();
                }
            }
            out.extend(encoder.finish().unwrap());
            from = cut;
        }
        let zeros = self.next(3) * self.next(600);
        out.resize(out.len() + zeros, 0);
        out
    }
}

#[test]
fn every_chunk_of_random_layers_is_read_from_its_context_alone() {
    let mut contexts = 0;
    let mut refused = 0;
    for seed in 0..2000 {
        let mut choices = Choices(seed);
        let tar = choices.tar();
        let layer = choices.gzip(&tar);
        let span = [16 << 10, 64 << 10, 2 << 20][choices.next(3)];
        let piece = [layer.len(), 1 + choices.next(5000)][choices.next(2)];
        match refer(&layer, Referring { span, is_compatible: false }, piece) {
            Ok(made) => contexts += read_chunks(&made.blob, &layer),
            // The tar has lost zeros that were the end of a file.
            Err(error) if error.code() == "FORMAT" && error.to_string().contains("the archive ends") => {}
            Err(error) => {
                assert_eq!(error.code(), "UNREFERABLE", "seed {seed}: {error}");
                refused += 1;
            }
        }
    }
    assert!(contexts > 2000, "{contexts} contexts");
    assert!(refused < 100, "{refused} layers were refused");
}
