//! `authpost flush`: delivers what waits in a spool and is due, oldest first.
//!
//! One bad message never keeps back the others, and a host that cannot be reached is tried once. What goes wrong with
//! the token, a certificate or this machine never makes a message dead. A disk that cannot be written is told for every
//! message: none is sent that could not be marked before.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::begin;
use crate::delivery::api::Api;
use crate::delivery::exit::Exit;
use crate::delivery::journal::{self, SpoolJournal};
use crate::delivery::verdict::{Acceptance, Disposition, Fate};
use crate::delivery::{Context, Event, Outcome, Spooling, deliver};
use crate::document::Document;
use crate::output::{self, Report};
use crate::request::job::Job;
use crate::request::{Flush, RetryPolicy, Show, Target};
use crate::spool::{Held, Hold, Message, MessageError, Place, RetryState, STOPPED, Spool};
use crate::system::error::{Error, Kind, Result};
use crate::system::time::{self, Clock, SystemClock};

/// Delivers what `flush` says. How the run is to end: well, when nothing that is due is still pending, else by the most
/// severe reason.
///
/// # Errors
/// When the spool cannot be used.
pub(crate) fn run(flush: &Flush) -> Result<Exit> {
    let clock = &SystemClock::start();
    let report = Report::new(&flush.output);
    let _lock = begin(&flush.run, clock, report)?;
    // A crontab has both lines from the start: a directory that was made for the spool may still be empty.
    if Spool::is_prepared(&flush.dir)? {
        report.unless_quiet(&Counts::default().summary(&flush.dir));
        return Ok(Exit::Ok);
    }
    let spool = Spool::open(&flush.dir)?;
    let Some(_turn) = spool.turn()? else {
        report.unless_quiet(&format!(
            "another flush of the spool '{}' is at work; leaving it to that one",
            spool.dir().display()
        ));
        return Ok(Exit::Ok);
    };
    let mut run = FlushRun {
        spool: &spool,
        report,
        clock,
        session: None,
        unreached: Vec::new(),
        unusable: Vec::new(),
        told: HashSet::new(),
        exit: Exit::Ok,
        counts: Counts::default(),
    };
    spool.sweep();
    for name in spool.names(Place::Active)? {
        run.recover(&name);
    }
    let names = spool.names(Place::Queue)?;
    for (done, name) in names.iter().enumerate() {
        let limit = flush.run.limit(flush.timeout, clock.elapsed());
        if limit.is_zero() {
            run.out_of_time(names.len() - done);
            break;
        }
        report.progress(done, names.len());
        run.message(name, limit)?;
    }
    report.pause();
    report.unless_quiet(&run.counts.summary(spool.dir()));
    Ok(run.exit)
}

/// A connection and a token, kept as long as one message after the other can use them.
struct Session {
    target: Rc<Target>,
    api: Api,
}

/// Whether one connection and token serve both.
fn share(a: &Target, b: &Target) -> bool {
    a.url.origin() == b.url.origin()
        && a.connection == b.connection
        && a.auth == b.auth
        && a.header_files == b.header_files
}

/// What became of the messages.
#[derive(Default)]
struct Counts {
    delivered: usize,
    waiting: usize,
    early: usize,
    dead: usize,
}

impl Counts {
    fn summary(&self, dir: &Path) -> String {
        let counts = [
            (self.delivered, "delivered"),
            (self.waiting, "still pending"),
            (self.early, "not due yet"),
            (self.dead, "dead-lettered"),
        ];
        let told: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        match told.is_empty() {
            true => format!("nothing is pending in the spool '{}'", dir.display()),
            false => format!("the spool '{}': {}", dir.display(), told.join(", ")),
        }
    }
}

struct FlushRun<'a> {
    spool: &'a Spool,
    report: Report<'a>,
    clock: &'a dyn Clock,
    session: Option<Session>,
    /// Origins that could not be reached in this run.
    unreached: Vec<String>,
    /// Targets whose token, certificate or the like cannot be used in this run.
    unusable: Vec<Rc<Target>>,
    /// What was said already: that a thousand messages wait for one reason is said once.
    told: HashSet<String>,
    exit: Exit,
    counts: Counts,
}

