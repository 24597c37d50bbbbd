//! Learns one segment of a stream, and replays it.

use super::bits::{BitReader, BitWriter, Sink};
use super::guess::Guesser;
use super::huffman::{Codes, Widths};
use super::models::{MODELS, Model};
use super::record::{Reader, Record, Writer};
use super::token::{Token, code_of_distance, code_of_length};

/// A part of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes between blocks, of which the headers have so many; a member begins behind them.
    Begin(usize),
    /// Other bytes between blocks.
    Between(usize),
    /// A block that is not compressed, with its number of bytes.
    Stored { len: usize, is_last: bool },
    /// A block with its number of symbols.
    Coded { count: usize, is_last: bool, is_fixed: bool, is_literal: bool },
}

/// A segment as it is read: the content, with what lies before it in reach, and the choices of the encoder.
pub struct Segment {
    pub content: Vec<u8>,
    /// Bytes before the segment.
    pub prefix: usize,
    pub offset: u32,
    pub parts: Vec<Part>,
    pub headers: Vec<u8>,
    pub tokens: Vec<Token>,
}

/// The symbols by which models are compared.
const SAMPLE: usize = 64 << 10;

/// A model that foretells so many symbols wrongly is not the encoder's.
fn too_many(tokens: usize) -> usize {
    tokens / 16 + 64
}

/// Finds the model of a segment and writes its record. `hint` is the model of another segment. `None` if no model is good enough.
pub fn learn(segment: &Segment, hint: Option<usize>) -> Option<(usize, Vec<u8>)> {
    let hinted = hint.and_then(|model| follow(segment, model));
    let well = segment.tokens.len() / 256 + 16;
    if let (Some(model), Some((misses, record))) = (hint, &hinted)
        && *misses <= well
    {
        return Some((model, record.clone()));
    }
    let best = likeliest(segment);
    let found =
        best.filter(|&model| hint != Some(model)).and_then(|model| Some((model, follow(segment, model)?)));
    match (found, hint.zip(hinted)) {
        (Some((_, (more, _))), Some((model, (fewer, record)))) if fewer <= more => Some((model, record)),
        (Some((model, (_, record))), _) | (None, Some((model, (_, record)))) => Some((model, record)),
        (None, None) => None,
    }
}

/// The model that foretells the first symbols best.
fn likeliest(segment: &Segment) -> Option<usize> {
    let mut best = None;
    for (number, model) in MODELS.iter().enumerate() {
        let most = best.map_or(too_many(segment.tokens.len().min(SAMPLE)), |(_, misses)| misses);
        let mut misses = 0;
        let ended = walk(segment, model, SAMPLE, |actual, guessed| {
            misses += usize::from(actual != guessed);
            misses <= most
        });
        if ended.is_some() && best.is_none_or(|(_, fewest)| misses < fewest) {
            best = Some((number, misses));
            if misses == 0 {
                break;
            }
        }
    }
    best.map(|(number, _)| number)
}

/// Calls `each` with the symbols and the guesses of a model, until it returns false, which gives `None`.
fn walk(
    segment: &Segment,
    model: &'static Model,
    limit: usize,
    mut each: impl FnMut(Token, Token) -> bool,
) -> Option<()> {
    let mut guesser = Guesser::new(&segment.content, model);
    let mut at = segment.prefix;
    let mut tokens = segment.tokens.iter().take(limit);
    for part in &segment.parts {
        match *part {
            Part::Begin(_) => guesser.begin(at),
            Part::Between(_) => {}
            Part::Stored { len, .. } => {
                at += len;
                guesser.pass(at);
            }
            Part::Coded { count, is_literal, .. } => {
                for &token in tokens.by_ref().take(count) {
                    if is_literal {
                        guesser.pass(at + 1);
                    } else {
                        each(token, guesser.guess(at)?).then_some(())?;
                        guesser.take(at, token);
                    }
                    at += token.len();
                }
            }
        }
    }
    Some(())
}

/// The record of a segment by a model, and the number of symbols that it foretells wrongly. `None` if there are too many.
fn follow(segment: &Segment, model: usize) -> Option<(usize, Vec<u8>)> {
    let most = too_many(segment.tokens.len());
    let (mut runs, mut wrong) = (Writer::default(), Writer::default());
    let (mut run, mut misses) = (0, 0);
    walk(segment, MODELS.get(model)?, usize::MAX, |actual, guessed| {
        if actual == guessed {
            run += 1;
            return true;
        }
        runs.number(std::mem::take(&mut run));
        match actual.pair() {
            None => wrong.number(0),
            Some((length, distance)) => {
                wrong.number(length);
                wrong.number(distance);
            }
        }
        misses += 1;
        misses <= most
    })?;
    let mut parts = Writer::default();
    for part in &segment.parts {
        let (kind, count) = kind_of(*part);
        parts.number(kind);
        parts.number(count);
    }
    let record = Record {
        model,
        prefix: segment.prefix,
        offset: segment.offset,
        len: segment.content.len() - segment.prefix,
        parts: &parts.0,
        headers: &segment.headers,
        runs: &runs.0,
        misses: &wrong.0,
    };
    Some((misses, record.write()))
}

const LAST: usize = 8;
const LITERAL: usize = 16;

fn kind_of(part: Part) -> (usize, usize) {
    match part {
        Part::Begin(len) => (3, len),
        Part::Between(len) => (4, len),
        Part::Stored { len, is_last } => (LAST * usize::from(is_last), len),
        Part::Coded { count, is_last, is_fixed, is_literal } => {
            let form = if is_fixed { 1 } else { 2 };
            (form + LAST * usize::from(is_last) + LITERAL * usize::from(is_literal), count)
        }
    }
}

