//! What the last line of a run over lines says of all of them.

use crate::delivery::{Outcome, Spooling};
use crate::document::ndjson::{Batch, lines_in_words};
use crate::request::job::Job;
use crate::system::claim::Claim;

/// The outcome of the lines so far.
#[derive(Debug, Default)]
pub(super) struct LinesClaim {
    /// The API answered something, or may have accepted something.
    sent: bool,
    /// It accepted some of them.
    accepted: bool,
    /// Of some its answer leaves that open.
    unproven: bool,
    /// Some are in the spool, pending or dead-lettered.
    spooled: bool,
    /// Some may be there: the spool failed.
    maybe_spooled: bool,
    /// Those that it may have accepted: no document is sent after that.
    unknown: Option<Claim>,
}

impl LinesClaim {
    /// Adds the outcome of `job`, whose document has the lines of `batch`, once its place in the spool is decided.
    pub(super) fn add(&mut self, job: &Job, batch: &Batch, outcome: &Outcome, idempotent: bool) {
        self.spooled |= outcome.spool == Spooling::Accepted;
        self.before_error(&outcome.claim(&lines_in_words(&batch.span), job, idempotent));
    }

    /// Adds the claim of a document that has no outcome, because an error followed.
    pub(super) fn before_error(&mut self, claim: &Claim) {
        match claim {
            Claim::Nothing | Claim::Spooled => {}
            Claim::MaybeSpooled => self.maybe_spooled = true,
            Claim::Accepted => (self.sent, self.accepted) = (true, true),
            Claim::Unproven => (self.sent, self.unproven) = (true, true),
            Claim::Unknown { .. } => self.unknown = Some(claim.clone()),
            _ => self.sent = true,
        }
    }

    /// Of the whole run, which continues after the line `resumable` with the same command line, where it does.
    pub(super) fn end(self, resumable: Option<u64>) -> Claim {
        match (self.unknown, resumable) {
            (Some(unknown), _) => unknown,
            _ if self.maybe_spooled => Claim::MaybeSpooled,
            _ if self.spooled => Claim::LinesSpooled,
            _ if !self.sent => Claim::Nothing,
            (None, Some(line)) => Claim::Resumable(line),
            (None, None) if self.accepted => Claim::SomeLines,
            (None, None) if self.unproven => Claim::Unproven,
            (None, None) => Claim::NoLine,
        }
    }
}
