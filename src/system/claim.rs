//! What the last line of a failing run claims about the documents that it was to send.
//!
//! If a step of our own failed, the [`Error`](super::error::Error) has the claim; else it follows from the outcome.
//! What is not certain is never claimed: if two claims apply, the more cautious one is used.

/// What the last line of a run says of its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing is claimed: the run sends nothing, or its other messages have said it.
    Unstated,
    /// This run sent nothing.
    Nothing,
    /// The API, or a proxy before it, answered that the document was not accepted.
    NotAccepted,
    /// The answer shows neither that the document was accepted nor that it was not processed.
    Unproven,
    /// The API accepted the document.
    Accepted,
    /// The API may have accepted `what`: `the document`, `line 5`.
    Unknown {
        /// As the subject of a sentence.
        what: String,
        /// Its idempotency key.
        key: Option<String>,
        /// Whether it may be sent twice under that key.
        idempotent: bool,
    },
    /// The API may have accepted this many of the documents.
    UnknownDocuments(usize),
    /// The document is in the spool.
    Spooled,
    /// The document may be in the spool, which failed.
    MaybeSpooled,
    /// Lines were sent; none was accepted, and none may have been.
    NoLine,
    /// Lines were sent, and some may have been accepted.
    SomeLines,
    /// Lines are in the spool.
    LinesSpooled,
    /// The same command line continues after this line of the input.
    Resumable(u64),
    /// A flush: the next one does not send messages again that may have been accepted.
    Flushed,
    /// The program was stopped by a bug of its own.
    Crashed,
}
