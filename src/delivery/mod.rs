//! One job to its outcome: when to retry, and when to stop.
//!
//! One time limit covers everything: getting the token, every attempt and every wait. Time and randomness come from a
//! [`Clock`], so the tests do not wait. `judge.rs` says what an attempt means; a spool takes part through a [`Journal`].

pub(crate) mod acceptance;
pub(crate) mod api;
pub(crate) mod backlog;
pub(crate) mod connections;
pub(crate) mod exit;
pub(crate) mod journal;
pub(crate) mod judge;
#[cfg(test)]
mod tests;
pub(crate) mod verdict;

use std::time::Duration;

use crate::auth::oauth2::TokenExchange;
use crate::http::{Answer, Attempt};
use crate::request::job::Job;
use crate::request::{Plan, RetryPolicy};
use crate::system::claim::Claim;
use crate::system::error::{Error, Kind, Result};
use crate::system::time::{self, Clock, Deadline, SystemClock};
use crate::system::watch;
use acceptance::Acceptance;
use api::Endpoint;
use exit::Exit;
use judge::{Circumstances, CredentialKind, History, is_rate_limit, judge, no_new_token};
use verdict::{Disposition, Fate, Retry, Scope, Verdict};

/// The result of a delivery.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The judgement on the last attempt.
    pub(crate) verdict: Verdict,
    /// Why no attempt follows, if the verdict does not say it.
    ending: Option<Ending>,
    /// The last answer, if the last attempt had one.
    pub(crate) answer: Option<Answer>,
    /// How many attempts were made.
    pub(crate) attempts: u32,
    /// The duration of the delivery.
    pub(crate) took: Duration,
    /// A problem that did not stop the delivery, but should be fixed.
    pub(crate) note: Option<String>,
    /// Whether the document is in a spool.
    pub(crate) spool: Spooling,
    /// Whether an attempt sent a request with the document.
    is_sent: bool,
}

/// Whether a document is in a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spooling {
    /// It is not.
    None,
    /// This run accepted it into the spool; it is now where its disposition says.
    Accepted,
    /// It was a pending message before.
    Flushed,
}

/// Why no attempt follows.
#[derive(Debug)]
enum Ending {
    /// There are no attempts or no time left.
    Exhausted(String),
    /// The API requires another token, and there is none.
    NoNewToken(Error),
}

impl Outcome {
    /// The outcome for a document that was not sent, because of this error.
    pub(crate) fn not_sent(error: Error, idempotent: bool, acceptance: Acceptance) -> Outcome {
        let circumstances = Circumstances {
            idempotent,
            ..Circumstances::default()
        };
        // An attempt before the error was answered.
        let is_sent = *error.claim() != Claim::Nothing;
        Outcome {
            verdict: judge(&Attempt::Unsent(error), &circumstances, acceptance),
            ending: None,
            answer: None,
            attempts: 0,
            took: Duration::ZERO,
            note: None,
            spool: Spooling::None,
            is_sent,
        }
    }

    /// The outcome for a document that is in a spool, and that this run did not send.
    pub(crate) fn in_spool(
        fate: Fate,
        disposition: Disposition,
        exit: Exit,
        why: String,
        hint: Option<String>,
    ) -> Outcome {
        Outcome {
            verdict: Verdict::without_attempt(fate, disposition, exit, why, hint),
            ending: None,
            answer: None,
            attempts: 0,
            took: Duration::ZERO,
            note: None,
            spool: Spooling::Accepted,
            is_sent: false,
        }
    }

    /// The outcome for the document.
    pub(crate) fn fate(&self) -> Fate {
        match (self.spool, self.verdict.disposition) {
            (Spooling::Accepted, Disposition::Requeue) => Fate::Spooled,
            _ => self.verdict.fate,
        }
    }

