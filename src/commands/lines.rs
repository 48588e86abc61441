//! Sending every line of a file to one API.
//!
//! Decides what stops the run, what is counted, where lines go that were not accepted, and where another run continues.
//! Invariant: a line is settled (accepted, or reported and stored) before the next one is sent. So the accepted lines, the
//! failed lines and the lines from `--skip` on are all the lines, each of them once.

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

/// Sends the lines. Returns the exit code of the run.
///
/// # Errors
/// What prevents the first delivery.
pub(super) fn run(plan: &Plan, lines: &Lines, clock: &SystemClock) -> Result<RunEnd> {
    let mut reader = super::read_lines(lines)?;
    if plan.dry_run {
        return dry_run(plan, lines, reader, clock).map(RunEnd::from);
    }
    if plan.spool.is_some() {
        // What cannot be written into a message is an error before anything is sent.
        let job = Job::new(plan.target.clone(), plan.key.clone(), Document::empty());
        Message::new(plan, &job, clock.unix())?;
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

/// Reads all lines, and goes back to the first one if each of them can be sent.
///
/// # Errors
/// [`Kind::Data`] if a line cannot be sent, after all such lines were reported; and those of [`NdjsonReader`].
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

/// Prints the first request that would be sent.
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

/// Moves `reader` to where a run would begin. Returns the prefix of its idempotency keys, if an earlier run has set it.
///
/// # Errors
/// What would prevent a run with `--resume`.
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

/// Where a run stopped early.
#[derive(Default)]
struct Stop {
    /// The last line of the document at which it stopped, if the API may have accepted that and it must not be sent twice.
    maybe_accepted: Option<u64>,
    /// The same, also if sending it again is harmless.
    unknown: Option<u64>,
}

/// The job for a document with these lines. Its idempotency key is the user's, or `prefix`, with the line number.
fn job(plan: &Plan, prefix: Option<&str>, document: Document, batch: &Batch) -> Job {
    let first = batch.span.start();
    let base = plan.key.as_deref().or(prefix);
    let key = base.map(|base| format!("{base}-{first}"));
    Job::new(plan.target.clone(), key, document)
}

struct LinesRun<'a> {
    plan: &'a Plan,
    interval: Duration,
    failed: Option<Failed>,
    spool: Option<&'a Spool>,
    /// The older messages for the same target, and with them its lock, for the whole run.
    backlog: Option<Backlog<'a>>,
    /// Why nothing more is sent, so that all following lines are stored in the spool.
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
    /// Delivers one document after the other, until the end or until the run has to stop.
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
                        // A failure to print this matters less than why it was not sent.
                        let _ = self.report.not_sent(&batch.span, error);
                        self.tally.add(Fate::Unsent, batch.count());
                        self.claim.before_error(error.claim());
                    });
                    let mut outcome = outcome?;
                    let stored = self.store_in_spool(&job, &mut outcome);
                    self.tally.add(outcome.fate(), batch.count());
                    let idempotent = self.plan.policy.idempotent;
                    self.claim.add(&job, &batch, &outcome, idempotent);
                    let gives_up = match stored {
                        Ok(gives_up) => gives_up,
                        Err(error) => {
                            self.claim.before_error(error.claim());
                            return Ok(Some(self.not_stored(&job, &batch, &outcome, &error)));
                        }
                    };
                    self.exit = self.exit.or_worse(outcome.exit());
                    let reported = self.report.delivery(&job, &batch.span, &outcome);
                    if let Some(stored) = gives_up {
                        self.report.given_up(&batch.span, &outcome, &stored);
                    }
                    // Even if it could not be reported, what was accepted must not be sent again.
                    let settled = self.settle(&job, &batch, &outcome)?;
                    if settled.is_continue() {
                        self.settled_to = reader.offset();
                    }
                    if let ControlFlow::Break(stop) = settled {
                        // What is known of these lines matters more.
                        if let Err(error) = reported {
                            output::error(&error);
                        }
                        return Ok(Some(stop));
                    }
                    reported?;
                }
            }
            let elapsed = self.clock.elapsed() - start.0;
            self.report.progress(elapsed, || {
                // The person who types the lines needs that line of the terminal.
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

    /// Sends a document. With a spool, an error of our own does not stop the run, and once the API is down, nothing more is
    /// sent.
    fn deliver(&mut self, job: &Job, batch: &Batch) -> Result<Outcome> {
        let plan = self.plan;
        let not_sent =
            |error| Outcome::not_sent(error, plan.policy.idempotent, Acceptance::of(plan));
        match &self.given_up {
            Some(why) => Ok(not_sent(Error::new(Kind::Unreached, why))),
            None if self.spool.is_none() => self.send(job, batch),
            None => Ok(self.send(job, batch).unwrap_or_else(|error| {
                output::error(&error);
                self.exit = self.exit.or_worse(error.kind().into());
                not_sent(error)
            })),
        }
    }

    /// Saves for `--resume` which lines may have been sent from now on.
    fn reserve(&mut self, batch: &Batch) -> Result<()> {
        let Some(progress) = &mut self.progress else {
            return Ok(());
        };
        // The next run skips the lines that failed before this one, so they must be on the disk.
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
        let context = Context::of(self.plan, self.clock);
        let report = &mut self.report;
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

    /// Decides how the run goes on: a refusal concerns only these lines, any other failure would repeat for the next ones.
    fn settle(&mut self, job: &Job, batch: &Batch, outcome: &Outcome) -> Result<ControlFlow<Stop>> {
        match outcome.exit() {
            Exit::Ok => {}
            _ if self.spool.is_some() => {}
            // It was accepted, although --pick found nothing or the answer broke off.
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

    /// A stop at these lines.
    fn stop(&self, batch: &Batch, outcome: &Outcome) -> Stop {
        // Another run has the same idempotency keys only if they are not random.
        let keyed = self.plan.key.is_some()
            || self.progress.is_some()
            || self.plan.target.idempotency_header.is_none();
        let harmless = self.plan.policy.idempotent && keyed;
        let last = *batch.span.end();
        let maybe = outcome.verdict.may_have_been_accepted();
        Stop {
            maybe_accepted: (maybe && !harmless).then_some(last),
            unknown: maybe.then_some(last),
        }
    }

    /// Syncs everything to the disk, and reports the totals.
    fn end(mut self, stopped: Result<Option<Stop>>, reader: &mut NdjsonReader) -> Result<RunEnd> {
        let synced = self.failed.as_mut().map_or(Ok(()), Failed::sync);
        let (stopped, error) = match (stopped, synced) {
            (Ok(stop), Ok(())) => (stop, None),
            (Ok(stop), Err(error)) => (Some(stop.unwrap_or_default()), Some(error)),
            (Err(error), _) => (Some(Stop::default()), Some(error)),
        };
        if let Some(error) = error {
            output::error(&error);
            self.exit = self.exit.or_worse(error.kind().into());
        }
        let unknown = stopped.as_ref().and_then(|stop| stop.unknown);
        let mut resumable = self.progress.is_some().then_some(self.settled);
        if let Some(progress) = &mut self.progress
            && let Err(error) = progress.finish(self.settled, self.settled_to, unknown)
        {
            // A full disk has stopped the run, and was told.
            if self.exit != Exit::CantCreat {
                output::error(&error);
            }
            self.exit = self.exit.or_worse(error.kind().into());
            resumable = None;
        }
        if stopped.is_some() {
            let left = self.plan.run.limit(Duration::MAX, self.clock.elapsed());
            self.tally
                .add_rest(reader.count_rest(Deadline::after(left)));
        }
        // With --resume, the same command line continues by itself, unless a person has to decide something.
        let again = stopped.filter(|stop| self.progress.is_none() || stop.maybe_accepted.is_some());
        let again = again.map(|stop| (self.settled, stop.maybe_accepted));
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
