//! What stopped us from doing our own part.
//!
//! An [`Error`] reads *doing what, on what: why*, and then, where there is one, *what to do about it*. It never holds a
//! secret: whoever builds one names a file, a variable or a host, never what was found there. A request that the API
//! refused is not an error; that is an `Outcome`. Exit codes are not known here: `delivery/exit.rs` maps a [`Kind`] to one.

use std::fmt;
use std::io;

/// Who is at fault, and so what a person would have to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line asks for something that cannot be.
    Usage,
    /// The document is not JSON.
    Data,
    /// A file, a pipe or standard input cannot be read.
    Input,
    /// The spool, the cache, a lock or the output cannot be written.
    Output,
    /// The API, or what stands before it, was never reached; or another run holds the lock.
    Unreached,
    /// What was reached cannot prove who it is, and will not in a moment either.
    Untrusted,
    /// The token is refused by whoever hands out or checks tokens.
    Denied,
    /// A token, a certificate or a configuration file cannot be used as it is.
    Config,
}

/// What stopped us, in words for the person who reads the log.
#[derive(Debug)]
pub(crate) struct Error {
    kind: Kind,
    what: String,
    hint: Option<String>,
    is_after_acceptance: bool,
}

/// What our own part came to.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// `what` reads *doing what, on what: why*, in one line without a full stop.
    pub(crate) fn new(kind: Kind, what: impl Into<String>) -> Error {
        Error {
            kind,
            what: what.into(),
            hint: None,
            is_after_acceptance: false,
        }
    }

    /// A failed system call: `doing` names the act and its object (`reading the token file 'x'`).
    pub(crate) fn io(kind: Kind, doing: impl fmt::Display, why: &io::Error) -> Error {
        Error::new(kind, format!("{doing}: {}", reason(why)))
    }

    /// Adds the remedy, in the imperative, without a full stop.
    pub(crate) fn hint(mut self, remedy: impl Into<String>) -> Error {
        self.hint = Some(remedy.into());
        self
    }

    /// Notes that the API had accepted the document before this happened.
    pub(crate) fn after_acceptance(mut self) -> Error {
        self.is_after_acceptance = true;
        self
    }

    /// Whether the API had accepted the document before this happened. Of all other errors nothing was sent.
    pub(crate) fn is_after_acceptance(&self) -> bool {
        self.is_after_acceptance
    }

    /// Who is at fault.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The remedy, where there is one.
    pub(crate) fn remedy(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// An [`io::Error`] in words: `No such file or directory`, without Rust's `(os error 2)`.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
