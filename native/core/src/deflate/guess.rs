//! Foretells the next symbol of an encoder by its rules, from the content and the symbols before.

use super::models::{Family, Model, NEAR};
use super::token::{MAX_LENGTH, Token};

/// The steps of searching that a byte of content may take on average. Content of equal bytes would else take thousands.
const STEPS: usize = 512;
/// Steps that any content may take.
const FREE_STEPS: usize = 1 << 20;

/// Follows one encoder through a content.
pub struct Guesser<'a> {
    content: &'a [u8],
    model: &'static Model,
    /// For each hash the last place with it, plus one.
    heads: Vec<u32>,
    /// For each place the one before it with the same hash, plus one.
    chain: Vec<u32>,
    /// The first place that is not remembered yet.
    next: usize,
    /// Where the member begins; nothing before can be referred to.
    floor: usize,
    /// A reference that a search at the byte before has found, and where it begins.
    found: Option<(usize, (usize, usize))>,
    steps_left: usize,
}

impl<'a> Guesser<'a> {
    pub fn new(content: &'a [u8], model: &'static Model) -> Self {
        Self {
            content,
            model,
            heads: vec![0; 1 << model.family.hash_bits()],
            chain: vec![0; content.len()],
            next: 0,
            floor: 0,
            found: None,
            steps_left: content.len().saturating_mul(STEPS).saturating_add(FREE_STEPS),
        }
    }

    /// Begins a member at a place.
    pub fn begin(&mut self, at: usize) {
        self.pass(at);
        self.floor = at;
    }

    /// The symbol at a place. `None` when the searches have taken too long.
    pub fn guess(&mut self, at: usize) -> Option<Token> {
        let &Model { family, good, lazy, chain, .. } = self.model;
        (self.steps_left > 0).then_some(())?;
        self.pass(at);
        let byte = Token::byte(*self.content.get(at)?);
        let known = self.found.take().filter(|&(place, _)| place == at).map(|(_, pair)| pair);
        let best = match known {
            Some(pair) => Some(pair),
            None => self.search(at, family.hashed() - 1, chain).filter(|&pair| self.is_worth(pair)),
        };
        let Some((length, distance)) = best else { return Some(byte) };
        if length < lazy {
            self.pass(at + 1);
            let (least, tries) = match family {
                Family::Zlib => (length, if length >= good { chain / 4 } else { chain }),
                Family::Go => (3, chain),
            };
            if let Some(better) = self.search(at + 1, least, tries).filter(|&(next, _)| next > length) {
                self.found = Some((at + 1, better));
                return Some(byte);
            }
        }
        Some(Token::reference(length, distance))
    }

    /// Takes note of the symbol that the encoder has at a place.
    pub fn take(&mut self, at: usize, token: Token) {
        let len = token.len();
        if len > self.model.remembered {
            self.pass(at + 1);
            self.next = at + len;
        } else {
            self.pass(at + len);
        }
    }

    /// Remembers all places before one.
    pub fn pass(&mut self, at: usize) {
        for place in self.next..at {
            let Some(hash) = self.hash(place) else { break };
            if let (Some(head), Some(before)) = (self.heads.get_mut(hash), self.chain.get_mut(place)) {
                *before = *head;
                *head = place as u32 + 1;
            }
        }
        self.next = self.next.max(at);
    }

    fn hash(&self, at: usize) -> Option<usize> {
        let rest = self.content.get(at..)?;
        match self.model.family {
            Family::Zlib => {
                let &[a, b, c] = rest.first_chunk()?;
                Some(((usize::from(a) << 10) ^ (usize::from(b) << 5) ^ usize::from(c)) & 0x7fff)
            }
            Family::Go => {
                let word = u32::from_be_bytes(*rest.first_chunk()?);
                Some((word.wrapping_mul(0x1e35_a7bd) >> 15) as usize)
            }
        }
    }

    fn is_worth(&self, (length, distance): (usize, usize)) -> bool {
        let is_zlib = self.model.family == Family::Zlib;
        !(is_zlib && self.model.lazy > 0 && length == 3 && distance > NEAR)
    }

    /// The first of the longest references at a place that are longer than `least`.
    fn search(&mut self, at: usize, least: usize, tries: usize) -> Option<(usize, usize)> {
        let Model { family, nice, .. } = *self.model;
        let hash = self.hash(at)?;
        let content = self.content;
        let here = content.get(at..)?;
        let most = here.len().min(MAX_LENGTH);
        let here = here.get(..most)?;
        let nice = nice.min(most);
        // zlib takes the first place of its window for none.
        let oldest = match family {
            Family::Zlib => at.saturating_sub(family.reach()).max(self.floor + 1),
            Family::Go => at.saturating_sub(family.reach()).max(self.floor),
        };
        let (mut best, mut found) = (least, None);
        let mut link = self.heads.get(hash).copied().unwrap_or(0) as usize;
        let mut steps = 0;
        for _ in 0..tries {
            if link == 0 || link - 1 < oldest || best >= most {
                break;
            }
            let place = link - 1;
            steps += 1;
            if content.get(place + best) == here.get(best) {
                let length = common(content.get(place..place + most)?, here);
                steps += length / 16;
                if length > best && is_taken(family, length, at - place) {
                    best = length;
                    found = Some((length, at - place));
                    if length >= nice {
                        break;
                    }
                }
            }
            link = self.chain.get(place).copied().unwrap_or(0) as usize;
            // zlib reaches one byte farther at the first place than at the others.
            if family == Family::Zlib && link > 0 && at - (link - 1) >= family.reach() {
                break;
            }
        }
        self.steps_left = self.steps_left.saturating_sub(steps);
        found
    }
}

fn is_taken(family: Family, length: usize, distance: usize) -> bool {
    match family {
        Family::Zlib => true,
        Family::Go => length > 4 || distance <= NEAR,
    }
}

/// The number of bytes that begin both.
#[inline]
fn common(a: &[u8], b: &[u8]) -> usize {
    let (words_a, _) = a.as_chunks::<8>();
    let (words_b, _) = b.as_chunks::<8>();
    let mut length = 0;
    for (x, y) in words_a.iter().zip(words_b) {
        let difference = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if difference != 0 {
            return length + (difference.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    let rest = a.iter().zip(b).skip(length).take_while(|(x, y)| x == y).count();
    length + rest
}
