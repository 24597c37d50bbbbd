//! Shows names in messages.

/// Keeps printable UTF-8 and writes `\xHH` for every other byte, like `displayName` of src/oci/raw-name.ts.
pub fn display_name(name: &[u8]) -> String {
    let odd = |char: char| char.is_control() || char == '\\' || char == char::REPLACEMENT_CHARACTER;
    match std::str::from_utf8(name) {
        Ok(text) if !text.contains(odd) => text.to_owned(),
        _ => name.iter().map(|&byte| shown(byte)).collect(),
    }
}

fn shown(byte: u8) -> String {
    match byte {
        b' '..=b'[' | b']'..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_other_bytes_are_escaped() {
        assert_eq!(display_name("größe 1".as_bytes()), "größe 1");
        assert_eq!(display_name(b"n\xff\x80 x"), "n\\xff\\x80 x");
        assert_eq!(display_name(b"a\\b\n"), "a\\x5cb\\x0a");
        assert_eq!(display_name("é\u{85}".as_bytes()), "\\xc3\\xa9\\xc2\\x85");
    }
}