    /// The exit code of a run with this one delivery.
    pub(crate) fn exit(&self) -> Exit {
        match (self.spool, self.verdict.disposition) {
            // This is success, unless a person has to fix something first.
            (Spooling::Accepted, Disposition::Requeue)
                if !matches!(
                    self.verdict.exit,
                    Exit::NoPerm | Exit::NoInput | Exit::Config | Exit::CantCreat
                ) =>
            {
                Exit::Ok
            }
            (Spooling::Accepted | Spooling::Flushed, _) => self.exit_in_spool(),
            (Spooling::None, _) => self.verdict.exit,
        }
    }

    /// The exit code for a message: if it is dead-lettered and may have been accepted, that matters more than why the
    /// API failed.
    fn exit_in_spool(&self) -> Exit {
        match self.verdict.disposition {
            Disposition::DeadLetter if self.verdict.may_have_been_accepted() => Exit::IoErr,
            _ => self.verdict.exit,
        }
    }

    /// What the last line of a failing run says about `what`, the document of `job`.
    pub(crate) fn claim(&self, what: &str, job: &Job, idempotent: bool) -> Claim {
        // Many web applications process a form and redirect then. A conflict may be one with the same document, sent before.
        let is_unproven = |answer: &Answer| matches!(answer.status, 200..=399 | 409);
        match (self.verdict.fate, &self.answer) {
            (Fate::Accepted, _) => Claim::Accepted,
            _ if self.fate() == Fate::Spooled => Claim::Spooled,
            _ if self.verdict.may_have_been_accepted() => Claim::Unknown {
                what: what.to_owned(),
                key: job.key.as_ref().map(|key| key.0.clone()),
                idempotent,
            },
            (_, Some(answer)) if is_unproven(answer) => Claim::Unproven,
            _ if self.is_sent => Claim::NotAccepted,
            _ => Claim::Nothing,
        }
    }

    /// What went wrong; empty if nothing did.
    pub(crate) fn why(&self) -> String {
        let why = &self.verdict.why;
        let mut why = match &self.ending {
            None => why.clone(),
            Some(Ending::Exhausted(because)) => format!("{why} ({because})"),
            Some(Ending::NoNewToken(error)) => no_new_token(why, error),
        };
        if self.verdict.hides_earlier {
            why.push_str("; an earlier attempt may have been accepted");
        }
        why
    }

    /// The remedy, if there is one.
    pub(crate) fn hint(&self) -> Option<&str> {
        match &self.ending {
            Some(Ending::NoNewToken(error)) if !self.verdict.hides_earlier => error.remedy(),
            _ => None,
        }
        .or(self.verdict.hint.as_deref())
    }

    /// How long the API asked to wait.
    pub(crate) fn retry_after(&self, clock: &dyn Clock) -> Option<Duration> {
        self.answer
            .as_ref()
            .and_then(|it| requested_wait(it, clock))
    }
}

fn requested_wait(answer: &Answer, clock: &dyn Clock) -> Option<Duration> {
    time::retry_after(answer.retry_after.as_deref()?, clock.unix())
}

/// The settings of a delivery.
pub(crate) struct Context<'a> {
    /// How many attempts, and when.
    pub(crate) policy: &'a RetryPolicy,
    /// The time limit, which includes everything.
    pub(crate) limit: Duration,
    /// What an accepting answer must satisfy.
    pub(crate) acceptance: Acceptance<'a>,
    /// The time.
    pub(crate) clock: &'a dyn Clock,
    /// As in [`Circumstances`].
    pub(crate) is_message: bool,
    /// As in [`Circumstances`].
    pub(crate) history: History,
}

impl Context<'_> {
    /// The settings for a document of `plan` whose delivery begins now.
    pub(crate) fn of<'a>(plan: &'a Plan, clock: &'a SystemClock) -> Context<'a> {
        Context {
            policy: &plan.policy,
            limit: plan.limit(clock.elapsed()),
            acceptance: Acceptance::of(plan),
            clock,
            is_message: plan.spool.is_some(),
            history: History::default(),
        }
    }
}

/// Records attempts, so that the next run knows what a killed run was sending.
pub(crate) trait Journal {
    /// A request is about to be sent.
    ///
    /// # Errors
    /// The request must not be sent.
    fn before_send(&mut self) -> Result<()>;
    /// It had this verdict.
    fn after(&mut self, verdict: &Verdict);
}

