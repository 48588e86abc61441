//! One delivery by way of the spool.
//!
//! It is an ordinary delivery whose message is marked on the disk while a request with it is out, and ends in its place
//! by [`Rest::of`]: gone, waiting or dead. Where that is on the disk is the spool's to know; what an outcome means was
//! judged before.

use std::path::Path;
use std::time::Duration;

use crate::delivery::verdict::{Again, Exit, Fate, Terms, Verdict, judge};
use crate::delivery::{Api, Endpoint, Outcome, deliver};
use crate::http::{Answer, Attempt};
use crate::output::{self, Report};
use crate::request::job::Job;
use crate::request::{Delivery, Expect, Show};
use crate::spool::{Held, Hint, Message, Place, Spool};
use crate::system::error::{Error, Result};
use crate::system::time::{self, Budget, Clock};

/// Where a message comes to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The API has it.
    Gone,
    /// It was not taken, or repeating it is harmless: a flush tries again.
    Waits,
    /// Only a person can know what to do.
    Dead,
}

impl Rest {
    /// Where the verdict on its last attempt leaves a message.
    pub fn of(verdict: &Verdict, idempotent: bool) -> Rest {
        match (verdict.fate, verdict.again) {
            (Fate::Accepted, _) => Rest::Gone,
            (Fate::Unsent, _) | (_, Again::Yes | Again::WithNewToken) => Rest::Waits,
            // A person can mend a token, and the message is good.
            _ if verdict.exit == Exit::NoPerm => Rest::Waits,
            (_, Again::IfIdempotent) if idempotent => Rest::Waits,
            _ => Rest::Dead,
        }
    }
}

/// How the run of a dead message ends. That the API keeps failing is not all there is to say of one that it may have
/// taken.
pub fn exit_of_dead(verdict: &Verdict) -> Exit {
    match verdict.again {
        Again::IfIdempotent => Exit::IoErr,
        _ => verdict.exit,
    }
}

/// What the API asked to wait.
pub fn asked(outcome: &Outcome, clock: &dyn Clock) -> Option<Duration> {
    let text = outcome.answer.as_ref().and_then(Answer::retry_after)?;
    time::retry_after(text, clock.unix())
}

/// What to say when the spool fails after the API did its part: what became of the document comes first.
pub fn although(verdict: &Verdict, error: Error) -> Error {
    let (fate, remedy) = match (verdict.fate, verdict.again) {
        (Fate::Accepted, _) => (
            "the API accepted it",
            "mend the spool, then drop the message: 'authpost list' shows it",
        ),
        (Fate::Unsent, _) | (_, Again::Yes | Again::WithNewToken) => (
            "the API did not take it",
            "mend the spool, and look whether the message is still there ('authpost list')",
        ),
        (_, Again::IfIdempotent) => (
            "the API may have taken it",
            "ask the API whether it has it before you send it again, and mend the spool",
        ),
        _ => (
            "the API refused it",
            "mend the spool, and look whether the message is still there ('authpost list')",
        ),
    };
    Error::new(error.kind(), format!("{fate}, but {error}")).hint(remedy)
}

/// How a run ends then: as the worse of both says, but that it may have been taken, or was refused, is not hidden.
pub fn exit_although(verdict: &Verdict, error: &Error) -> Exit {
    match exit_of_dead(verdict) {
        exit @ (Exit::IoErr | Exit::Protocol) => exit,
        exit => exit.or_worse(error.kind().into()),
    }
}

/// An API whose requests are marked in the spool before they go out.
pub struct Marked<'a, 'b> {
    /// The API.
    pub api: &'a mut Api,
    /// The message.
    pub held: &'a mut Held<'b>,
    /// What a 2xx answer must say.
    pub expect: &'a [Expect],
}

impl Endpoint for Marked<'_, '_> {
    fn prepare(&mut self, job: &Job, budget: Budget) -> Result<()> {
        self.api.prepare(job, budget)?;
        self.held.begin()
    }

    fn renew(&mut self, job: &Job, budget: Budget) -> Result<bool> {
        self.api.renew(job, budget)
    }

    /// What surely did nothing is unmarked, so that it is safe through the wait for the next try.
    fn attempt(&mut self, job: &Job, budget: Budget) -> Attempt {
        let attempt = self.api.attempt(job, budget);
        let terms = Terms {
            expect: self.expect,
            show: &Show::Body,
        };
        if let Again::Yes | Again::WithNewToken = judge(&attempt, 1, terms).again {
            self.held.undo();
        }
        attempt
    }

    fn expiry(&self) -> Option<u64> {
        self.api.expiry()
    }

    fn note(&mut self) -> Option<String> {
        self.api.note()
    }
}

