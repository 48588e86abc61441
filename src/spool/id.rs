//! The name of a message, and the part of it that identifies the target.

use std::ffi::OsStr;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use super::checksum::Checksum;
use crate::request::Target;

fn is_hexadecimal(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Identifies a target in names: 48 bits of the checksum of `METHOD URL`, in hexadecimal, or of `METHOD FILE` if the URL is
/// read from a file. Two targets with the same tag would share their order and their backoff, nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag(String);

impl Tag {
    const LENGTH: usize = 12;

    /// The tag of `target`.
    pub(crate) fn of(target: &Target) -> Tag {
        let mut sum = Checksum::new();
        sum.add(target.method.as_str().as_bytes());
        sum.add(b" ");
        match target.url.file() {
            // Whatever URL it has: the order holds, and the name reveals nothing of it.
            Some(file) => {
                let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
                sum.add(file.as_os_str().as_encoded_bytes());
            }
            None => sum.add(target.url.as_str().as_bytes()),
        }
        Tag(format!("{:012x}", sum.value() & (!0 >> 16)))
    }

    /// Parses the name of a file.
    pub(super) fn parse(name: &OsStr) -> Option<Tag> {
        let name = name.to_str()?;
        (name.len() == Tag::LENGTH && is_hexadecimal(name)).then(|| Tag(name.to_owned()))
    }
}

impl AsRef<Path> for Tag {
    fn as_ref(&self) -> &Path {
        self.0.as_ref()
    }
}

/// A message's name: the microsecond at which it was accepted, 16 random bits and the tag of its target, in hexadecimal.
/// So names alone show which message is older, and which messages have to keep their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(String);

impl Id {
    const LENGTH: usize = 30;
    /// The offset at which the time ends.
    const TIME: usize = 14;
    /// The offset at which the tag begins.
    const TAG: usize = Id::LENGTH - Tag::LENGTH;

    /// A new name.
    pub(crate) fn new(micros: u64, tag: &Tag) -> Id {
        let micros = micros & (!0 >> 8);
        Id(format!("{micros:014x}{:04x}{}", random() as u16, tag.0))
    }

    /// Parses the name of a file.
    pub(crate) fn parse(name: &OsStr) -> Option<Id> {
        let name = name.to_str()?;
        (name.len() == Id::LENGTH && is_hexadecimal(name)).then(|| Id(name.to_owned()))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that usually suffices to identify it: the end of the time, and the random bits.
    pub(crate) fn short(&self) -> &str {
        &self.0[Id::TAG - 8..Id::TAG]
    }

    /// Whether `part` identifies it: as its beginning, as the beginning of the short form, or as the end of what comes
    /// before the tag.
    pub(crate) fn matches_part(&self, part: &str) -> bool {
        self.0.starts_with(part)
            || self.short().starts_with(part)
            || self.0[..Id::TAG].ends_with(part)
    }

    /// When the message was accepted, in microseconds since 1970; later than that if the clock was set back.
    pub(crate) fn micros(&self) -> u64 {
        u64::from_str_radix(&self.0[..Id::TIME], 16).unwrap_or(0)
    }

    /// Its target's tag.
    pub(crate) fn tag(&self) -> Tag {
        Tag(self.0[Id::TAG..].to_owned())
    }
}

/// Random bits, for names.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0u8)
}

impl AsRef<Path> for Id {
    fn as_ref(&self) -> &Path {
        self.0.as_ref()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