/// Records nothing: for a run without a spool.
pub(crate) struct NoJournal;

impl Journal for NoJournal {
    fn before_send(&mut self) -> Result<()> {
        Ok(())
    }

    fn after(&mut self, _: &Verdict) {}
}

/// What is reported during a delivery.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// The request is about to be sent for the first time.
    Request,
    /// An attempt that is followed by another one, as a line of text.
    Attempt(&'a str),
    /// A request for a token.
    TokenExchange(&'a TokenExchange<'a>),
}

/// Delivers `job`. Calls `tell` for every attempt but the last, and for every request for a token.
///
/// # Errors
/// What prevents the first attempt, such as a token that cannot be used.
pub(crate) fn deliver(
    job: &Job,
    api: &mut dyn Endpoint,
    context: &Context,
    journal: &mut dyn Journal,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    let Context { policy, clock, .. } = *context;
    let start = clock.elapsed();
    let left = || context.limit.saturating_sub(clock.elapsed() - start);
    let mut circumstances = Circumstances {
        attempts: context.history.attempts,
        idempotent: policy.idempotent,
        credentials: CredentialKind::of(&job.target),
        is_message: context.is_message,
        history: context.history,
        ..Circumstances::default()
    };
    let mut renewed = false;
    let mut no_token = None;
    let mut announced = false;
    let mut is_sent = false;
    for number in 1.. {
        let deadline = Deadline::after(left());
        let ready = match no_token.take() {
            Some(error) => Err(error),
            None => api.prepare(job, deadline, &mut |exchange| {
                tell(Event::TokenExchange(exchange));
            }),
        };
        if ready.is_ok() {
            circumstances.refused_token = None;
        }
        if ready.is_ok() && !std::mem::replace(&mut announced, true) {
            tell(Event::Request);
        }
        let attempt = match ready.and_then(|()| journal.before_send()) {
            Ok(()) => api.attempt(job, deadline),
            // If the source of the token was not reached, a later attempt may reach it. And after an attempt that may have
            // been accepted, an error of our own must not hide that.
            Err(error) if error.kind() == Kind::Unreached || circumstances.outcome_unknown => {
                Attempt::Unsent(error)
            }
            Err(error) if is_sent => return Err(error.after(Claim::NotAccepted)),
            Err(error) => return Err(error),
        };
        is_sent |= !matches!(attempt, Attempt::Unsent(_));
        if matches!(&attempt, Attempt::Answered(answer) if answer.status == 401) {
            let now = clock.unix();
            let expired = api.expiry().filter(|end| *end <= now);
            circumstances.token_expired = expired.map(|end| time::ago(end, now));
        }
        let verdict = judge(&attempt, &circumstances, context.acceptance);
        journal.after(&verdict);
        let answer = match attempt {
            Attempt::Answered(answer) => Some(answer),
            Attempt::Unsent(_) | Attempt::Unanswered(_) => None,
        };
        let mut ending = None;
        if verdict.retry == Retry::WithNewToken && !renewed {
            renewed = true;
            let renewal = api.renew(job, Deadline::after(left()), &mut |exchange| {
                tell(Event::TokenExchange(exchange));
            });
            match renewal {
                Ok(true) => {
                    tell(Event::Attempt(&format!(
                        "attempt {number}: {}; retrying with a new token",
                        verdict.why
                    )));
                    circumstances.attempts += 1;
                    continue;
                }
                Ok(false) => {}
                // As for the first token, a later attempt may get it.
                Err(error) if error.kind() == Kind::Unreached => {
                    circumstances.attempts += 1;
                    circumstances.refused_token = Some(verdict.why);
                    no_token = Some(error);
                    continue;
                }
                Err(error) => ending = Some(Ending::NoNewToken(error)),
            }
        }
        let asked = answer.as_ref().and_then(|it| requested_wait(it, clock));
        let slower = asked.is_some() || answer.as_ref().is_some_and(is_rate_limit);
        let passes = slower || policy.retries_outages && verdict.scope == Scope::Target;
        let attempts = match (policy.max_attempts, passes) {
            (Some(attempts), _) => attempts,
            (None, true) => u32::MAX,
            (None, false) => MAX_ATTEMPTS,
        };
        // A request that was refused for its token does not count.
        let attempts = attempts.saturating_add(renewed.into());
        let because = match next(&verdict, asked, (number, attempts), policy, left(), clock) {
            NextStep::Wait(wait) => {
                tell(Event::Attempt(&format!(
                    "attempt {number}: {}; retrying in {}",
                    verdict.why,
                    time::in_words(wait)
                )));
                let why = match &answer {
                    Some(answer) => &format!("{} {}", answer.status, answer.reason),
                    None => &verdict.why,
                };
                watch::wait(clock, wait, "next attempt", why.trim_end());
                // A busy machine may wake us late.
                if left() > MIN_ATTEMPT_TIME {
                    circumstances.attempts += 1;
                    circumstances.outcome_unknown |= verdict.may_have_been_accepted();
                    continue;
                }
                Some(no_time(number))
            }
            NextStep::Stop(because) => because,
        };
        return Ok(Outcome {
            verdict,
            ending: ending.or(because.map(Ending::Exhausted)),
            answer,
            attempts: number,
            took: clock.elapsed() - start,
            note: api.note(),
            spool: Spooling::None,
            is_sent,
        });
    }
    unreachable!("the last of all attempts ends the loop")
}

