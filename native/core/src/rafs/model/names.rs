//! Shows names in messages.

/// Keeps printable UTF-8 and writes `\xHH` for each byte of other characters, like `displayName` of src/oci/raw-name.ts. A
/// name that is not UTF-8 keeps its printable ASCII alone.
pub fn display_name(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) if !text.contains(char::REPLACEMENT_CHARACTER) => text.chars().map(shown_char).collect(),
        _ => name.iter().map(|&byte| shown_byte(byte)).collect(),
    }
}

fn shown_char(char: char) -> String {
    if char != '\\' && !is_unseen(char) {
        return char.to_string();
    }
    char.encode_utf8(&mut [0; 4]).bytes().map(escaped).collect()
}

fn shown_byte(byte: u8) -> String {
    match byte {
        b' '..=b'[' | b']'..=b'~' => char::from(byte).to_string(),
        _ => escaped(byte),
    }
}

fn escaped(byte: u8) -> String {
    format!("\\x{byte:02x}")
}

/// True for characters that cannot be seen or reorder what is seen: Unicode's general categories Cc, Cf, Zl and Zp, and
/// `Default_Ignorable_Code_Point`, like src/oci/unseen.ts.
fn is_unseen(char: char) -> bool {
    char.is_control() || UNSEEN.iter().any(|&(first, last)| (first..=last).contains(&char))
}

/// Unicode 15.1, without the control characters.
const UNSEEN: [(char, char); 25] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_other_bytes_are_escaped() {
        assert_eq!(display_name("größe 1".as_bytes()), "größe 1");
        assert_eq!(display_name(b"n\xff\x80 x"), "n\\xff\\x80 x");
        assert_eq!(display_name(b"a\\b\n"), "a\\x5cb\\x0a");
        assert_eq!(display_name("é\u{85}".as_bytes()), "é\\xc2\\x85");
        assert_eq!(display_name("ÿ\\\u{202e}".as_bytes()), "ÿ\\x5c\\xe2\\x80\\xae");
    }
}