impl<'a> FlushRun<'a> {
    /// A message found in `active` that nobody holds may have been taken.
    fn recover(&mut self, name: &OsStr) {
        let Some((held, message, _)) = self.take(Place::Active, name) else {
            return;
        };
        match held.unknown_because() {
            Some(doubt) if !message.idempotent => self.give_up(held, &message, doubt),
            _ => {
                if let Some(_locked) = held.namesake() {
                    let why = "another message of its name may have been accepted";
                    self.set_aside(Place::Queue, name, &MessageError::NoMessage(why));
                }
                if let Err(error) = held.requeue() {
                    self.leave(&error);
                }
            }
        }
    }

    /// A message that the API may have accepted, for this reason, and that must not be sent twice.
    fn give_up(&mut self, held: Held, message: &Message, doubt: &str) {
        let mut retries = self.spool.retry_state(OsStr::new(held.id.as_str()));
        retries.error = doubt.to_owned();
        if let Err(error) = self.dead_letter(held, message, &retries, Exit::IoErr, None) {
            self.tell(&error, error.kind().into());
        }
    }

    /// The message called `name`, held and whole. What is damaged or no message is set aside; what cannot be used now
    /// is left alone, and told.
    fn take(&mut self, place: Place, name: &OsStr) -> Option<(Held<'a>, Message, Document)> {
        let held = match self.spool.hold(place, name) {
            Ok(Hold::Held(held)) => held,
            Ok(Hold::Busy | Hold::Gone) => return None,
            Ok(Hold::Invalid(flaw)) => {
                self.set_aside(place, name, &flaw);
                return None;
            }
            Err(error) => {
                self.leave(&error);
                return None;
            }
        };
        let flaw = match held.read() {
            Ok((message, body)) => return Some((held, message, body)),
            Err(flaw) => flaw,
        };
        let kind = match flaw {
            MessageError::Version(_) => Kind::Config,
            MessageError::Unreadable(_) => Kind::Input,
            MessageError::NoMessage(_) | MessageError::Exposed | MessageError::Damaged(_) => {
                self.set_aside(place, name, &flaw);
                return None;
            }
        };
        let path = self.spool.path(place, name);
        self.leave(&Error::new(
            kind,
            format!("reading the message '{}': {flaw}", path.display()),
        ));
        None
    }

    /// A message that stays where it is.
    fn leave(&mut self, error: &Error) {
        self.counts.waiting += 1;
        self.tell(error, error.kind().into());
    }

    fn tell(&mut self, error: &Error, exit: Exit) {
        self.exit = self.exit.or_worse(exit);
        self.report.pause();
        output::error(error);
    }

    fn set_aside(&mut self, place: Place, name: &OsStr, flaw: &MessageError) {
        let (why, exit) = match (place, flaw) {
            // Whoever mends its mode and sends it again must know that.
            (Place::Active, MessageError::Exposed) => (format!("{flaw}; {STOPPED}"), Exit::IoErr),
            _ => (flaw.to_string(), Exit::DataErr),
        };
        if let Err(error) = self.spool.set_aside(place, name, &why) {
            return self.leave(&error);
        }
        self.counts.dead += 1;
        self.exit = self.exit.or_worse(exit);
        let path = self.spool.path(place, name);
        self.report
            .warn(&format!("dead-lettering '{}': {why}", path.display()), None);
    }

    /// Delivers the message called `name` within `limit`, if it is due.
    fn message(&mut self, name: &OsStr, limit: Duration) -> Result<()> {
        let mut retries = self.spool.retry_state(name);
        if retries.left(self.clock.unix()) > 0 {
            self.counts.early += 1;
            return Ok(());
        }
        let Some((mut held, message, body)) = self.take(Place::Queue, name) else {
            return Ok(());
        };
        if let Some(doubt) = held.unknown_because().filter(|_| !message.idempotent) {
            self.give_up(held, &message, doubt);
            return Ok(());
        }
        let target = message.target.clone();
        let origin = target.url.origin();
        if self.unreached.iter().any(|known| known == origin)
            || self.unusable.iter().any(|known| share(known, &target))
        {
            self.counts.waiting += 1;
            return Ok(());
        }
        let job = message.job(body);
        let now = self.clock.unix();
        let outcome = match self.deliver(&job, &message, &mut held, &retries, limit) {
            Ok(outcome) => outcome,
            Err(error) => {
                retries.failed(message.created, now, None, &error.to_string());
                self.spool.save_state(name, &retries);
                self.session = None;
                self.leave(&error);
                if error.kind() != Kind::Output {
                    self.unusable.push(target);
                }
                if let Err(error) = held.requeue() {
                    self.tell(&error, error.kind().into());
                }
                return Ok(());
            }
        };
        if outcome.verdict.fate == Fate::Unsent {
            self.session = None;
            self.unreached.push(origin.to_owned());
        }
        let asked = outcome.retry_after(self.clock);
        retries.failed(message.created, self.clock.unix(), asked, &outcome.why());
        let put = match outcome.verdict.disposition {
            Disposition::Delivered => {
                self.counts.delivered += 1;
                self.incomplete(&message, &outcome);
                held.remove()
            }
            Disposition::Requeue => self.requeue(held, &message, &retries, &outcome),
            Disposition::DeadLetter => {
                self.dead_letter(held, &message, &retries, outcome.exit(), outcome.hint())
            }
        };
        if let Err(error) = put {
            let exit = journal::exit_with_spool_error(&outcome, &error);
            self.tell(&journal::spool_error_context(&outcome.verdict, error), exit);
        }
        self.report.flushed(&job, &outcome)
    }

