//! Lines with `--spool`: older messages are sent first, and what the API does not accept is stored.

use super::{LinesRun, Stop};
use crate::commands::alert::alert_unflushed;
use crate::commands::older::Older;
use crate::commands::pending::delivered_by;
use crate::delivery::backlog::{Backlog, Blocked, End, MessageEvent, Sending, wait_for_target};
use crate::delivery::connections::Connections;
use crate::delivery::exit::Exit;
use crate::delivery::verdict::{Disposition, Scope};
use crate::delivery::{Outcome, journal};
use crate::document::ndjson::Batch;
use crate::output::{self, Report};
use crate::request::job::Job;
use crate::spool::{Message, Spool, Tag};
use crate::system::error::{Error, Result};
use crate::system::time::Clock;

impl<'a> LinesRun<'a> {
    /// Waits for the lock of the target, and delivers the messages that are older than the lines. If that fails, all lines
    /// are stored in the spool, after them.
    pub(super) fn take_turn(&mut self, spool: &'a Spool) -> Result<()> {
        let (plan, clock) = (self.plan, self.clock);
        let start = clock.elapsed();
        let limit = plan.limit(start);
        let left = || limit.saturating_sub(clock.elapsed() - start);
        let Some(lock) = wait_for_target(spool, &Tag::of(&plan.target), limit, clock)? else {
            let why = "another run is sending to its target".to_owned();
            self.queue_all(spool, 0, Blocked::because(&why));
            return Ok(());
        };
        let mut older = Older::new(Report::new(&plan.output));
        let observer = &mut |event: MessageEvent| older.event(event);
        let mut backlog = Backlog::open(spool, lock, clock, observer)?;
        let end = backlog.deliver(
            None,
            &mut Sending {
                policy: &plan.policy,
                limit: &left,
                connections: &mut Connections::default(),
                observer,
            },
        )?;
        older.summary();
        let count = backlog.remaining();
        self.backlog = Some(backlog);
        match end {
            End::Done => {}
            End::TimedOut => self.queue_all(spool, count, Blocked::because("no time is left")),
            End::Blocked(blocked) => self.queue_all(spool, count, blocked),
        }
        Ok(())
    }

    /// Lets go of the target, and warns of what has been pending for it for long.
    pub(super) fn close_backlog(&mut self) {
        let Some(mut backlog) = self.backlog.take() else {
            return;
        };
        if let (Some(plan), Some(spool)) = (&self.plan.spool, self.spool) {
            alert_unflushed(spool, &mut backlog, plan.alert_after, self.clock);
        }
        let is_empty = backlog.remaining() == 0;
        backlog.close(!self.queued && is_empty);
    }

    /// Stores all lines in the spool, after this many `older` documents.
    fn queue_all(&mut self, spool: &Spool, older: usize, blocked: Blocked) {
        let Blocked { exit, why, hint } = blocked.behind(older);
        if let Exit::NoPerm | Exit::NoInput | Exit::Config | Exit::CantCreat = exit {
            self.exit = self.exit.or_worse(exit);
        }
        let tag = Tag::of(&self.plan.target);
        let now = self.clock.unix();
        let delivered = delivered_by(spool, &tag, "them", (exit, Scope::Target), now);
        self.report.all_queued(&why, hint, &delivered, self.exit);
        self.given_up = Some(why);
    }

    /// Stores a document that the API did not accept in the spool, if there is one. Returns what to say of that if all that
    /// follows is stored, too.
    pub(super) fn store_in_spool(
        &mut self,
        job: &Job,
        outcome: &mut Outcome,
    ) -> Result<Option<String>> {
        let is_delivered = outcome.verdict.disposition == Disposition::Delivered;
        let Some(spool) = self.spool.filter(|_| !is_delivered) else {
            return Ok(None);
        };
        let is_attempted = self.given_up.is_none();
        let exit = outcome.exit();
        let id = Message::new(self.plan, job, self.clock.unix())
            .and_then(|mut message| {
                let body = &job.body;
                journal::accept_after_delivery(
                    spool,
                    &mut message,
                    body,
                    outcome,
                    is_attempted,
                    self.clock,
                )?;
                Ok(message.id)
            })
            .map_err(|error| journal::spool_error_context(&outcome.verdict, error))?;
        if let Some(backlog) = self.backlog.as_mut().filter(|_| is_attempted) {
            journal::update_backoff(backlog.lock(), outcome, self.clock);
        }
        if outcome.verdict.disposition == Disposition::Requeue {
            self.queued = true;
        }
        if !is_attempted || exit == Exit::Protocol {
            return Ok(None);
        }
        self.given_up = Some(outcome.why());
        let (tag, now) = (Tag::of(&job.target), self.clock.unix());
        let failure = (outcome.verdict.exit, outcome.verdict.scope);
        let delivered = delivered_by(spool, &tag, "it", failure, now);
        Ok(Some(match outcome.verdict.disposition {
            Disposition::DeadLetter => {
                let dir = spool.dir().display();
                format!(
                    "dead-lettered in the spool as {id}: 'authpost retry {dir} {id}' sends it again; \
                     all that follows is stored: {delivered}"
                )
            }
            _ => format!("stored in the spool, as all that follows: {delivered}"),
        }))
    }

    /// Reports the outcome for a document that could not be stored in the spool, and stops the run: further documents that
    /// are not accepted would be lost.
    pub(super) fn not_stored(
        &mut self,
        job: &Job,
        batch: &Batch,
        outcome: &Outcome,
        error: &Error,
    ) -> Stop {
        // If it was not sent, the reason was reported before.
        if outcome.attempts > 0
            && let Err(unprinted) = self.report.delivery(job, &batch.span, outcome)
        {
            output::error(&unprinted);
        }
        output::error(error);
        // That the API may have accepted it matters more than the error of the disk.
        self.exit = self
            .exit
            .or_worse(match outcome.verdict.may_have_been_accepted() {
                true => Exit::IoErr,
                false => error.kind().into(),
            });
        self.stop(batch, outcome)
    }
}
