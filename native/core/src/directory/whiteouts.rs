//! The forms in which a directory of changes says what it removes.

use rustix::fs::FileType;

use super::facts::Facts;
use crate::whiteout;

/// The form of whiteouts in a directory. In a layer they always have the form of OCI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whiteouts {
    /// Files whose names begin with `.wh.`.
    #[default]
    Oci,
    /// Those of overlayfs: character devices with the number 0/0, and directories with an attribute.
    Overlayfs,
    /// Nothing is removed.
    None,
}

/// What a name is, under a form of whiteouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An entry like any other.
    Entry,
    /// A whiteout; the layer has it under this name behind the prefix of OCI.
    Removes,
    /// A whiteout whose name is that of a whiteout of OCI already.
    Whiteout,
    /// A file that a layer cannot hold, since its name means a whiteout there.
    Reserved,
    /// A whiteout that names the directory itself or the one above it.
    Senseless,
}

/// The prefixes of the attributes that overlayfs keeps its records in, as root and in a user namespace.
const RECORDS: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

impl Whiteouts {
    /// The form with this name, which upstream gave it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "oci" => Some(Self::Oci),
            "overlayfs" => Some(Self::Overlayfs),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    pub(super) fn meaning(self, name: &[u8], facts: &Facts) -> Meaning {
        let is_removal =
            self == Self::Overlayfs && facts.kind == FileType::CharacterDevice && facts.device == (0, 0);
        match self {
            _ if is_removal => Meaning::Removes,
            _ if !whiteout::is_whiteout(name) => Meaning::Entry,
            Self::Oci if whiteout::is_senseless(name) => Meaning::Senseless,
            Self::Oci => Meaning::Whiteout,
            Self::Overlayfs | Self::None => Meaning::Reserved,
        }
    }

    /// The record of overlayfs that an attribute is, such as `opaque`.
    pub(super) fn record(self, name: &[u8]) -> Option<&[u8]> {
        let of = |prefix: &&[u8]| name.strip_prefix(*prefix);
        RECORDS.iter().find_map(of).filter(|_| self == Self::Overlayfs)
    }
}
