//! `authpost flush`: delivers the messages of a spool that are pending and due.
//!
//! Targets are processed one after the other, and each one's messages in order. Targets that failed the last time come
//! last, and an API that cannot be reached gets one attempt. A problem with the token, a certificate or this machine never
//! dead-letters a message. A disk that cannot be written is an error for every target, because no message is sent without
//! being marked first.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use super::alert::alert;
use super::{begin, warn};
use crate::delivery::Outcome;
use crate::delivery::backlog::{self, Backlog, End, MessageEvent, Sending};
use crate::delivery::connections::Connections;
use crate::delivery::exit::{Exit, RunEnd};
use crate::delivery::journal;
use crate::output::{self, Report};
use crate::request::{Chosen, Flush, Output, RetryPolicy, RunLimits};
use crate::spool::{Id, Message, Place, Spool, Tag, TargetLock};
use crate::system::claim::Claim;
use crate::system::error::{Error, Result};
use crate::system::time::{self, Clock, SystemClock};

/// Delivers what `flush` describes. Returns the exit code: success if nothing that is due is left, else the most severe one.
///
/// # Errors
/// If the spool cannot be used.
pub(crate) fn run(flush: &Flush) -> Result<RunEnd> {
    deliver(flush, None).map_err(|error| error.after(Claim::Flushed))
}

/// Delivers what is pending for these targets, for `retry --now`.
///
/// # Errors
/// As for [`run`].
pub(crate) fn only(chosen: &Chosen, mut tags: Vec<Tag>) -> Result<RunEnd> {
    let flush = Flush {
        dir: chosen.dir.clone(),
        timeout: Duration::from_secs(60),
        run: RunLimits::default(),
        output: Output {
            quiet: chosen.quiet,
            ..Output::default()
        },
        alert_after: Duration::MAX,
    };
    tags.sort_unstable();
    let end = deliver(&flush, Some(&tags)).map_err(|error| error.after(Claim::Unstated))?;
    // A second `retry` sends again what the first one dead-lettered.
    let claim = end.claim.map(|claim| match claim {
        Claim::Flushed => Claim::Unstated,
        claim => claim,
    });
    Ok(RunEnd { claim, ..end })
}

/// Delivers what is pending, for `only` these sorted tags if they are given.
fn deliver(flush: &Flush, only: Option<&[Tag]>) -> Result<RunEnd> {
    let clock = &SystemClock::start();
    let report = Report::new(&flush.output);
    report.watch();
    let _lock = begin(&flush.run, clock, report)?;
    // A crontab may run flush before the first send: the directory may still be empty.
    if Spool::is_prepared(&flush.dir)? {
        report.unless_quiet(&Counts::default().summary(&flush.dir));
        return Ok(Exit::Ok.into());
    }
    let spool = Spool::open(&flush.dir)?;
    let Some(_lock) = spool.lock_flush()? else {
        report.unless_quiet(&format!(
            "another flush of the spool '{}' is running; leaving it to that one",
            spool.dir().display()
        ));
        return Ok(Exit::Ok.into());
    };
    spool.sweep();
    spool.count_bytes()?;
    let mut run = FlushRun {
        flush,
        spool: &spool,
        clock,
        connections: Connections::default(),
        tally: Tally {
            report,
            limit: flush.timeout,
            clock,
            reported: HashSet::new(),
            exit: Exit::Ok,
            counts: Counts::default(),
            unknown: Vec::new(),
            has_spoken: false,
            all: 0,
            failed: 0,
        },
    };
    let mut targets = run.targets()?;
    targets.retain(|target| only.is_none_or(|tags| tags.binary_search(&target.tag).is_ok()));
    let total: usize = targets.iter().map(|target| target.count).sum();
    run.tally.all = total;
    let mut done = 0;
    for target in targets {
        if flush.limit(clock.elapsed()).is_zero() {
            run.tally.timed_out(total - done);
            break;
        }
        done += target.count;
        run.target(&target, total - done)?;
        run.tally.progress();
    }
    report.unless_quiet(&run.tally.counts.summary(spool.dir()));
    Ok(run.tally.end())
}

/// How many messages had which outcome.
#[derive(Default)]
struct Counts {
    delivered: usize,
    pending: usize,
    early: usize,
    dead: usize,
}

impl Counts {
    fn summary(&self, dir: &Path) -> String {
        let counts = [
            (self.delivered, "delivered"),
            (self.pending, "still pending"),
            (self.early, "not due yet"),
            (self.dead, "dead-lettered"),
        ];
        let shown: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        match shown.is_empty() {
            true => format!("nothing is pending in the spool '{}'", dir.display()),
            false => format!("the spool '{}': {}", dir.display(), shown.join(", ")),
        }
    }
}

