//! The errors of our own part.
//!
//! An [`Error`] reads *doing what, on what: why*, optionally followed by *what to do about it*. It never contains a
//! secret: it names a file, a variable or a host, never the content. A request that the API refused is not an error,
//! but an `Outcome`. Exit codes are not known here: `delivery/exit.rs` maps a [`Kind`] to one.

use std::fmt;
use std::io;

use super::claim::Claim;

/// Who is at fault, and so what the user has to fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line asks for something impossible.
    Usage,
    /// The document is not JSON.
    Data,
    /// A file, a pipe or standard input cannot be read.
    Input,
    /// The spool, the cache, a lock or the output cannot be written.
    Output,
    /// The API, or a proxy or token endpoint before it, was not reached; or another run holds the lock.
    Unreached,
    /// The peer cannot prove its identity, and a retry will not help.
    Untrusted,
    /// The issuer or the checker of tokens refuses the credentials.
    Denied,
    /// A token, a certificate or a configuration file cannot be used.
    Config,
    /// An earlier run was interrupted, and the outcome of what it sent is unknown.
    Interrupted,
}

/// What stopped us, as a message for the reader of the log. It is boxed, because every result has room for one.
#[derive(Debug)]
pub(crate) struct Error(Box<Contents>);

#[derive(Debug)]
struct Contents {
    kind: Kind,
    what: String,
    hint: Option<String>,
    claim: Claim,
}

/// The result of our own part.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// `what` reads *doing what, on what: why*, on one line without a full stop.
    pub(crate) fn new(kind: Kind, what: impl Into<String>) -> Error {
        Error(Box::new(Contents {
            kind,
            what: what.into(),
            hint: None,
            claim: Claim::Nothing,
        }))
    }

    /// A failed system call: `doing` names the action and its object (`reading the token file 'x'`).
    pub(crate) fn io(kind: Kind, doing: impl fmt::Display, why: &io::Error) -> Error {
        Error::new(kind, format!("{doing}: {}", reason(why)))
    }

    /// Adds the remedy, in the imperative, without a full stop.
    pub(crate) fn hint(mut self, remedy: impl Into<String>) -> Error {
        self.0.hint = Some(remedy.into());
        self
    }

    /// Records what had become of the document before this happened.
    pub(crate) fn after(mut self, claim: Claim) -> Error {
        self.0.claim = claim;
        self
    }

    /// The same, unless that is recorded.
    pub(crate) fn after_if_unsaid(self, claim: Claim) -> Error {
        match self.0.claim {
            Claim::Nothing => self.after(claim),
            _ => self,
        }
    }

    /// What had become of the document before this happened. Nothing was sent, unless it was recorded.
    pub(crate) fn claim(&self) -> &Claim {
        &self.0.claim
    }

    /// Who is at fault.
    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The remedy, if there is one.
    pub(crate) fn remedy(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

/// An [`io::Error`] as a message: `No such file or directory`, without Rust's `(os error 2)`.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
