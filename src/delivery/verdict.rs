//! What is known of a document after an attempt, whether a retry is safe, and where a message goes next.
//!
//! A [`Verdict`] is made once, by `judge` in `judge.rs`; nothing changes it afterwards.

use std::fmt;

use super::exit::Exit;

/// The outcome for a document, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The API accepted it.
    Accepted,
    /// The API refused it.
    Refused,
    /// The API answers, but keeps failing.
    Unavailable,
    /// It was not sent.
    Unsent,
    /// The outcome is unknown.
    Unknown,
    /// It was not accepted, and is pending in the spool.
    Spooled,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fate::Accepted => "accepted",
            Fate::Refused => "refused",
            Fate::Unavailable => "unavailable",
            Fate::Unsent => "unsent",
            Fate::Unknown => "unknown",
            Fate::Spooled => "spooled",
        })
    }
}

/// When a retry is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It is not, or it would not help.
    Never,
    /// The API has not processed it.
    Safe,
    /// The API may have processed it: a retry is safe only if the document is idempotent.
    IfIdempotent,
    /// The API has not processed it, and requires another token.
    WithNewToken,
}

/// Where a message in a spool goes after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// The API accepted it: it is removed.
    Delivered,
    /// It was not processed, or repeating it is harmless: it stays pending, and a flush sends it again.
    Requeue,
    /// Another attempt is unsafe or pointless: it is set aside, for a person to decide.
    DeadLetter,
}

/// What a failure means for other documents for the same target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Nothing: it concerns only this document.
    Message,
    /// They would fail too: the API is not reached, or cannot process anything now, or the token is refused.
    Target,
}

/// The judgement on one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The outcome for the document.
    pub(crate) fate: Fate,
    /// The exit code if this attempt is the last.
    pub(crate) exit: Exit,
    /// Whether another attempt is safe.
    pub(crate) retry: Retry,
    /// What went wrong, as text; empty if nothing did.
    pub(crate) why: String,
    /// The remedy, if there is one.
    pub(crate) hint: Option<String>,
    /// Whether an earlier attempt may have been accepted, which this one does not settle.
    pub(crate) hides_earlier: bool,
    /// What it means for other documents.
    pub(crate) scope: Scope,
    /// Where the message goes, if the document is in a spool.
    pub(crate) disposition: Disposition,
}

impl Verdict {
    /// A verdict without a remedy, on one document alone; `judge` decides its scope and disposition when all else is
    /// known.
    pub(super) fn new(fate: Fate, exit: Exit, retry: Retry, why: String) -> Verdict {
        Verdict {
            fate,
            exit,
            retry,
            why,
            hint: None,
            hides_earlier: false,
            scope: Scope::Message,
            disposition: Disposition::DeadLetter,
        }
    }

    /// The verdict on a document that this run did not send, because of the outcome of others or because of another run.
    pub(crate) fn without_attempt(
        fate: Fate,
        disposition: Disposition,
        exit: Exit,
        why: String,
        hint: Option<String>,
    ) -> Verdict {
        Verdict {
            hint,
            scope: Scope::Target,
            disposition,
            ..Verdict::new(fate, exit, Retry::Never, why)
        }
    }

    /// Whether the API may have accepted the document, although it did not say so.
    pub(crate) fn may_have_been_accepted(&self) -> bool {
        self.retry == Retry::IfIdempotent || self.fate == Fate::Unknown
    }

    /// Whether the messages after this one have to wait: they would fail, too, or they would overtake it.
    pub(crate) fn blocks_target(&self) -> bool {
        self.scope == Scope::Target || self.disposition == Disposition::Requeue
    }
}
