//! Sending one document with `--spool`: it is stored in the spool first, and sent after all older messages of its target.

use std::ffi::OsStr;
use std::fs;
use std::time::Duration;

use super::alert::alert_unflushed;
use super::older::Older;
use super::pending::delivered_by;
use crate::delivery::api::Api;
use crate::delivery::backlog::{Backlog, Blocked, End, MessageEvent, Sending, wait_for_target};
use crate::delivery::connections::Connections;
use crate::delivery::exit::{Exit, RunEnd};
use crate::delivery::journal::{self, SpoolJournal};
use crate::delivery::judge::error_of_message;
use crate::delivery::verdict::{Disposition, Fate, Scope};
use crate::delivery::{Context, Event, Outcome, Spooling, deliver};
use crate::output::{self, Report};
use crate::request::SpoolPlan;
use crate::request::job::Job;
use crate::spool::{Held, Hold, Message, Place, Spool, Tag};
use crate::system::claim::Claim;
use crate::system::error::Result;

/// Stores `message`, which carries `job`, in the spool of `plan`, and delivers it after older messages. Returns the exit
/// code of the run.
///
/// # Errors
/// If the document cannot be stored, or the outcome not printed.
pub(crate) fn send(
    plan: &SpoolPlan,
    mut message: Message,
    job: &Job,
    context: &Context,
    report: Report,
) -> Result<RunEnd> {
    let clock = context.clock;
    let start = clock.elapsed();
    let spool = Spool::make(&plan.dir, plan.limit)?;
    let tag = Tag::of(&job.target);
    let mut older = Older::new(report);
    // If no other run is sending, the spool is read only once.
    let early = match spool.lock_target(&tag)? {
        Some(lock) => Some(Backlog::open(&spool, lock, clock, &mut |event| {
            older.event(event)
        })?),
        None => None,
    };
    let held = spool.accept(&mut message, &job.body, Place::Queue)?;
    let run = Run {
        spool: &spool,
        message: &message,
        job,
        context,
        report,
    };
    // Another run that is sending may have to deliver it too, so its lock is released then.
    let early = early.map(|backlog| (backlog, held));
    // Whatever fails from here on, the document is in the spool.
    run.take_turn(plan, early, older, start)
        .map_err(|error| error.after_if_unsaid(Claim::Spooled))
}

/// A document that is in the spool.
struct Run<'a> {
    spool: &'a Spool,
    message: &'a Message,
    job: &'a Job,
    context: &'a Context<'a>,
    report: Report<'a>,
}

impl<'a> Run<'a> {
    /// Waits for its turn, unless it has it with the `early` backlog, and delivers it behind what is older. The run began
    /// at `start`.
    fn take_turn(
        &self,
        plan: &SpoolPlan,
        early: Option<(Backlog<'a>, Held<'a>)>,
        mut older: Older,
        start: Duration,
    ) -> Result<RunEnd> {
        let (spool, message, context) = (self.spool, self.message, self.context);
        let clock = context.clock;
        let left = || context.limit.saturating_sub(clock.elapsed() - start);
        let (mut backlog, held) = match early {
            Some(early) => early,
            None => {
                let tag = Tag::of(&self.job.target);
                let Some(lock) = wait_for_target(spool, &tag, left(), clock)? else {
                    return self
                        .queued(0, Blocked::because("another run is sending to its target"));
                };
                let observer = &mut |event: MessageEvent| older.event(event);
                let backlog = Backlog::open(spool, lock, clock, observer)?;
                match spool.hold(Place::Queue, OsStr::new(message.id.as_str()))? {
                    Hold::Held(held) => (backlog, held),
                    Hold::Gone => return self.settled_by_another(),
                    Hold::Busy | Hold::Invalid(_) => {
                        return self.queued(0, Blocked::because("another run is working on it"));
                    }
                }
            }
        };
        let mut connections = Connections::default();
        let end = backlog.deliver(
            Some(&message.id),
            &mut Sending {
                policy: context.policy,
                limit: &left,
                connections: &mut connections,
                observer: &mut |event| older.event(event),
            },
        )?;
        older.summary();
        let count = backlog.older(Some(&message.id));
        let blocked = match end {
            End::Done => return self.deliver(held, backlog, connections, left()),
            End::TimedOut => Blocked::because("no time is left"),
            End::Blocked(blocked) => blocked,
        };
        let end = self.queued(count, blocked)?;
        alert_unflushed(spool, &mut backlog, plan.alert_after, clock);
        Ok(end)
    }

