//! Makes the dictionary of a context small. Only a tenth of a window is ever referred to, and all of that from the first 32 KiB
//! of output, since no reference reaches farther back. What is not referred to is cleared, so that it compresses to nothing,
//! and cut off at the front, where distances do not count from.

use nydus_zlib::WINDOW;

use super::Stop;
use super::decode::{Decoder, Start};

/// Finds the bytes of windows that contexts refer to, one context after another with the same memory.
///
/// The first bytes of a context are decoded with two windows. At no position have these the same byte, so where the outputs differ
/// they refer to the window, and the two bytes together name the position.
pub struct Reducer {
    /// The low half of each position.
    low: Vec<u8>,
    /// The high half of each position, and in its top bit the opposite of the low half's.
    high: Vec<u8>,
    outputs: [Vec<u8>; 2],
}

/// The bit of the high halves in which the two windows differ; positions have 15 bits.
const OPPOSITE: u8 = 0x80;

impl Default for Reducer {
    fn default() -> Self {
        let halves = (0..WINDOW).map(|at| {
            let low = u8::try_from(at & 0xFF).unwrap_or(0);
            let high = u8::try_from(at >> 8).unwrap_or(0);
            (low, high | (!low & OPPOSITE))
        });
        let (low, high) = halves.unzip();
        Self { low, high, outputs: [vec![0; WINDOW], vec![0; WINDOW]] }
    }
}

impl Reducer {
    /// Returns the end of the stop's window that output from there refers to, with other bytes cleared. `input` are the
    /// compressed bytes from the stop on, and `len` the bytes of output that matter. `None` if more input is needed to know it.
    pub fn reduced(
        &mut self,
        decoder: &mut Decoder,
        stop: &Stop,
        input: &[u8],
        len: usize,
    ) -> Option<Vec<u8>> {
        let size = stop.window.len();
        if size == 0 {
            return Some(Vec::new());
        }
        let mut made = len.min(WINDOW);
        for (output, window) in self.outputs.iter_mut().zip([&self.low, &self.high]) {
            let dictionary = window.get(..size).unwrap_or(window);
            let start = Start { byte: stop.byte, bits: stop.bits, dictionary };
            made = decoder.prefix(start, input, output.get_mut(..made)?)?;
        }
        let [lows, highs] = &self.outputs;
        let mut kept = vec![0; size];
        let mut first = size;
        for (&low, &high) in lows.iter().zip(highs).take(made) {
            if low == high {
                continue;
            }
            let at = usize::from(high & !OPPOSITE) << 8 | usize::from(low);
            if let (Some(to), Some(&from)) = (kept.get_mut(at), stop.window.get(at)) {
                *to = from;
                first = first.min(at);
            }
        }
        Some(kept.split_off(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_windows_name_every_position_and_differ_everywhere() {
        let Reducer { low, high, .. } = Reducer::default();
        for (at, (&low, &high)) in low.iter().zip(&high).enumerate() {
            assert_ne!(low, high);
            assert_eq!(usize::from(high & !OPPOSITE) << 8 | usize::from(low), at);
        }
    }
}