/// The default maximum of attempts if waiting may not help: the API fails with this document, or still processes an earlier
/// request with it.
const MAX_ATTEMPTS: u32 = 4;

/// An attempt in no more time than this could only hide the outcome of the one before it.
const MIN_ATTEMPT_TIME: Duration = Duration::from_millis(10);

fn no_time(attempts: u32) -> String {
    match attempts {
        1 => "no time left for another attempt".to_owned(),
        _ => format!("{attempts} attempts, no time left for another"),
    }
}

/// What follows an attempt.
#[derive(Debug, PartialEq)]
enum NextStep {
    /// Retry after this long.
    Wait(Duration),
    /// It was the last one, with a reason that the attempt itself does not give.
    Stop(Option<String>),
}

/// What follows the `number`th of at most `attempts`, if the API `asked` to wait this long, and this much time is `left`.
fn next(
    verdict: &Verdict,
    asked: Option<Duration>,
    (number, attempts): (u32, u32),
    policy: &RetryPolicy,
    left: Duration,
    clock: &dyn Clock,
) -> NextStep {
    let safe = match verdict.retry {
        Retry::Safe => true,
        Retry::IfIdempotent => policy.idempotent,
        Retry::Never | Retry::WithNewToken => false,
    };
    if !safe {
        return NextStep::Stop(None);
    }
    if number >= attempts {
        return NextStep::Stop((number > 1).then(|| format!("{number} attempts")));
    }
    if let Some(asked) = asked.filter(|asked| *asked >= left) {
        let time = (time::in_words(asked), time::in_words(left));
        return NextStep::Stop(Some(format!(
            "it asks to wait {}, but only {} are left",
            time.0, time.1
        )));
    }
    // Full jitter: a random wait between 0 and a maximum that doubles, so that many runs do not retry at the same time.
    let mut ceiling = policy
        .wait
        .saturating_mul(1 << (number - 1).min(20))
        .min(policy.max_wait);
    // Another attempt should fit into what is left, but the API must not be called without a pause until the deadline.
    ceiling = ceiling.min(policy.wait.max(left / 2));
    let drawn = ceiling.mul_f64(clock.chance());
    let wait = drawn.max(asked.unwrap_or_default());
    if wait.saturating_add(MIN_ATTEMPT_TIME) >= left {
        // If no time at all is left, the first attempt says so itself.
        return NextStep::Stop((number > 1 || !left.is_zero()).then(|| no_time(number)));
    }
    NextStep::Wait(wait)
}
