//! Bodies of pax headers: records of the form `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record. The length
//! alone says where a record ends; values hold any byte, newlines included (POSIX pax, "Extended Header").

use super::sparse::SparseRecords;
use super::xattr;

/// A decimal number in a record, or the text that is not one.
pub(super) type Number = Result<i64, String>;

/// The value of one keyword. Local records win over global ones; an empty value withdraws both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Field<T> {
    #[default]
    Absent,
    Deleted,
    Given(T),
}

impl<T> Field<T> {
    /// The local record, or else the global one. Without either the header block decides.
    pub(super) fn over<'a>(&'a self, global: &'a Self) -> Option<&'a T> {
        match (self, global) {
            (Self::Given(value), _) | (Self::Absent, Self::Given(value)) => Some(value),
            _ => None,
        }
    }

    fn set(&mut self, value: &[u8], read: impl FnOnce(&[u8]) -> T) {
        *self = if value.is_empty() { Self::Deleted } else { Self::Given(read(value)) };
    }
}

/// The values of the records of one header.
#[derive(Debug, Clone, Default)]
pub(super) struct Records {
    pub(super) path: Field<Vec<u8>>,
    pub(super) link: Field<Vec<u8>>,
    pub(super) size: Field<Number>,
    pub(super) uid: Field<Number>,
    pub(super) gid: Field<Number>,
    /// Seconds (rounded down) and nanoseconds, or the text that is not a time.
    pub(super) mtime: Field<Result<(i64, u32), String>>,
    /// In the order of the records; of equal names the last one counts.
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Names of the attributes whose value could not be decoded.
    pub(super) bad_xattrs: Vec<Vec<u8>>,
    pub(super) sparse: SparseRecords,
    /// The number of bytes in names and values of all attributes read so far.
    pub(super) xattr_bytes: usize,
    /// True if no attribute was added since the unfit ones were forgotten.
    checked: bool,
}

impl Records {
    /// Adds the records of one body to those already here. The error says what is wrong with the body.
    pub(super) fn read(&mut self, body: &[u8]) -> Result<(), String> {
        self.checked = false;
        let mut rest = body;
        // Some writers count the padding in, so NULs may follow the last record.
        while rest.iter().any(|&byte| byte != 0) {
            let (pair, after) = split_record(rest)?;
            let equals = pair.iter().position(|&byte| byte == b'=').ok_or("a pax record has no \"=\"")?;
            let (key, value) = pair.split_at(equals);
            self.apply(key, value.get(1..).unwrap_or_default())?;
            rest = after;
        }
        Ok(())
    }

    /// Forgets the attributes that cannot be kept, so that later entries need not look at them again.
    pub(super) fn forget_dropped_xattrs(&mut self) {
        self.bad_xattrs = Vec::new();
        if !std::mem::replace(&mut self.checked, true) {
            self.xattrs.retain(|(name, _)| xattr::name_fault(name).is_none());
        }
    }

    fn apply(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        match key {
            b"path" => self.path.set(value, <[u8]>::to_vec),
            b"linkpath" => self.link.set(value, <[u8]>::to_vec),
            b"size" => self.size.set(value, decimal),
            b"uid" => self.uid.set(value, decimal),
            b"gid" => self.gid.set(value, decimal),
            b"mtime" => self.mtime.set(value, time),
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattr_bytes += key.len() + value.len();
                    // For an attribute, unlike other keywords, an empty value is a value.
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
                    self.xattr_bytes += key.len() + value.len();
                    let name = xattr::decode_name(name);
                    match xattr::decode_value(value) {
                        Some(value) => self.xattrs.push((name, value)),
                        None => self.bad_xattrs.push(name),
                    }
                } else if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse.apply(key, value)?;
                }
            }
        }
        Ok(())
    }
}