fn part_of(kind: usize, count: usize) -> Option<Part> {
    let (is_last, is_literal) = (kind & LAST != 0, kind & LITERAL != 0);
    match kind & !(LAST | LITERAL) {
        3 => Some(Part::Begin(count)),
        4 => Some(Part::Between(count)),
        0 => Some(Part::Stored { len: count, is_last }),
        form @ (1 | 2) => Some(Part::Coded { count, is_last, is_fixed: form == 1, is_literal }),
        _ => None,
    }
}

/// Makes the bytes of a segment. `content` is that of the segment behind its prefix. `None` for a record that does not fit.
pub fn replay(record: &Record<'_>, content: &[u8]) -> Option<Vec<u8>> {
    let mut guesser = Guesser::new(content, MODELS.get(record.model)?);
    let mut at = record.prefix;
    let mut out = BitWriter::behind(record.offset);
    let mut parts = Reader(record.parts);
    let mut headers = Reader(record.headers);
    let mut script = Script::new(record);
    while !parts.0.is_empty() {
        let part = part_of(parts.number()?, parts.number()?)?;
        match part {
            Part::Begin(len) | Part::Between(len) => {
                out.align();
                out.bytes.extend_from_slice(headers.bytes(len)?);
                if matches!(part, Part::Begin(_)) {
                    guesser.begin(at);
                }
            }
            Part::Stored { len, is_last } => {
                out.bits(u32::from(is_last), 3);
                out.align();
                let short = u32::from(u16::try_from(len).ok()?);
                out.bits(short | (!short & 0xffff) << 16, 32);
                out.bytes.extend_from_slice(content.get(at..at.checked_add(len)?)?);
                at += len;
                guesser.pass(at);
            }
            Part::Coded { count, is_last, is_fixed, is_literal } => {
                out.bits(u32::from(is_last), 1);
                out.bits(if is_fixed { 1 } else { 2 }, 2);
                let widths = if is_fixed { Widths::fixed() } else { header(&mut headers, &mut out)? };
                let (symbols, distances) = (Codes::new(&widths.symbols)?, Codes::new(&widths.distances)?);
                (count <= content.len().checked_sub(at)?).then_some(())?;
                for _ in 0..count {
                    let token = if is_literal {
                        guesser.pass(at + 1);
                        Token::byte(*content.get(at)?)
                    } else {
                        let token = script.next(&mut guesser, content, at)?;
                        guesser.take(at, token);
                        token
                    };
                    at += token.len();
                    match token.pair() {
                        None => symbols.write(usize::from(token.literal()), &mut out)?,
                        Some((length, distance)) => {
                            let code = code_of_length(length);
                            symbols.write(code.symbol, &mut out)?;
                            out.bits(code.extra, code.width);
                            let code = code_of_distance(distance);
                            distances.write(code.symbol, &mut out)?;
                            out.bits(code.extra, code.width);
                        }
                    }
                }
                symbols.write(256, &mut out)?;
            }
        }
    }
    let is_complete = at == content.len() && headers.0.is_empty() && script.is_used_up();
    is_complete.then(|| out.complete())
}

/// Reads the next header of a block, and copies it.
fn header(headers: &mut Reader<'_>, out: &mut BitWriter) -> Option<Widths> {
    let rest = headers.0;
    let mut first = Some(rest.get(..rest.len().min(MAX_HEADER))?.to_vec());
    let mut input = BitReader::new(|| first.take());
    let mut copy = Counting { out, bits: 0 };
    let widths = Widths::read(&mut input, &mut copy)?;
    let used = copy.bits.div_ceil(8);
    headers.bytes(used)?;
    Some(widths)
}

/// Bytes that the header of a block may have: 316 codes of 7 bits, with 7 bits each, and what is before.
const MAX_HEADER: usize = 600;

struct Counting<'a> {
    out: &'a mut BitWriter,
    bits: usize,
}

impl Sink for Counting<'_> {
    fn bits(&mut self, value: u32, width: u32) {
        self.bits += width as usize;
        self.out.bits(value, width);
    }
}

/// Corrects guesses by a record.
struct Script<'a> {
    runs: Reader<'a>,
    misses: Reader<'a>,
    /// Guesses that are right, before one that is not; `None` if all others are.
    right: Option<usize>,
}

impl<'a> Script<'a> {
    fn new(record: &Record<'a>) -> Self {
        let mut runs = Reader(record.runs);
        let right = runs.number();
        Self { runs, misses: Reader(record.misses), right }
    }

    fn next(&mut self, guesser: &mut Guesser<'_>, content: &[u8], at: usize) -> Option<Token> {
        let guess = guesser.guess(at)?;
        match &mut self.right {
            None => return Some(guess),
            Some(0) => {}
            Some(more) => {
                *more -= 1;
                return Some(guess);
            }
        }
        self.right = self.runs.number();
        match self.misses.number()? {
            0 => Some(Token::byte(*content.get(at)?)),
            length @ 3..=258 if length <= content.len() - at => {
                let distance = self.misses.number()?;
                (1..=32 << 10).contains(&distance).then(|| Token::reference(length, distance))
            }
            _ => None,
        }
    }

    fn is_used_up(&self) -> bool {
        self.right.is_none() && self.misses.0.is_empty()
    }
}