    fn deliver(
        &mut self,
        job: &Job,
        message: &Message,
        held: &mut Held,
        retries: &RetryState,
        limit: Duration,
    ) -> Result<Outcome> {
        let session = match self.session.take() {
            Some(session) if share(&session.target, &job.target) => session,
            _ => {
                super::warn(&job.target, limit, self.report);
                let target = job.target.clone();
                let api = Api::new(&target)?;
                Session { target, api }
            }
        };
        let context = Context {
            // One try: the next run is the next one.
            policy: &RetryPolicy {
                timeout: limit,
                tries: Some(1),
                wait: Duration::ZERO,
                max_wait: Duration::ZERO,
                idempotent: message.idempotent,
                rides_out_outages: false,
            },
            limit,
            acceptance: Acceptance {
                expect: &message.expect,
                any_answer: message.any_answer,
                show: &Show::Body,
            },
            clock: self.clock,
            earlier_attempts: if message.idempotent { retries.tries } else { 0 },
            last_of: retries.last_try(message.created, self.clock.unix()),
        };
        let api = &mut self.session.insert(session).api;
        let report = self.report;
        let tell = &mut |event: Event| report.event(job, event);
        let mut outcome = deliver(job, api, &context, &mut SpoolJournal(held), tell)?;
        outcome.spool = Spooling::Flushed;
        Ok(outcome)
    }

    fn requeue(
        &mut self,
        held: Held,
        message: &Message,
        retries: &RetryState,
        outcome: &Outcome,
    ) -> Result<()> {
        self.spool.save_state(&held.id, retries);
        let put = held.requeue();
        self.counts.waiting += 1;
        self.exit = self.exit.or_worse(outcome.exit());
        let why = format!("to {}: {}", message.target.url, retries.error);
        let wait = time::spoken(Duration::from_secs(retries.wait));
        if self.told.insert(why.clone()) {
            let text = format!(
                "{} {why}; next attempt in {wait} at the earliest",
                message.id
            );
            self.report.warn(&text, outcome.hint());
        }
        put
    }

    fn dead_letter(
        &mut self,
        held: Held,
        message: &Message,
        retries: &RetryState,
        exit: Exit,
        remedy: Option<&str>,
    ) -> Result<()> {
        self.spool.save_state(&held.id, retries);
        let put = held.dead_letter();
        let (count, now) = match put {
            Ok(()) => (&mut self.counts.dead, "; dead-lettered"),
            Err(_) => (&mut self.counts.waiting, ""),
        };
        *count += 1;
        self.exit = self.exit.or_worse(exit);
        let (id, url) = (&message.id, &message.target.url);
        let text = format!("{id} to {url}: {}{now}", retries.error);
        self.report.warn(&text, remedy);
        put
    }

    /// Tells of a message that the API accepted, with an answer that broke off.
    fn incomplete(&mut self, message: &Message, outcome: &Outcome) {
        if outcome.exit() == Exit::Ok {
            return;
        }
        self.exit = self.exit.or_worse(outcome.exit());
        let (id, url) = (&message.id, &message.target.url);
        let text = format!("{id} to {url}: {}", outcome.why());
        self.report.warn(&text, outcome.hint());
    }

    fn out_of_time(&mut self, left: usize) {
        self.counts.waiting += left;
        self.exit = self.exit.or_worse(Exit::TempFail);
        let text = format!("--max-time is over, with {left} messages still to look at");
        self.report
            .warn(&text, Some("the next flush goes on; or give it more time"));
    }
}