    /// Delivers it, now that it is the oldest, in the time that is `left`.
    fn deliver(
        &self,
        mut held: Held,
        mut backlog: Backlog,
        mut connections: Connections,
        left: Duration,
    ) -> Result<RunEnd> {
        let (job, report) = (self.job, self.report);
        let context = Context {
            limit: left,
            ..*self.context
        };
        let api = match connections.take(&self.message.target) {
            Some(api) => Ok(api),
            None => Api::new(&job.target),
        };
        let outcome = api.and_then(|mut api| {
            let tell = &mut |event: Event| report.event(job, event);
            deliver(job, &mut api, &context, &mut SpoolJournal(&mut held), tell)
        });
        let mut outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let error = error_of_message(error);
                output::error(&error);
                backlog.not_sent(held, self.message, &error)?;
                // A failure to print this matters less than where the document is.
                let _ = report.spooled_unsent(job, &error);
                let hint = self.flush_hint(error.kind().into(), Scope::Target);
                output::info(&format!("{}; {hint}", self.stored_as()));
                return Ok(RunEnd::new(error.kind().into(), Claim::Spooled));
            }
        };
        let lock = backlog.lock();
        let put = journal::dispose(
            self.spool,
            lock,
            held,
            self.message,
            &outcome,
            context.clock,
        );
        if let Err(error) = put {
            let exit = journal::exit_with_spool_error(&outcome, &error);
            let told = report.outcome(job, &outcome);
            output::error(&error);
            let claim = match self.claim(&outcome) {
                Claim::Nothing | Claim::NotAccepted | Claim::Unproven => Claim::MaybeSpooled,
                claim => claim,
            };
            return told.map(|_| RunEnd::new(exit, claim));
        }
        backlog.close(outcome.verdict.disposition != Disposition::Requeue);
        outcome.spool = Spooling::Accepted;
        self.report_outcome(&outcome)
    }

    /// Reports that it stays pending behind this many `older` ones.
    fn queued(&self, older: usize, blocked: Blocked) -> Result<RunEnd> {
        let Blocked { exit, why, hint } = blocked.behind(older);
        let (fate, disposition) = (Fate::Unsent, Disposition::Requeue);
        self.report_outcome(&Outcome::in_spool(fate, disposition, exit, why, hint))
    }

    /// Reports what another run did with it while this one waited.
    fn settled_by_another(&self) -> Result<RunEnd> {
        let id = &self.message.id;
        let is_in = |place| fs::symlink_metadata(self.spool.path(place, id)).is_ok();
        if is_in(Place::Active) {
            return self.queued(0, Blocked::because("another run is working on it"));
        }
        let (fate, disposition, exit, why) = match is_in(Place::Dead) {
            false => {
                self.report.unless_quiet("another run delivered it");
                let why = String::new();
                (Fate::Accepted, Disposition::Delivered, Exit::Ok, why)
            }
            // The exact answer of the API is not known here.
            true => {
                let error = self.spool.retry_state(OsStr::new(id.as_str())).error;
                let why = format!("another run could not deliver it: {error}");
                (Fate::Unknown, Disposition::DeadLetter, Exit::IoErr, why)
            }
        };
        self.report_outcome(&Outcome::in_spool(fate, disposition, exit, why, None))
    }

    fn stored_as(&self) -> String {
        format!("stored in the spool as {}", self.message.id)
    }

    fn flush_hint(&self, exit: Exit, scope: Scope) -> String {
        let (tag, now) = (self.message.id.tag(), self.context.clock.unix());
        delivered_by(self.spool, &tag, "it", (exit, scope), now)
    }

    fn claim(&self, outcome: &Outcome) -> Claim {
        let idempotent = self.context.policy.idempotent;
        outcome.claim("the document", self.job, idempotent)
    }

    fn report_outcome(&self, outcome: &Outcome) -> Result<RunEnd> {
        let (job, report) = (self.job, self.report);
        let exit = match outcome.verdict.disposition {
            Disposition::Delivered => report.outcome(job, outcome)?,
            Disposition::DeadLetter => {
                let exit = report.outcome(job, outcome)?;
                let (id, dir) = (&self.message.id, self.spool.dir().display());
                output::info(&format!(
                    "dead-lettered in the spool as {id}; 'authpost retry {dir} {id}' sends it again"
                ));
                exit
            }
            Disposition::Requeue if outcome.exit() == Exit::Ok => {
                let verdict = &outcome.verdict;
                let hint = self.flush_hint(verdict.exit, verdict.scope);
                let text = format!("{}: {}; {hint}", self.stored_as(), outcome.why());
                report.spooled(job, outcome, &text)?
            }
            Disposition::Requeue => {
                let exit = report.outcome(job, outcome)?;
                let hint = self.flush_hint(exit, outcome.verdict.scope);
                output::info(&format!("{}; {hint}", self.stored_as()));
                exit
            }
        };
        Ok(RunEnd::new(exit, self.claim(outcome)))
    }
}
