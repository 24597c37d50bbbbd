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

/// Why a reader fails at a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// The dictionary is not there, or too long.
    Dictionary,
    /// The compressed bytes make no sense.
    Damaged,
    /// The compressed bytes end before the output is full.
    Short,
    /// All output is there, but the member of the gzip file ends, too, which readers take for an error.
    EndsWithMember,
}

impl Undecodable {
    /// The reason as a part of a sentence about the context.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Dictionary => "it has no dictionary",
            Self::Damaged => "its compressed bytes are damaged, or it begins at a wrong place",
            Self::Short => "its compressed bytes make too little",
            Self::EndsWithMember => {
                "it ends where a member of the gzip file ends, which clients take for an error"
            }
        }
    }
}

/// Decodes contexts one after another with the same memory.
pub struct Decoder(Inflate);

impl Decoder {
    /// `None` if there is no memory.
    pub fn new() -> Option<Self> {
        Inflate::new(Form::Raw).map(Self)
    }

    /// Fills `output` from exactly these bytes, or says why a reader fails.
    pub fn decode(&mut self, start: Start<'_>, input: &[u8], output: &mut [u8]) -> Result<(), Undecodable> {
        self.begin(start).ok_or(Undecodable::Dictionary)?;
        let (mut rest, mut made) = (input, 0);
        loop {
            let room = output.get_mut(made..).unwrap_or_default();
            let step = self.0.step(rest, room, false).map_err(|_| Undecodable::Damaged)?;
            rest = rest.get(step.used..).unwrap_or_default();
            made += step.made;
            let is_full = made == output.len();
            if !step.is_end {
                // A call that can neither consume nor make anything is an error in zlib.
                return if is_full && step.used + step.made > 0 { Ok(()) } else { Err(Undecodable::Short) };
            }
            let early = if is_full { Undecodable::EndsWithMember } else { Undecodable::Short };
            rest = self.next_member(rest).ok_or(early)?;
        }
    }

    /// Skips what lies between the last block of a member and the first one of the next, after which a byte must follow.
    fn next_member<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let rest = rest.get(TRAILER..)?;
        self.0.reset(Form::Gzip);
        let header = self.0.step(rest, &mut [], true).ok()?;
        header.stop?;
        let rest = rest.get(header.used..).filter(|rest| !rest.is_empty())?;
        self.0.reset(Form::Raw);
        Some(rest)
    }

    /// Decodes as much as fits, whatever a reader says of the end. Returns the number of bytes made, which is less than fits only
    /// where a member ends; `None` if the input ends before, or makes no sense.
    pub fn prefix(&mut self, start: Start<'_>, input: &[u8], output: &mut [u8]) -> Option<usize> {
        self.begin(start)?;
        let (mut rest, mut made) = (input, 0);
        while made < output.len() {
            let step = self.0.step(rest, output.get_mut(made..)?, false).ok()?;
            rest = rest.get(step.used..).unwrap_or_default();
            made += step.made;
            // A dictionary is not referred to beyond its member.
            if step.is_end {
                break;
            }
            if step.used == 0 && step.made == 0 {
                return None;
            }
        }
        Some(made)
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
}
