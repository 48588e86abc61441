//! What is known of a document after an attempt, whether a retry is safe, and where a message goes next.
//!
//! A [`Verdict`] is made once, by `judge` in `judge.rs`; nothing changes it afterwards.

use std::fmt;

use super::exit::Exit;

/// The outcome for a document, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The API took it.
    Accepted,
    /// The API will not have it.
    Refused,
    /// The API answers, but keeps failing.
    Unavailable,
    /// It never left.
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

/// When trying again is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Never, or it would not help.
    Never,
    /// The API has not processed it.
    Safe,
    /// The API may have processed it: only if that is harmless.
    IfIdempotent,
    /// The API has not processed it, and wants another token.
    WithNewToken,
}

/// Where a message in a spool goes after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// The API has it: it is removed.
    Delivered,
    /// It was not processed, or repeating it is harmless: it stays pending, and a flush tries again.
    Requeue,
    /// Another attempt is unsafe or pointless: it is set aside for a person.
    DeadLetter,
}

/// What a failure says about other documents for the same target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Nothing: it concerns this document alone.
    Message,
    /// They would fail too: the API is not reached, or cannot process anything now, or the token is refused.
    Target,
}

/// The judgement on one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The outcome for the document.
    pub(crate) fate: Fate,
    /// How the run ends if this attempt is the last.
    pub(crate) exit: Exit,
    /// Whether another attempt is safe.
    pub(crate) retry: Retry,
    /// What went wrong, for people; empty when nothing did.
    pub(crate) why: String,
    /// The remedy, where there is one.
    pub(crate) hint: Option<String>,
    /// Whether an earlier attempt may have been accepted, of which this one tells nothing.
    pub(crate) hides_earlier: bool,
    /// What it says about other documents.
    pub(crate) scope: Scope,
    /// Where the message goes, if the document is one of a spool's.
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

    /// On a document that was not sent by this run, because of the outcome of others or because of another run.
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

    /// Whether the API may have processed the document without saying so.
    pub(crate) fn may_have_been_accepted(&self) -> bool {
        self.retry == Retry::IfIdempotent || self.fate == Fate::Unknown
    }

    /// Whether the messages behind this one have to wait: they would fail too, or they would overtake it.
    pub(crate) fn blocks_target(&self) -> bool {
        self.scope == Scope::Target || self.disposition == Disposition::Requeue
    }
}
