//! The name of a message.

use std::ffi::OsStr;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use crate::system::time;

/// A message's name: the microsecond it arrived, and 64 random bits, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(String);

impl Id {
    const LENGTH: usize = 30;

    /// A new one. It sorts behind those made before, as long as the clock goes on.
    pub(super) fn new() -> Id {
        let random = RandomState::new().hash_one(0u8);
        Id(format!("{:014x}{random:016x}", time::micros() & (!0 >> 8)))
    }

    /// From a file's name, if it can be one.
    pub(super) fn parse(name: &OsStr) -> Option<Id> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let name = name.to_str()?;
        (name.len() == Id::LENGTH && name.bytes().all(digit)).then(|| Id(name.to_owned()))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
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
