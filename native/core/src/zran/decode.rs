//! The decoder that readers of the format have for a context. It is stricter than inflating asks for, so a context counts as
//! readable only if this decodes it.

use nydus_zlib::{Form, Inflate};

/// The bytes between the last block of a member and the next member: its checksum and length.
const TRAILER: usize = 8;

/// What a context consists of besides its compressed bytes.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The byte before the first one, of which `bits` bits are pending.
    pub byte: u8,
    /// The number of these bits.
    pub bits: u8,
    /// The bytes that come before the output.
    pub dictionary: &'a [u8],
}

/// Decodes contexts one after another with the same memory.
pub struct Decoder(Inflate);

impl Decoder {
    /// `None` if there is no memory.
    pub fn new() -> Option<Self> {
        Inflate::new(Form::Raw).map(Self)
    }

    /// Fills `output` from exactly these bytes. False if a reader fails.
    pub fn decode(&mut self, start: Start<'_>, input: &[u8], output: &mut [u8]) -> bool {
        self.run(start, input, output).is_some()
    }

    /// Decodes as much as fits, whatever a reader says of the end. Returns the number of bytes made.
    pub fn prefix(&mut self, start: Start<'_>, input: &[u8], output: &mut [u8]) -> usize {
        if self.begin(start).is_none() {
            return 0;
        }
        let (mut rest, mut made) = (input, 0);
        while made < output.len() {
            let Ok(step) = self.0.step(rest, output.get_mut(made..).unwrap_or_default(), false) else {
                break;
            };
            rest = rest.get(step.used..).unwrap_or_default();
            made += step.made;
            // A dictionary is not referred to beyond its member.
            if step.is_end || (step.used == 0 && step.made == 0) {
                break;
            }
        }
        made
    }

    fn begin(&mut self, start: Start<'_>) -> Option<()> {
        let Start { byte, bits, dictionary } = start;
        self.0.reset(Form::Raw);
        let bits = bits & 7;
        if bits > 0 {
            self.0.prime(bits, byte >> (8 - bits));
        }
        (dictionary.is_empty() || self.0.set_dictionary(dictionary)).then_some(())
    }

    fn run(&mut self, start: Start<'_>, input: &[u8], output: &mut [u8]) -> Option<()> {
        self.begin(start)?;
        let (mut rest, mut made) = (input, 0);
        loop {
            let step = self.0.step(rest, output.get_mut(made..)?, false).ok()?;
            rest = rest.get(step.used..)?;
            made += step.made;
            if !step.is_end {
                // A call that can neither consume nor make anything is an error in zlib.
                return (made == output.len() && step.used + step.made > 0).then_some(());
            }
            rest = rest.get(TRAILER..)?;
            self.0.reset(Form::Gzip);
            let header = self.0.step(rest, &mut [], true).ok()?;
            header.stop?;
            rest = rest.get(header.used..).filter(|rest| !rest.is_empty())?;
            self.0.reset(Form::Raw);
        }
    }
}
