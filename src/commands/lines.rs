//! A run of many deliveries: every line of a file on its way to one API.
//!
//! Owns the order of things: what stops the run, what it counts, where the lines go that were not accepted, and from
//! where another run can go on. What always holds: a line is settled (accepted, or told and kept) before the next one
//! goes out, so that accepted lines, failed lines and the lines from `--skip` on are all the lines, each of them once.

mod claim;
mod failed;
mod progress;
mod spooled;

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::delivery::acceptance::Acceptance;
use crate::delivery::api::Api;
use crate::delivery::backlog::Backlog;
use crate::delivery::exit::{Exit, RunEnd};
use crate::delivery::verdict::Fate;
use crate::delivery::{Context, Event, NoJournal, Outcome, deliver};
use crate::document::Document;
use crate::document::ndjson::{Batch, NdjsonReader, Next};
use crate::output::{self, LineProgress, LineReport, Report, Tally};
use crate::request::job::Job;
use crate::request::{Lines, Plan};
use crate::spool::{Message, Spool};
use crate::system::error::{Error, Kind, Result};
use crate::system::time::{Clock, Deadline, SystemClock};
use claim::LinesClaim;
use failed::Failed;
use progress::Progress;

/// Sends the lines. How the run is to end.
///
/// # Errors
/// What keeps us from beginning.
pub(super) fn run(plan: &Plan, lines: &Lines, clock: &SystemClock) -> Result<RunEnd> {
    let mut reader = super::read_lines(lines)?;
    if plan.dry_run {
        return dry_run(plan, lines, reader, clock).map(RunEnd::from);
    }
    if plan.spool.is_some() {
        // What no message can say is told before anything is sent.
        let job = Job::new(plan.target.clone(), plan.key.clone(), Document::empty());
        message(plan, &job, clock)?;
    }
    let resume = lines.resume.as_deref();
    let progress = resume
        .map(|path| progress::resume(plan, lines, path, &mut reader))
        .transpose()?;
    if lines.all_or_nothing {
        reader = all_valid(plan, reader)?;
    }
    let failed = lines.failed.as_deref();
    let failed = failed.map(|path| Failed::open(path, &reader)).transpose()?;
    let spool = plan.spool.as_ref();
    let spool = spool
        .map(|spool| Spool::make(&spool.dir, spool.limit))
        .transpose()?;
    let mut run = LinesRun {
        plan,
        interval: lines.interval,
        failed,
        spool: spool.as_ref(),
        backlog: None,
        given_up: None,
        queued: false,
        api: Api::new(&plan.target)?,
        report: LineReport::new(&plan.output, &plan.target),
        clock,
        due: Duration::ZERO,
        tally: Tally::default(),
        settled: progress
            .as_ref()
            .map_or(lines.skip.unwrap_or(0), Progress::settled),
        settled_to: reader.offset(),
        progress,
        claim: LinesClaim::default(),
        exit: Exit::Ok,
    };
    if let Some(spool) = &spool {
        run.take_turn(spool)?;
    }
    let stopped = run.all(&mut reader);
    run.end(stopped, &mut reader)
}

/// Reads all lines, and goes back to the first one when each of them can be sent.
///
/// # Errors
/// [`Kind::Data`] when one cannot, after all of these were told; and those of [`NdjsonReader`].
fn all_valid(plan: &Plan, mut reader: NdjsonReader) -> Result<NdjsonReader> {
    if !reader.is_file() {
        let why =
            "checking the lines: --all-or-nothing reads them twice, and this is not a regular file";
        return Err(Error::new(Kind::Usage, why).hint("write them to a file first"));
    }
    let mut report = LineReport::new(&plan.output, &plan.target);
    let mut bad = 0;
    while let Some(next) = reader.next()? {
        if let Next::Bad { number, why } = next {
            bad += 1;
            report.bad_line(number, &why)?;
        }
    }
    match bad {
        0 => reader.again(),
        bad => {
            let lines = if bad == 1 { "line" } else { "lines" };
            let why =
                format!("{bad} {lines} cannot be sent, so nothing was sent (--all-or-nothing)");
            Err(Error::new(Kind::Data, format!("checking the lines: {why}")))
        }
    }
}

