//! Why a message cannot be used, in words.

use std::fmt;
use std::io;

/// Why a file cannot be used.
#[derive(Debug)]
pub(crate) enum Flaw {
    /// It is no file that authpost could have put there, for this reason.
    NoMessage(&'static str),
    /// Others than its owner may write to it.
    Exposed,
    /// It is not what was written.
    Damaged(String),
    /// It is whole, and of a version that is not known here.
    Version(u64),
    /// It could not be read.
    Unreadable(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::NoMessage(why) => f.write_str(why),
            Flaw::Exposed => f.write_str("its group or everybody may write to it"),
            Flaw::Damaged(why) => write!(f, "it is damaged: {why}"),
            Flaw::Version(version) => write!(
                f,
                "it was written by another authpost (spool version {version})"
            ),
            Flaw::Unreadable(why) => f.write_str(why),
        }
    }
}

impl From<io::Error> for Flaw {
    fn from(why: io::Error) -> Flaw {
        Flaw::Unreadable(crate::system::error::reason(&why))
    }
}

pub(super) fn damaged<T>(why: impl Into<String>) -> std::result::Result<T, Flaw> {
    Err(Flaw::Damaged(why.into()))
}
