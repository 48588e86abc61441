//! A run of many deliveries: every line of a file on its way to one API.
//!
//! Owns the order of things: what stops the run, what it counts, where the lines go that were not accepted, and from
//! where another run can go on. What always holds: a line is settled (accepted, or told and kept) before the next one
//! goes out, so that accepted lines, failed lines and the lines from `--skip` on are all the lines, each of them once.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::older::Older;
use crate::delivery::api::Api;
use crate::delivery::backlog::{Backlog, Blocked, End, MessageEvent, Sending, wait_for_target};
use crate::delivery::connections::Connections;
use crate::delivery::exit::Exit;
use crate::delivery::journal;
use crate::delivery::verdict::{Acceptance, Disposition, Fate};
use crate::delivery::{Context, Event, NoJournal, Outcome, deliver};
use crate::document::Document;
use crate::document::ndjson::{Batch, NdjsonReader, Next};
use crate::output::{self, LineReport, Report, Tally};
use crate::request::job::Job;
use crate::request::{Lines, Plan};
use crate::spool::{Message, Spool, Tag};
use crate::system::error::{Error, Kind, Result};
use crate::system::time::{Clock, Deadline, SystemClock};

/// Sends the lines. How the run is to end.
///
/// # Errors
/// What keeps us from beginning.
pub(super) fn run(plan: &Plan, lines: &Lines, clock: &SystemClock) -> Result<Exit> {
    let mut reader = super::read_lines(lines)?;
    if plan.dry_run {
        return dry_run(plan, reader, clock);
    }
    if plan.spool.is_some() {
        // What no message can say is told before anything is sent.
        let job = Job::new(plan.target.clone(), plan.key.clone(), Document::empty());
        message(plan, &job, clock)?;
    }
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
        settled: lines.skip,
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
fn dry_run(plan: &Plan, mut reader: NdjsonReader, clock: &SystemClock) -> Result<Exit> {
    let secrets = super::send::secrets(plan, clock)?;
    match reader.next()? {
        None => Ok(Exit::Ok),
        Some(Next::Document(document, batch)) => {
            let job = job(plan, document, &batch);
            output::dry_run(&job, plan.key.is_none(), Some(secrets)).map(|()| Exit::Ok)
        }
        Some(Next::Bad { number, why }) => Err(Error::new(
            Kind::Data,
            format!("checking line {number}: {why}"),
        )),
    }
}

/// Where a run stopped before its end.
struct Stop {
    /// The last line of what it stopped at, where the API may have taken that.
    maybe_taken: Option<u64>,
}

/// The job of delivering a document that carries these lines. Of the user's own key, each gets a part of its own.
fn job(plan: &Plan, document: Document, batch: &Batch) -> Job {
    let first = batch.span.start();
    let key = plan.key.as_ref().map(|base| format!("{base}-{first}"));
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
    exit: Exit,
}

impl<'a> LinesRun<'a> {
    /// Waits until nobody else sends to the target, and delivers what is older than the lines. Where that cannot be done,
    /// all lines go into the spool, behind it.
    fn take_turn(&mut self, spool: &'a Spool) -> Result<()> {
        let (plan, clock) = (self.plan, self.clock);
        let start = clock.elapsed();
        let limit = plan.run.limit(plan.policy.timeout, start);
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
            End::OutOfTime => self.queue_all(spool, count, Blocked::because("no time is left")),
            End::Blocked(blocked) => self.queue_all(spool, count, blocked),
        }
        Ok(())
    }

    /// All lines go behind so many `older` documents.
    fn queue_all(&mut self, spool: &Spool, older: usize, blocked: Blocked) {
        let Blocked { exit, why, hint } = blocked.behind(older);
        if let Exit::NoPerm | Exit::NoInput | Exit::Config | Exit::CantCreat = exit {
            self.exit = self.exit.or_worse(exit);
        }
        self.report.all_queued(&why, hint, spool.dir(), self.exit);
        self.given_up = Some(why);
    }

    /// Delivers one document after the other, until the end or until there is no point in going on.
    fn all(&mut self, reader: &mut NdjsonReader) -> Result<Option<Stop>> {
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
                    self.settled = number;
                }
                Next::Document(document, batch) => {
                    let job = job(self.plan, document, &batch);
                    let outcome = self.deliver(&job, &batch).inspect_err(|error| {
                        // That it cannot be printed is less than why it was not sent.
                        let _ = self.report.not_sent(&batch.span, error);
                        self.tally.add(Fate::Unsent, batch.count());
                    });
                    let mut outcome = outcome?;
                    let kept = self.put_into_spool(&job, &batch, &mut outcome);
                    self.tally.add(outcome.fate(), batch.count());
                    if let Err(error) = kept {
                        return Ok(Some(self.not_kept(&job, &batch, &outcome, &error)));
                    }
                    self.exit = self.exit.or_worse(outcome.exit());
                    let told = self.report.delivery(&job, &batch.span, &outcome);
                    // Told or not, what was accepted must not be sent again.
                    let settled = self.settle(&job, &batch, &outcome)?;
                    told?;
                    if let ControlFlow::Break(stop) = settled {
                        return Ok(Some(stop));
                    }
                }
            }
            self.report.progress(&self.tally, self.clock.elapsed());
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
                self.report.error(&error);
                self.exit = self.exit.or_worse(error.kind().into());
                Outcome::not_sent(error, idempotent, acceptance(self.plan))
            })),
        }
    }

    /// Puts a document that the API did not accept into the spool, where there is one.
    fn put_into_spool(&mut self, job: &Job, batch: &Batch, outcome: &mut Outcome) -> Result<()> {
        let is_delivered = outcome.verdict.disposition == Disposition::Delivered;
        let Some(spool) = self.spool.filter(|_| !is_delivered) else {
            return Ok(());
        };
        let is_attempted = self.given_up.is_none();
        let exit = outcome.exit();
        message(self.plan, job, self.clock)
            .and_then(|mut message| {
                let body = &job.body;
                journal::accept_after(spool, &mut message, body, outcome, is_attempted, self.clock)
            })
            .map_err(|error| journal::spool_error_context(&outcome.verdict, error))?;
        if let Some(backlog) = self.backlog.as_mut().filter(|_| is_attempted) {
            journal::note_target(backlog.lock(), outcome, self.clock);
        }
        if outcome.verdict.disposition == Disposition::Requeue {
            self.queued = true;
        }
        if is_attempted && exit != Exit::Protocol {
            let dir = spool.dir().display().to_string();
            self.report.given_up(&batch.span, outcome, &dir);
            self.given_up = Some(outcome.why());
        }
        Ok(())
    }

    /// Tells what the API did with a document that the spool did not take in, and stops the run: what else the API does not
    /// accept would be lost.
    fn not_kept(&mut self, job: &Job, batch: &Batch, outcome: &Outcome, error: &Error) -> Stop {
        // Why it was not tried was told before.
        if outcome.tries > 0
            && let Err(untold) = self.report.delivery(job, &batch.span, outcome)
        {
            self.report.error(&untold);
        }
        self.report.error(error);
        // That the API may have accepted it comes before the disk.
        self.exit = self
            .exit
            .or_worse(match outcome.verdict.may_have_been_accepted() {
                true => Exit::IoErr,
                false => error.kind().into(),
            });
        self.stop(batch, outcome)
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
            last_of: None,
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
        let keyed = self.plan.key.is_some() || self.plan.target.idempotency_header.is_none();
        let harmless = self.plan.policy.idempotent && keyed;
        let maybe = outcome.verdict.may_have_been_accepted() && !harmless;
        Stop {
            maybe_taken: maybe.then_some(*batch.span.end()),
        }
    }

    /// Brings everything to disk, and says what the run came to.
    fn end(mut self, stopped: Result<Option<Stop>>, reader: &mut NdjsonReader) -> Result<Exit> {
        let kept = self.failed.as_mut().map_or(Ok(()), Failed::sync);
        let stopped = match (stopped, kept) {
            (Ok(stop), Ok(())) => stop,
            (Err(error), _) | (Ok(_), Err(error)) => {
                self.report.error(&error);
                self.exit = self.exit.or_worse(error.kind().into());
                Some(Stop { maybe_taken: None })
            }
        };
        if stopped.is_some() {
            let left = self.plan.run.limit(Duration::MAX, self.clock.elapsed());
            self.tally
                .add_rest(reader.count_rest(Deadline::after(left)));
        }
        let again = stopped.map(|stop| (self.settled, stop.maybe_taken));
        if let Some(backlog) = self.backlog {
            let is_empty = !self.queued && backlog.remaining() == 0;
            backlog.close(is_empty);
        }
        self.report
            .end(&self.tally, self.clock.elapsed(), self.exit, again);
        Ok(self.exit)
    }
}

/// The file of the lines that were not accepted.
struct Failed {
    file: File,
    path: PathBuf,
}

impl Failed {
    fn open(path: &Path, reader: &NdjsonReader) -> Result<Failed> {
        // It may hold what the API must know and nobody else.
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(|why| Failed::error(path, "opening", &why))?;
        if reader.comes_from(&file) {
            return Err(Error::new(
                Kind::Usage,
                format!(
                    "opening '{}': --lines and --failed are the same file",
                    path.display()
                ),
            )
            .hint("give --failed a file of its own"));
        }
        let path = path.to_owned();
        Ok(Failed { file, path })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|why| Failed::error(&self.path, "writing", &why))
    }

    fn sync(&mut self) -> Result<()> {
        match self.file.sync_all() {
            // A pipe or a terminal has no disk to be brought to.
            Err(why) if why.kind() != io::ErrorKind::InvalidInput => {
                Err(Failed::error(&self.path, "writing", &why))
            }
            _ => Ok(()),
        }
    }

    fn error(path: &Path, doing: &str, why: &io::Error) -> Error {
        let doing = format!("{doing} the file of failed lines '{}'", path.display());
        Error::io(Kind::Output, doing, why)
            .hint("give --failed a place that this user can write to, with room on it")
    }
}
