//! Why a message cannot be used.

use std::fmt;
use std::io;
use std::path::Path;

use crate::system::error::{Error, Kind, reason};

/// Why a file cannot be used.
#[derive(Debug)]
pub(crate) enum MessageError {
    /// It is not a file that authpost could have created, for this reason.
    NoMessage(&'static str),
    /// Users other than its owner may write to it.
    Exposed,
    /// Its content is not what was written.
    Damaged(String),
    /// It is complete, but has a version that is unknown here.
    Version(u64),
    /// It could not be read.
    Unreadable(String),
}

impl MessageError {
    /// The error for the message at `path`.
    pub(crate) fn of(&self, path: &Path) -> Error {
        let kind = match self {
            MessageError::NoMessage(_) | MessageError::Exposed | MessageError::Damaged(_) => {
                Kind::Data
            }
            MessageError::Version(_) => Kind::Config,
            MessageError::Unreadable(_) => Kind::Input,
        };
        let text = format!("reading the message '{}': {self}", path.display());
        Error::new(kind, text)
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageError::NoMessage(why) => f.write_str(why),
            MessageError::Exposed => f.write_str("its group or everybody may write to it"),
            MessageError::Damaged(why) => write!(f, "it is damaged: {why}"),
            MessageError::Version(version) => write!(
                f,
                "it was written by another authpost (spool version {version})"
            ),
            MessageError::Unreadable(why) => f.write_str(why),
        }
    }
}

impl From<io::Error> for MessageError {
    fn from(why: io::Error) -> MessageError {
        MessageError::Unreadable(reason(&why))
    }
}

pub(super) fn damaged<T>(why: impl Into<String>) -> std::result::Result<T, MessageError> {
    Err(MessageError::Damaged(why.into()))
}