/// The first request that would go out.
fn dry_run(
    plan: &Plan,
    lines: &Lines,
    mut reader: NdjsonReader,
    clock: &SystemClock,
) -> Result<Exit> {
    let prefix = preview(plan, lines, &mut reader)?;
    let secrets = super::send::secrets(plan, clock)?;
    match reader.next()? {
        None => {
            Report::new(&plan.output).unless_quiet("there is no line to send");
            Ok(Exit::Ok)
        }
        Some(Next::Document(document, batch)) => {
            let is_random = plan.key.is_none() && prefix.is_none();
            let job = job(plan, prefix.as_deref(), document, &batch);
            output::dry_run(&job, is_random, Some(secrets)).map(|()| Exit::Ok)
        }
        Some(Next::Bad { number, why }) => Err(Error::new(
            Kind::Data,
            format!("checking line {number}: {why}"),
        )),
    }
}

/// Goes to where a run would begin. What its idempotency keys would begin with, if an earlier run has decided that.
///
/// # Errors
/// What would keep the run of `--resume` from going on.
pub(super) fn preview(
    plan: &Plan,
    lines: &Lines,
    reader: &mut NdjsonReader,
) -> Result<Option<String>> {
    match &lines.resume {
        None => Ok(None),
        Some(path) => progress::preview(plan, lines, path, reader),
    }
}

/// Where a run stopped before its end.
struct Stop {
    /// The last line of what it stopped at, where the API may have taken that.
    maybe_taken: Option<u64>,
    /// The same, also where sending it again is harmless.
    unknown: Option<u64>,
}

/// The job of delivering a document that carries these lines. Of the user's own key, each gets a part of its own.
fn job(plan: &Plan, prefix: Option<&str>, document: Document, batch: &Batch) -> Job {
    let first = batch.span.start();
    let base = plan.key.as_deref().or(prefix);
    let key = base.map(|base| format!("{base}-{first}"));
    Job::new(plan.target.clone(), key, document)
}

/// The message that carries a job.
fn message(plan: &Plan, job: &Job, clock: &SystemClock) -> Result<Message> {
    let (expect, any_answer) = (&plan.expect, plan.any_answer);
    Message::new(
        job,
        plan.policy.idempotent,
        expect,
        any_answer,
        clock.unix(),
    )
}

fn acceptance(plan: &Plan) -> Acceptance<'_> {
    Acceptance {
        expect: &plan.expect,
        any_answer: plan.any_answer,
        show: &plan.output.show,
    }
}

struct LinesRun<'a> {
    plan: &'a Plan,
    interval: Duration,
    failed: Option<Failed>,
    spool: Option<&'a Spool>,
    /// What is pending for the same target, and with it the right to send to it; from beginning to end.
    backlog: Option<Backlog<'a>>,
    /// Why the API is not tried any more, so that what follows goes into the spool at once.
    given_up: Option<String>,
    /// Whether lines are pending in the spool.
    queued: bool,
    api: Api,
    report: LineReport<'a>,
    clock: &'a SystemClock,
    /// When the next delivery may begin.
    due: Duration,
    tally: Tally,
    /// The last line that is settled.
    settled: u64,
    /// Where it ends in the input.
    settled_to: u64,
    progress: Option<Progress>,
    /// For the last line.
    claim: LinesClaim,
    exit: Exit,
}

