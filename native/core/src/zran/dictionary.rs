//! Makes the dictionary of a context small. Only a tenth of a window is ever referred to, and all of that from the first 32 KiB
//! of output, since no reference reaches farther back. What is not referred to is cleared, so that it compresses to nothing,
//! and cut off at the front, where distances do not count from.

use nydus_zlib::WINDOW;

use super::Stop;
use super::decode::{Decoder, Start};

/// Returns the end of the stop's window that output from there refers to, with other bytes cleared. `input` are the compressed
/// bytes from the stop on, and `len` the bytes of output that matter.
///
/// The first bytes are decoded with four windows: where those of zeros and of ones give different bytes, the other two, which
/// hold the low and the high half of each position, name the position that is referred to.
pub fn reduced(decoder: &mut Decoder, stop: &Stop, input: &[u8], len: usize) -> Vec<u8> {
    let size = stop.window.len();
    if size == 0 {
        return Vec::new();
    }
    let mut outputs = [(); 4].map(|()| vec![0; len.min(WINDOW)]);
    let fills: [fn(usize) -> usize; 4] = [|_| 0, |_| 0xFF, |at| at & 0xFF, |at| at >> 8];
    let mut made = usize::MAX;
    for (output, fill) in outputs.iter_mut().zip(fills) {
        let dictionary: Vec<u8> = (0..size).map(|at| u8::try_from(fill(at)).unwrap_or(0)).collect();
        let start = Start { byte: stop.byte, bits: stop.bits, dictionary: &dictionary };
        made = made.min(decoder.prefix(start, input, output));
    }
    let [zeros, ones, low, high] = &outputs;
    let mut kept = vec![0; size];
    let mut first = size;
    for (((zero, one), low), high) in zeros.iter().zip(ones).zip(low).zip(high).take(made) {
        let at = usize::from(*high) << 8 | usize::from(*low);
        if zero != one
            && let (Some(to), Some(&from)) = (kept.get_mut(at), stop.window.get(at))
        {
            *to = from;
            first = first.min(at);
        }
    }
    kept.split_off(first)
}
