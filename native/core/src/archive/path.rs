//! Normalises the paths of entries, so that every path has one spelling, or gives the reason of a refusal.

/// Longest name of a file on Linux (`NAME_MAX`) and in RAFS.
const MAX_NAME: usize = 255;
/// Longest path that a system call takes (`PATH_MAX` less its NUL); it also bounds the depth of the tree.
pub(crate) const MAX_PATH: usize = 4095;

/// Joins the components with `/`, without empty ones, `.` and slashes at either end; the root becomes empty. The error says
/// what is wrong with the path; the caller puts a subject such as "the path" before it.
pub(super) fn normalise(raw: &[u8]) -> Result<Vec<u8>, String> {
    if raw.is_empty() {
        return Err("is empty".to_owned());
    }
    let mut path = Vec::with_capacity(raw.len());
    for component in raw.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => continue,
            b".." => return Err("has a \"..\" component".to_owned()),
            _ => {}
        }
        if component.len() > MAX_NAME {
            let length = component.len();
            return Err(format!("has a component of {length} bytes, more than {MAX_NAME}"));
        }
        if component.contains(&0) {
            return Err("holds a NUL byte".to_owned());
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(component);
        if path.len() > MAX_PATH {
            return Err(format!("is longer than {MAX_PATH} bytes"));
        }
    }
    Ok(path)
}

/// Quotes the path for messages: UTF-8 stays, control and other bytes become escapes, and a long path is cut.
pub(crate) fn quoted(path: &[u8]) -> String {
    const SHOWN: usize = 256;
    let mut text = String::from("\"");
    for chunk in path.get(..SHOWN).unwrap_or(path).utf8_chunks() {
        text.extend(chunk.valid().escape_debug());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text.push_str(if path.len() > SHOWN { "…\"" } else { "\"" });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        for raw in ["a/b", "/a/b", "./a/b", "a//b", "a/./b/", "//a/b/."] {
            assert_eq!(normalise(raw.as_bytes()).unwrap(), b"a/b", "{raw}");
        }
        for raw in ["/", ".", "./", "//.//"] {
            assert_eq!(normalise(raw.as_bytes()).unwrap(), b"", "{raw}");
        }
        assert_eq!(normalise(b"...").unwrap(), b"...");
        assert_eq!(normalise(b"..a/\xff\n").unwrap(), b"..a/\xff\n");
    }

    #[test]
    fn a_path_that_no_file_system_accepts_is_refused_with_a_reason() {
        let reason = |raw: &[u8]| normalise(raw).unwrap_err();
        assert_eq!(reason(b""), "is empty");
        assert_eq!(reason(b"a/../b"), "has a \"..\" component");
        assert_eq!(reason(b".."), "has a \"..\" component");
        assert_eq!(reason(b"a\0b"), "holds a NUL byte");
        assert_eq!(reason(&[b'n'; 256]), "has a component of 256 bytes, more than 255");
        assert!(normalise(&[b'n'; 255]).is_ok());
        assert_eq!(reason(&b"ab/".repeat(2000)), "is longer than 4095 bytes");
    }

    #[test]
    fn any_path_can_be_shown() {
        assert_eq!(quoted("é\n\"".as_bytes()), "\"é\\n\\\"\"");
        assert_eq!(quoted(b"a\xff"), "\"a\\xff\"");
        assert_eq!(quoted(&[b'x'; 300]).chars().count(), 259);
    }
}