impl LinesRun<'_> {
    /// Delivers one document after the other, until the end or until there is no point in going on.
    fn all(&mut self, reader: &mut NdjsonReader) -> Result<Option<Stop>> {
        let start = (self.clock.elapsed(), reader.offset());
        while let Some(next) = reader.next()? {
            match next {
                Next::Bad { number, why } => {
                    self.report.bad_line(number, &why)?;
                    self.tally.add(Fate::Unsent, 1);
                    self.exit = self.exit.or_worse(Exit::DataErr);
                    if let Some(failed) = &mut self.failed {
                        reader.rest(|piece| failed.write(piece))?;
                        failed.write(b"\n")?;
                    }
                    reader.rest(|_| Ok(()))?;
                    self.settled = number;
                    self.settled_to = reader.offset();
                }
                Next::Document(document, batch) => {
                    let prefix = self.progress.as_ref().map(Progress::prefix);
                    let job = job(self.plan, prefix, document, &batch);
                    let reserved = self.reserve(&batch);
                    let outcome = reserved.and_then(|()| self.deliver(&job, &batch));
                    let outcome = outcome.inspect_err(|error| {
                        // That it cannot be printed is less than why it was not sent.
                        let _ = self.report.not_sent(&batch.span, error);
                        self.tally.add(Fate::Unsent, batch.count());
                        self.claim.before_error(error.claim());
                    });
                    let mut outcome = outcome?;
                    let kept = self.put_into_spool(&job, &batch, &mut outcome);
                    self.tally.add(outcome.fate(), batch.count());
                    let idempotent = self.plan.policy.idempotent;
                    self.claim.add(&job, &batch, &outcome, idempotent);
                    if let Err(error) = kept {
                        self.claim.before_error(error.claim());
                        return Ok(Some(self.not_stored(&job, &batch, &outcome, &error)));
                    }
                    self.exit = self.exit.or_worse(outcome.exit());
                    let told = self.report.delivery(&job, &batch.span, &outcome);
                    // Told or not, what was accepted must not be sent again.
                    let settled = self.settle(&job, &batch, &outcome)?;
                    if settled.is_continue() {
                        self.settled_to = reader.offset();
                    }
                    told?;
                    if let ControlFlow::Break(stop) = settled {
                        return Ok(Some(stop));
                    }
                }
            }
            let elapsed = self.clock.elapsed() - start.0;
            self.report.progress(elapsed, || {
                // Whoever types the lines needs that line of the terminal.
                let is_typed = reader.file().is_terminal();
                (!is_typed).then(|| LineProgress {
                    line: self.settled,
                    tally: &self.tally,
                    read: reader.offset() - start.1,
                    total: reader.len().map(|len| len.saturating_sub(start.1)),
                })
            });
        }
        Ok(None)
    }

    /// Sends a document. With a spool, what keeps us from that stops nothing; and nothing is sent any more once the API is
    /// down.
    fn deliver(&mut self, job: &Job, batch: &Batch) -> Result<Outcome> {
        let idempotent = self.plan.policy.idempotent;
        let not_sent = |error| Outcome::not_sent(error, idempotent, acceptance(self.plan));
        match &self.given_up {
            Some(why) => Ok(not_sent(Error::new(Kind::Unreached, why))),
            None if self.spool.is_none() => self.send(job, batch),
            None => Ok(self.send(job, batch).unwrap_or_else(|error| {
                output::error(&error);
                self.exit = self.exit.or_worse(error.kind().into());
                Outcome::not_sent(error, idempotent, acceptance(self.plan))
            })),
        }
    }

    /// Notes which lines may have been sent from now on.
    fn reserve(&mut self, batch: &Batch) -> Result<()> {
        let Some(progress) = &mut self.progress else {
            return Ok(());
        };
        // A `--skip` of the next run passes over lines that failed before this one: these must be there after a power cut.
        if let Some(failed) = &mut self.failed {
            failed.sync()?;
        }
        let last = *batch.span.end();
        match progress.must_reserve(last, self.clock.elapsed()) {
            true => progress.reserve(last, (self.settled, self.settled_to), self.clock),
            false => Ok(()),
        }
    }

    fn send(&mut self, job: &Job, batch: &Batch) -> Result<Outcome> {
        self.pace();
        let report = &mut self.report;
        let context = Context {
            policy: &self.plan.policy,
            limit: self
                .plan
                .run
                .limit(self.plan.policy.timeout, self.clock.elapsed()),
            acceptance: acceptance(self.plan),
            clock: self.clock,
            earlier_attempts: 0,
            failed_alone: 0,
            gives_up_after: None,
            is_message: false,
        };
        let tell = &mut |event: Event| report.event(job, &batch.span, event);
        deliver(job, &mut self.api, &context, &mut NoJournal, tell)
    }

    /// Waits until the next delivery may begin, by `--rate`.
    fn pace(&mut self) {
        if self.interval.is_zero() {
            return;
        }
        let now = self.clock.elapsed();
        if now < self.due {
            let wait = self.plan.run.limit(self.due - now, now);
            self.clock.sleep(wait);
        }
        self.due = self.due.max(now) + self.interval;
    }

    /// What follows from a delivery: a refusal concerns its lines alone, anything else would befall the next ones too.
    fn settle(&mut self, job: &Job, batch: &Batch, outcome: &Outcome) -> Result<ControlFlow<Stop>> {
        match outcome.exit() {
            Exit::Ok => {}
            _ if self.spool.is_some() => {}
            // A --pick that is not met, or an answer that broke off, makes it no less accepted.
            _ if outcome.verdict.fate == Fate::Accepted => {}
            Exit::Protocol => {
                if let Some(failed) = &mut self.failed {
                    for line in batch.lines(&job.body) {
                        failed.write(&[line, b"\n"].concat())?;
                    }
                }
            }
            _ => return Ok(ControlFlow::Break(self.stop(batch, outcome))),
        }
        self.settled = *batch.span.end();
        Ok(ControlFlow::Continue(()))
    }

    /// A stop at this parcel.
    fn stop(&self, batch: &Batch, outcome: &Outcome) -> Stop {
        // Another run has the same keys only where they are not random.
        let keyed = self.plan.key.is_some()
            || self.progress.is_some()
            || self.plan.target.idempotency_header.is_none();
        let harmless = self.plan.policy.idempotent && keyed;
        let last = *batch.span.end();
        let maybe = outcome.verdict.may_have_been_accepted();
        Stop {
            maybe_taken: (maybe && !harmless).then_some(last),
            unknown: maybe.then_some(last),
        }
    }

    /// Brings everything to disk, and says what the run came to.
    fn end(mut self, stopped: Result<Option<Stop>>, reader: &mut NdjsonReader) -> Result<RunEnd> {
        let kept = self.failed.as_mut().map_or(Ok(()), Failed::sync);
        let stopped = match (stopped, kept) {
            (Ok(stop), Ok(())) => stop,
            (Err(error), _) | (Ok(_), Err(error)) => {
                output::error(&error);
                self.exit = self.exit.or_worse(error.kind().into());
                Some(Stop {
                    maybe_taken: None,
                    unknown: None,
                })
            }
        };
        let unknown = stopped.as_ref().and_then(|stop| stop.unknown);
        let mut resumable = self.progress.is_some().then_some(self.settled);
        if let Some(progress) = &mut self.progress
            && let Err(error) = progress.finish(self.settled, self.settled_to, unknown)
        {
            output::error(&error);
            self.exit = self.exit.or_worse(error.kind().into());
            resumable = None;
        }
        if stopped.is_some() {
            let left = self.plan.run.limit(Duration::MAX, self.clock.elapsed());
            self.tally
                .add_rest(reader.count_rest(Deadline::after(left)));
        }
        // With --resume, the same command line goes on by itself where nothing has to be decided.
        let again = stopped.filter(|stop| self.progress.is_none() || stop.maybe_taken.is_some());
        let again = again.map(|stop| (self.settled, stop.maybe_taken));
        if let Some(spool) = self.spool
            && self.tally.accepted() > 0
        {
            spool.note_delivery(&self.plan.target);
        }
        self.report
            .end(&self.tally, self.clock.elapsed(), self.exit, again);
        self.close_backlog();
        Ok(RunEnd::new(self.exit, self.claim.end(resumable)))
    }
}
