//! What a failing run can say of what it was to send: the claim in its last line.
//!
//! An [`Error`](super::error::Error) carries it where a step fails, an outcome gives it where the API was asked. What is
//! not certain is never claimed: where two of these hold, the more careful one is taken.

/// What became of what the run was to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing is claimed: the run sends nothing, or its messages have said it.
    Untold,
    /// Nothing of it was sent by this run.
    Nothing,
    /// The API, or a proxy before it, answered that it did not accept it.
    NotAccepted,
    /// The answer is none that accepts it, nor one that rules out that it was processed.
    Unproven,
    /// The API accepted it.
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
    /// The API may have accepted so many of the documents.
    UnknownDocuments(usize),
    /// It is in the spool.
    Spooled,
    /// It may be in the spool, which failed.
    MaybeSpooled,
    /// Lines were sent, and none was accepted, nor may one have been.
    NoLine,
    /// Lines were sent, and some may have been accepted.
    SomeLines,
    /// Lines are in the spool.
    LinesSpooled,
    /// The same command line continues after this line.
    Resumable(u64),
    /// A flush: messages that may have been accepted are not sent again by another one.
    Flushed,
    /// The program was stopped by a bug of its own.
    Crashed,
}
