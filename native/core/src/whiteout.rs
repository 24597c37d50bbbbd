//! The names by which a layer removes names of the layers below it. The name alone makes an entry a whiteout: image builders
//! have stored whiteouts as files, devices, directories, symlinks and hard links, and container runtimes apply all of them.
//! (OCI image-spec, layer.md, "Representing Changes")

/// Names that begin with this are whiteouts.
pub const PREFIX: &[u8] = b".wh.";
/// Names with this prefix belong to AUFS; only the opaque marker has a meaning.
const RESERVED: &[u8] = b".wh..wh.";
/// The name of the opaque marker.
pub const OPAQUE: &[u8] = b".wh..wh..opq";

/// The effect of a whiteout on the directory that lies below its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whiteout<'a> {
    /// Every name of the lower directory disappears.
    Opaque,
    /// This name disappears.
    Name(&'a [u8]),
    /// Nothing disappears.
    Reserved,
}

/// The effect of a name; `None` for a name that is no whiteout.
pub fn whiteout(name: &[u8]) -> Option<Whiteout<'_>> {
    let hidden = name.strip_prefix(PREFIX)?;
    Some(match name {
        OPAQUE => Whiteout::Opaque,
        _ if name.starts_with(RESERVED) => Whiteout::Reserved,
        _ => Whiteout::Name(hidden),
    })
}

/// True for a name that is a whiteout.
pub fn is_whiteout(name: &[u8]) -> bool {
    name.starts_with(PREFIX)
}

/// True for a whiteout that names the directory itself or the one above it. Container runtimes either refuse it or remove
/// that directory, so no image means it.
pub fn is_senseless(name: &[u8]) -> bool {
    matches!(name.strip_prefix(PREFIX), Some(b"" | b"." | b".."))
}

/// True for the records of AUFS at the root of a layer, which Docker leaves out with everything in them.
pub fn is_aufs_record(name: &[u8]) -> bool {
    name.starts_with(RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_says_what_disappears() {
        assert_eq!(whiteout(b".wh.key"), Some(Whiteout::Name(b"key")));
        assert_eq!(whiteout(b".wh..key"), Some(Whiteout::Name(b".key")));
        assert_eq!(whiteout(b".wh..wh..opq"), Some(Whiteout::Opaque));
        assert_eq!(whiteout(b".wh..wh.plnk"), Some(Whiteout::Reserved));
        assert_eq!(whiteout(b".wh..opq"), Some(Whiteout::Name(b".opq")));
        assert_eq!(whiteout(b".WH.key"), None);
        assert_eq!(whiteout(b"a.wh.key"), None);
    }

    #[test]
    fn a_whiteout_of_a_directory_itself_has_no_sense() {
        for name in [&b".wh."[..], b".wh..", b".wh..."] {
            assert!(is_senseless(name), "{}", name.escape_ascii());
        }
        for name in [&b".wh.a"[..], b".wh....", b".wh..a", b".", b".."] {
            assert!(!is_senseless(name), "{}", name.escape_ascii());
        }
    }
}