/// Splits off the first record's `KEY=VALUE`.
fn split_record(body: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let blank = body.iter().take(20).position(|&byte| byte == b' ');
    let (digits, _) = blank.and_then(|at| body.split_at_checked(at)).ok_or("a pax record has no length")?;
    let length = decimal(digits).map_err(|text| format!("a pax record's length is {text}"))?;
    let parts = usize::try_from(length).ok().and_then(|length| body.split_at_checked(length));
    let (record, rest) = parts.ok_or("a pax record is longer than its header's data")?;
    let pair = record.get(digits.len() + 1..).and_then(|pair| pair.strip_suffix(b"\n"));
    Ok((pair.ok_or("a pax record does not end with a newline where its length says")?, rest))
}

/// Parses ASCII digits with an optional minus, within 63 bits; the error is the text in quotes.
pub(super) fn decimal(text: &[u8]) -> Number {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let value = std::str::from_utf8(text).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
    value.and_then(|value| value.parse().ok()).ok_or_else(|| super::path::quoted(text))
}

/// Parses `[-]SECONDS[.FRACTION]` as seconds rounded down and nanoseconds; digits beyond the ninth are cut.
fn time(text: &[u8]) -> Result<(i64, u32), String> {
    let no_time = || super::path::quoted(text);
    let mut parts = text.splitn(2, |&byte| byte == b'.');
    let (whole, fraction) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let seconds = decimal(whole)?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(no_time());
    }
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    let nanoseconds = digits.fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    if nanoseconds > 0 && whole.starts_with(b"-") {
        // -1.25 lies between -2 and -1: -2 + 0.75.
        return Ok((seconds.checked_sub(1).ok_or_else(no_time)?, 1_000_000_000 - nanoseconds));
    }
    Ok((seconds, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Result<Records, String> {
        let mut records = Records::default();
        records.read(body).map(|()| records)
    }

    #[test]
    fn the_length_tells_where_a_record_ends() {
        let records = read(b"13 path=a\nb=\n27 SCHILY.xattr.user.k=v\0\n\n\0\0").unwrap();
        assert_eq!(records.path, Field::Given(b"a\nb=".to_vec()));
        assert_eq!(records.xattrs, [(b"user.k".to_vec(), b"v\0\n".to_vec())]);
    }

    #[test]
    fn an_empty_value_withdraws_the_record_but_is_a_value_of_an_attribute() {
        let records = read(b"10 path=a\n8 path=\n26 SCHILY.xattr.user.abc=\n").unwrap();
        assert_eq!(records.path, Field::Deleted);
        assert_eq!(records.path.over(&Field::Given(b"global".to_vec())), None);
        assert_eq!(records.link.over(&Field::Given(b"global".to_vec())).unwrap(), b"global");
        assert_eq!(records.xattrs, [(b"user.abc".to_vec(), Vec::new())]);
    }

    #[test]
    fn malformed_bodies_are_refused() {
        for body in [
            &b"path=a\n"[..],
            b"10 path=ab\n",
            b"8 path=a\n",
            b"99 path=a\n",
            b"8 patha\n",
            b"-10 path=a\n",
            b"0 \n",
            b"3 \n",
            b"18446744073709551616 path=a\n",
            b" 10 path=a\n",
            b"5",
        ] {
            assert!(read(body).is_err(), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn times_are_rounded_down() {
        assert_eq!(time(b"1600000001.123456789"), Ok((1_600_000_001, 123_456_789)));
        assert_eq!(time(b"3.25"), Ok((3, 250_000_000)));
        assert_eq!(time(b"3.0000000009"), Ok((3, 0)));
        assert_eq!(time(b"3."), Ok((3, 0)));
        assert_eq!(time(b"-1.25"), Ok((-2, 750_000_000)));
        assert_eq!(time(b"-0.5"), Ok((-1, 500_000_000)));
        assert_eq!(time(b"-7"), Ok((-7, 0)));
        for bad in [
            "yesterday",
            "",
            ".5",
            "1.x",
            "1.-2",
            "--1",
            "1.2.3",
            "99999999999999999999",
            "-9223372036854775808.5",
        ] {
            assert!(time(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
