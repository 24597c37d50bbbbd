//! Pax records carry extended attributes in several encodings; this module decodes libarchive's two and decides which names
//! RAFS can hold.

/// The longest name with its prefix that RAFS v6 (EROFS) stores.
const MAX_NAME: usize = 255;
pub(crate) const MAX_VALUE: usize = 65535;

/// Prefixes that have a number in EROFS and that Linux shows to a container. The ACL names are complete names.
const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
const NAMES: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];

/// The reason why an attribute of this name cannot be kept, or `None` when it can.
pub(crate) fn name_fault(name: &[u8]) -> Option<&'static str> {
    let known = NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.strip_prefix(*prefix).is_some_and(|rest| !rest.is_empty()));
    if !known {
        Some("RAFS keeps user.*, trusted.*, security.* and POSIX ACLs only")
    } else if name.len() > MAX_NAME {
        Some("its name is longer than 255 bytes")
    } else if name.contains(&0) {
        Some("its name holds a NUL byte")
    } else {
        None
    }
}

/// Decodes a `LIBARCHIVE.xattr.` name: `%` and two hexadecimal digits stand for one byte, and every other byte stands for
/// itself.
pub(super) fn decode_name(encoded: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, after @ ..] if byte == b'%' => hex(*high).zip(hex(*low)).map(|pair| (pair, after)),
            _ => None,
        };
        if let Some(((high, low), after)) = escaped {
            name.push(high << 4 | low);
            rest = after;
        } else {
            name.push(byte);
            rest = after;
        }
    }
    name
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Decodes a `LIBARCHIVE.xattr.` value: base64 of RFC 4648, with or without padding. `None` when it is not base64.
pub(super) fn decode_value(encoded: &[u8]) -> Option<Vec<u8>> {
    let padding = encoded.iter().rev().take_while(|&&byte| byte == b'=').count();
    let digits = encoded.get(..encoded.len() - padding)?;
    if padding > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut value = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for &byte in group {
            bits = bits << 6 | base64_digit(byte)?;
        }
        // 4, 3 or 2 digits make 3, 2 or 1 bytes: shift them up to 24 bits, then take the upper ones.
        for _ in group.len()..4 {
            bits <<= 6;
        }
        value.extend(bits.to_be_bytes().into_iter().skip(1).take(group.len() - 1));
    }
    Some(value)
}

fn base64_digit(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_rafs_cannot_hold_are_named() {
        for good in [
            &b"user.k"[..],
            b"trusted.overlay.opaque",
            b"security.capability",
            b"user.\xff",
            b"system.posix_acl_access",
        ] {
            assert_eq!(name_fault(good), None);
        }
        for bad in [
            &b"com.apple.quarantine"[..],
            b"system.nfs4_acl",
            b"user.",
            b"user",
            b"system.posix_acl_access2",
            b"",
        ] {
            assert_eq!(name_fault(bad), Some("RAFS keeps user.*, trusted.*, security.* and POSIX ACLs only"));
        }
        assert_eq!(name_fault(&[b"user.", &[b'n'; 250][..]].concat()), None);
        assert!(name_fault(&[b"user.", &[b'n'; 251][..]].concat()).is_some());
        assert!(name_fault(b"user.a\0b").is_some());
    }

    #[test]
    fn libarchive_names_are_url_encoded() {
        assert_eq!(decode_name(b"user.k%3Dv%25"), b"user.k=v%");
        assert_eq!(decode_name(b"user.%zz%4"), b"user.%zz%4");
        assert_eq!(decode_name(b"%ff%00"), b"\xff\0");
    }

    #[test]
    fn libarchive_values_are_base64() {
        for (encoded, value) in
            [("", ""), ("dg==", "v"), ("dg", "v"), ("dnY=", "vv"), ("dnZ2", "vvv"), ("dnZ2dg==", "vvvv")]
        {
            assert_eq!(decode_value(encoded.as_bytes()).as_deref(), Some(value.as_bytes()), "{encoded}");
        }
        for bad in ["d", "dg===", "d\n==", "=dg=", "dn=Z"] {
            assert_eq!(decode_value(bad.as_bytes()), None, "{bad}");
        }
    }
}
