//! The spool's part in a delivery.
//!
//! A message is marked on the disk while a request with it is in progress. When the delivery is over, it goes where the
//! verdict's [`Disposition`] says. This module judges nothing, and does not know the spool's files.

use std::ffi::OsStr;

use super::verdict::{Disposition, Fate, Retry, Scope, Verdict};
use super::{Exit, Journal, Outcome, Spooling};
use crate::document::Document;
use crate::http::Answer;
use crate::spool::{Held, Message, Place, Spool, TargetLock};
use crate::system::error::{Error, Result};
use crate::system::time::Clock;

/// Marks a message while a request with it is in progress.
pub(crate) struct SpoolJournal<'a, 'b>(pub &'a mut Held<'b>);

impl Journal for SpoolJournal<'_, '_> {
    fn before_send(&mut self) -> Result<()> {
        self.0.mark_active()
    }

    /// Unmarks the message if it was certainly not processed: then a kill during the wait for the next attempt is safe.
    fn after(&mut self, verdict: &Verdict) {
        if let Retry::Safe | Retry::WithNewToken = verdict.retry
            && !verdict.may_have_been_accepted()
        {
            self.0.unmark_active();
        }
    }
}

/// Moves a message to where its disposition says, and saves when its target is due.
///
/// # Errors
/// If the spool cannot do it; the error begins with the document's outcome.
pub(crate) fn dispose(
    spool: &Spool,
    lock: &mut TargetLock,
    held: Held,
    message: &Message,
    outcome: &Outcome,
    clock: &dyn Clock,
) -> Result<()> {
    update_backoff(lock, outcome, clock);
    let put = match outcome.verdict.disposition {
        Disposition::Delivered => held
            .remove()
            .inspect(|()| spool.note_delivery(&message.target)),
        Disposition::DeadLetter => {
            save_retry_state(spool, message, outcome, clock);
            held.dead_letter()
        }
        Disposition::Requeue => {
            save_retry_state(spool, message, outcome, clock);
            held.requeue()
        }
    };
    put.map_err(|error| spool_error_context(&outcome.verdict, error))
}

/// Saves when the target of a message is due.
pub(crate) fn update_backoff(lock: &mut TargetLock, outcome: &Outcome, clock: &dyn Clock) {
    match outcome.verdict.blocks_target() {
        true => lock.failed(clock.unix(), outcome.retry_after(clock)),
        false => lock.reset(),
    }
}

/// Accepts a message into the spool after the delivery of its document, unless the API accepted it. `is_attempted` says
/// whether it was sent at all.
///
/// # Errors
/// If the spool cannot do it.
pub(crate) fn accept_after_delivery(
    spool: &Spool,
    message: &mut Message,
    body: &Document,
    outcome: &mut Outcome,
    is_attempted: bool,
    clock: &dyn Clock,
) -> Result<()> {
    // In one step, so that a dead letter is never found pending, even if this run is killed.
    let place = match outcome.verdict.disposition {
        Disposition::Delivered => return Ok(()),
        Disposition::Requeue => Place::Queue,
        Disposition::DeadLetter => Place::Dead,
    };
    spool.accept(message, body, place)?;
    if is_attempted {
        save_retry_state(spool, message, outcome, clock);
    }
    outcome.spool = Spooling::Accepted;
    Ok(())
}

/// Saves the outcome of a message's last attempt.
fn save_retry_state(spool: &Spool, message: &Message, outcome: &Outcome, clock: &dyn Clock) {
    let mut retries = spool.retry_state(OsStr::new(message.id.as_str()));
    let is_alone = outcome.verdict.scope == Scope::Message;
    retries.failed(message.created, clock.unix(), is_alone, &outcome.why());
    retries.answer = outcome
        .answer
        .as_ref()
        .map(stored_answer)
        .unwrap_or_default();
    spool.save_state(&message.id, &retries);
}

/// How much of an answer's body is stored, for `show`.
const MAX_BODY: usize = 4 << 10;

fn stored_answer(answer: &Answer) -> String {
    let body = match answer.repeats_secret {
        true => "(the answer repeats a secret, so it is not stored)".into(),
        false => String::from_utf8_lossy(&answer.body[..answer.body.len().min(MAX_BODY)]),
    };
    let Answer {
        version,
        status,
        reason,
        ..
    } = answer;
    format!("{version} {status} {reason}\n{body}")
}

/// The error to report if the spool fails after the API answered: the document's outcome comes first.
pub(crate) fn spool_error_context(verdict: &Verdict, error: Error) -> Error {
    let (fate, remedy) = match (verdict.fate, verdict.retry) {
        (Fate::Accepted, _) => (
            "the API accepted it",
            "repair the spool, then drop the message: 'authpost list' shows it",
        ),
        _ if verdict.may_have_been_accepted() => (
            "the API may have accepted it",
            "ask the API whether it has it before you send it again, and repair the spool",
        ),
        (Fate::Unsent, _) | (_, Retry::Safe | Retry::WithNewToken) => (
            "the API did not accept it",
            "repair the spool, and check that the message is still there ('authpost list')",
        ),
        _ => (
            "the API refused it",
            "repair the spool, and check that the message is still there ('authpost list')",
        ),
    };
    Error::new(error.kind(), format!("{fate}, but {error}"))
        .hint(remedy)
        .after(error.claim().clone())
}

/// The exit code then: the more severe of the two, but "may have been accepted" and "refused" come first.
pub(crate) fn exit_with_spool_error(outcome: &Outcome, error: &Error) -> Exit {
    match outcome.exit_in_spool() {
        exit @ (Exit::IoErr | Exit::Protocol) => exit,
        exit => exit.or_worse(error.kind().into()),
    }
}