/// Takes `job` into the spool in `dir`, and then delivers it within `limit`. How the run is to end.
///
/// # Errors
/// When the spool does not take it in, in which case nothing was sent.
pub fn send(
    dir: &Path,
    job: &Job,
    rules: &Delivery,
    limit: Duration,
    terms: Terms,
    report: Report,
    clock: &dyn Clock,
) -> Result<Exit> {
    let message = Message::new(job, rules.idempotent, terms.expect, clock.unix())?;
    let spool = Spool::make(dir)?;
    let mut held = spool.accept(&message, &job.body, Place::Queue)?;
    report.request(job);
    let outcome = Api::new(&job.target).and_then(|mut api| {
        let mut marked = Marked {
            api: &mut api,
            held: &mut held,
            expect: terms.expect,
        };
        let tell = &mut |text: &str| report.another_try(text);
        deliver(job, &mut marked, rules, limit, terms, clock, tell)
    });
    let (dir, id) = (spool.dir().display(), &message.id);
    let kept = format!("kept in the spool as {id}");
    let flush = format!("'authpost flush {dir}' delivers it");
    let mut outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            output::error(&error);
            note(&spool, &message, &error.to_string(), None, clock);
            held.keep()?;
            output::note(&format!("{kept}; {flush}"));
            return Ok(error.kind().into());
        }
    };
    let rest = Rest::of(&outcome.verdict, rules.idempotent);
    if let Err(error) = lay_to_rest(rest, held, &message, &spool, &mut outcome, clock) {
        let exit = exit_although(&outcome.verdict, &error);
        let told = report.outcome(job, &outcome);
        output::error(&error);
        return told.map(|_| exit);
    }
    match rest {
        Rest::Gone => report.outcome(job, &outcome),
        Rest::Dead => {
            let exit = report.outcome(job, &outcome)?;
            output::note(&format!(
                "dead in the spool as {id}; 'authpost retry {dir} {id}' sends it again"
            ));
            Ok(exit)
        }
        Rest::Waits if outcome.verdict.exit == Exit::Ok => {
            let why = &outcome.verdict.why;
            report.spooled(job, &outcome, &format!("{kept}: {why}; {flush}"))
        }
        Rest::Waits => {
            let exit = report.outcome(job, &outcome)?;
            output::note(&format!("{kept}; {flush}"));
            Ok(exit)
        }
    }
}

/// Takes in `job` after its delivery, unless that ended by acceptance, and says in the outcome what that changes.
///
/// # Errors
/// When the spool does not take it in.
pub fn keep(
    spool: &Spool,
    job: &Job,
    outcome: &mut Outcome,
    rules: &Delivery,
    expect: &[Expect],
    clock: &dyn Clock,
) -> Result<()> {
    let rest = Rest::of(&outcome.verdict, rules.idempotent);
    // It goes where it belongs in one step: what is dead must not be found waiting, whenever this run is stopped.
    let place = match rest {
        Rest::Gone => return Ok(()),
        Rest::Waits => Place::Queue,
        Rest::Dead => Place::Dead,
    };
    let message = Message::new(job, rules.idempotent, expect, clock.unix());
    let kept = message.and_then(|message| {
        let held = spool.accept(&message, &job.body, place)?;
        Ok((message, held))
    });
    let (message, held) = kept.map_err(|error| although(&outcome.verdict, error))?;
    lay_to_rest(rest, held, &message, spool, outcome, clock)
}

/// Puts a message where it comes to rest, and makes that the outcome's.
fn lay_to_rest(
    rest: Rest,
    held: Held,
    message: &Message,
    spool: &Spool,
    outcome: &mut Outcome,
    clock: &dyn Clock,
) -> Result<()> {
    let put = match rest {
        Rest::Gone => held.remove(),
        Rest::Dead => {
            outcome.verdict.exit = exit_of_dead(&outcome.verdict);
            note(spool, message, &outcome.verdict.why, None, clock);
            held.bury()
        }
        Rest::Waits => {
            let asked = asked(outcome, clock);
            note(spool, message, &outcome.verdict.why, asked, clock);
            held.keep()
        }
    };
    put.map_err(|error| although(&outcome.verdict, error))?;
    if rest == Rest::Waits {
        outcome.verdict.fate = Fate::Spooled;
        // All is well, unless somebody has to mend the token, or whatever keeps the message from being read.
        if !matches!(outcome.verdict.exit, Exit::NoPerm | Exit::NoInput) {
            outcome.verdict.exit = Exit::Ok;
        }
    }
    Ok(())
}

/// Notes beside a message how its last try ended.
fn note(spool: &Spool, message: &Message, why: &str, asked: Option<Duration>, clock: &dyn Clock) {
    let mut hint = Hint::default();
    hint.failed(message.created, clock.unix(), asked, why);
    spool.note(&message.id, &hint);
}