/// The messages of a target that were there when the run began.
struct PendingTarget {
    tag: Tag,
    oldest: OsString,
    count: usize,
}

struct FlushRun<'a> {
    flush: &'a Flush,
    spool: &'a Spool,
    clock: &'a SystemClock,
    connections: Connections,
    tally: Tally<'a>,
}

impl FlushRun<'_> {
    /// All targets with messages: first those that did not fail the last time, sorted by their oldest message.
    fn targets(&mut self) -> Result<Vec<PendingTarget>> {
        let mut ids = Vec::new();
        for place in [Place::Active, Place::Queue] {
            for name in self.spool.names(place)? {
                match Id::parse(&name) {
                    Some(id) => ids.push(id),
                    None => {
                        let why = crate::spool::NO_NAME;
                        let observer = &mut |event: MessageEvent| self.tally.event(event);
                        backlog::set_aside(self.spool, place, &name, &why, observer)?;
                    }
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        let mut targets: Vec<PendingTarget> = Vec::new();
        let mut places = HashMap::new();
        for id in ids {
            let place = *places.entry(id.tag()).or_insert(targets.len());
            match targets.get_mut(place) {
                Some(target) => target.count += 1,
                None => targets.push(PendingTarget {
                    tag: id.tag(),
                    oldest: id.as_str().into(),
                    count: 1,
                }),
            }
        }
        let has_failed = |target: &PendingTarget| self.spool.backoff(&target.tag).failures > 0;
        let (failed, mut targets): (Vec<_>, Vec<_>) = targets.into_iter().partition(has_failed);
        targets.extend(failed);
        Ok(targets)
    }

    /// Delivers the messages of a target, if it is due; `others` is how many messages the targets after it have.
    fn target(&mut self, target: &PendingTarget, others: usize) -> Result<()> {
        let count = target.count;
        if self.cannot_reach(target) {
            self.tally.counts.pending += count;
            return Ok(());
        }
        let mut lock = match self.spool.lock_target(&target.tag) {
            Ok(Some(lock)) => lock,
            // The run that has it delivers them.
            Ok(None) => {
                self.tally.counts.pending += count;
                return Ok(());
            }
            Err(error) => {
                self.tally.counts.pending += count;
                return self.tally.event(MessageEvent::Left(&error));
            }
        };
        if lock.backoff().left(self.clock.unix()) > 0 {
            self.tally.counts.early += count;
            self.alert(&mut lock, &target.oldest, count);
            return Ok(());
        }
        let (flush, clock) = (self.flush, self.clock);
        let tally = &mut self.tally;
        let observer = &mut |event: MessageEvent| tally.event(event);
        let mut backlog = Backlog::open(self.spool, lock, clock, observer)?;
        let end = backlog.deliver(
            None,
            &mut Sending {
                // One attempt: the next run makes the next one.
                policy: &RetryPolicy {
                    timeout: flush.timeout,
                    max_attempts: Some(1),
                    wait: Duration::ZERO,
                    max_wait: Duration::ZERO,
                    idempotent: false,
                    retries_outages: false,
                },
                limit: &|| flush.limit(clock.elapsed()),
                connections: &mut self.connections,
                observer,
            },
        )?;
        let remaining = backlog.remaining();
        match end {
            End::TimedOut => self.tally.timed_out(remaining + others),
            End::Done | End::Blocked(_) => self.tally.counts.pending += remaining,
        }
        if let Some(oldest) = backlog.oldest() {
            self.alert(backlog.lock(), &oldest, remaining);
        }
        backlog.close(remaining == 0);
        Ok(())
    }

    /// Warns if messages have been pending for long.
    fn alert(&mut self, lock: &mut TargetLock, oldest: &OsStr, count: usize) {
        let (spool, after) = (self.spool, self.flush.alert_after);
        self.tally.has_spoken |= alert(spool, lock, (oldest, count), after, false, self.clock);
    }

    /// Whether this run already failed to send to the target of its oldest message.
    fn cannot_reach(&self, target: &PendingTarget) -> bool {
        let (spool, oldest) = (self.spool, &target.oldest);
        match spool.read_unlocked(Place::Queue, oldest, Message::glance) {
            Some((_, Ok(message))) => self.connections.cannot_reach(&message.target),
            _ => false,
        }
    }
}

/// Reports and counts what happens.
struct Tally<'a> {
    report: Report<'a>,
    /// How long a delivery may take.
    limit: Duration,
    /// The failures already reported: a reason that many messages share is reported once.
    reported: HashSet<String>,
    exit: Exit,
    counts: Counts,
    /// The messages that were dead-lettered or left as they are, because the API may have accepted them.
    unknown: Vec<Unknown>,
    /// Whether a failure or an alert was told.
    has_spoken: bool,
    clock: &'a SystemClock,
    /// How many messages there are to deliver.
    all: usize,
    /// How many of them could not be delivered, or not yet.
    failed: usize,
}

/// A message that the API may have accepted.
struct Unknown {
    id: String,
    key: Option<String>,
}

impl Tally<'_> {
    /// How the run ends: silently, where nothing was told.
    fn end(mut self) -> RunEnd {
        let claim = match (self.unknown.pop(), self.unknown.len()) {
            (None, _) => Claim::Flushed,
            (Some(Unknown { id, key }), 0) => Claim::Unknown {
                what: id,
                key,
                idempotent: false,
            },
            (Some(_), others) => Claim::UnknownDocuments(others + 1),
        };
        RunEnd {
            exit: self.exit,
            claim: self.has_spoken.then_some(claim),
        }
    }

    fn event(&mut self, event: MessageEvent) -> Result<()> {
        match event {
            MessageEvent::Connecting(target) => warn(target, self.limit, self.report),
            MessageEvent::Delivering(job, event) => self.report.event(job, event),
            MessageEvent::Attempted(job, outcome) => self.report.flushed(job, outcome)?,
            MessageEvent::Delivered(message, outcome) => {
                self.counts.delivered += 1;
                self.fails(outcome.exit());
                self.report.incomplete(message, outcome);
            }
            MessageEvent::Requeued {
                message,
                outcome,
                wait,
            } => self.requeued(message, outcome, wait),
            MessageEvent::DeadLettered {
                message,
                why,
                hint,
                exit,
            } => {
                self.counts.dead += 1;
                self.failed += 1;
                self.fails(exit);
                if exit == Exit::IoErr {
                    self.unknown(message);
                }
                self.report.dead_lettered(message, why, hint);
            }
            MessageEvent::NotMoved {
                message,
                outcome,
                error,
            } => {
                self.failed += 1;
                self.fails(journal::exit_with_spool_error(outcome, error));
                if outcome.verdict.may_have_been_accepted() {
                    self.unknown(message);
                }
                self.report.not_moved(message, outcome, error);
            }
            MessageEvent::SetAside { path, why, exit } => {
                self.counts.dead += 1;
                self.fails(exit);
                if exit == Exit::IoErr {
                    self.unknown.push(Unknown {
                        id: path.file_name().unwrap_or_default().display().to_string(),
                        key: None,
                    });
                }
                self.report.set_aside(&path, why);
            }
            MessageEvent::Left(error) => self.left(error),
        }
        self.progress();
        Ok(())
    }

    /// The API may have accepted it.
    fn unknown(&mut self, message: &Message) {
        self.unknown.push(Unknown {
            id: message.id.to_string(),
            key: message.key.as_ref().map(|key| key.0.clone()),
        });
    }

    /// A failure that is told.
    fn fails(&mut self, exit: Exit) {
        self.exit = self.exit.or_worse(exit);
        self.has_spoken |= exit != Exit::Ok;
    }

    fn progress(&self) {
        let counts = &self.counts;
        let done = counts.delivered + counts.pending + counts.early + counts.dead;
        let counts = (counts.delivered, self.failed);
        let elapsed = self.clock.elapsed();
        self.report.progress((done, self.all), counts, elapsed);
    }

    fn requeued(&mut self, message: &Message, outcome: &Outcome, wait: u64) {
        self.failed += 1;
        self.exit = self.exit.or_worse(outcome.exit());
        // With --quiet, cron should not send mail because an API is down for a while, but should for a refused token.
        if self.report.is_quiet() && outcome.exit() != Exit::NoPerm {
            return;
        }
        self.has_spoken = true;
        let why = format!("to {}: {}", message.target.url, outcome.why());
        let wait = time::in_words(Duration::from_secs(wait));
        if self.reported.insert(why.clone()) {
            let text = format!(
                "{} {why}; next attempt in {wait} at the earliest",
                message.id
            );
            output::warn(&text, outcome.hint());
        }
    }

    fn left(&mut self, error: &Error) {
        self.fails(error.kind().into());
        output::error(error);
    }

    fn timed_out(&mut self, left: usize) {
        self.counts.pending += left;
        self.fails(Exit::TempFail);
        let messages = if left == 1 { "message" } else { "messages" };
        let text = format!("stopped by --max-time, with {left} {messages} left");
        output::warn(&text, Some("the next flush continues; or raise --max-time"));
    }
}
