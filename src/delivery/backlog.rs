//! The pending messages of one target, delivered in the order in which they were accepted.
//!
//! It holds the target's lock, so no other run sends to the target, and a message in `active` was left by a killed run.
//! Delivery continues until a message blocks those after it: the API is not reached, or cannot process the message now,
//! or a person has to fix something first. [`MessageEvent`]s report what happens; nothing is printed here.

mod blocked;
mod event;

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use super::acceptance::Acceptance;
use super::connections::Connections;
use super::exit::Exit;
use super::journal::{self, SpoolJournal};
use super::judge::{History, error_of_message};
use super::verdict::{Disposition, Fate};
use super::{Context, Event, Outcome, Spooling, deliver};
use crate::auth;
use crate::document::Document;
use crate::request::job::Job;
use crate::request::{RetryPolicy, Show};
use crate::spool::{Held, Hold, Id, Message, MessageError, Place, STOPPED, Spool, Tag, TargetLock};
use crate::system::error::{Error, Result};
use crate::system::time::{Clock, Deadline};
pub(crate) use blocked::{Blocked, End};
pub(crate) use event::{MessageEvent, Observer};

/// The longest interval for polling the lock of a target.
const LONGEST_POLL: Duration = Duration::from_millis(100);

/// Waits for the lock of a target; `None` if another run holds it for longer than `limit`.
///
/// # Errors
/// As for [`Spool::lock_target`].
pub(crate) fn wait_for_target<'a>(
    spool: &'a Spool,
    tag: &Tag,
    limit: Duration,
    clock: &dyn Clock,
) -> Result<Option<TargetLock<'a>>> {
    let start = clock.elapsed();
    let mut poll = Duration::from_millis(1);
    loop {
        if let Some(lock) = spool.lock_target(tag)? {
            return Ok(Some(lock));
        }
        let left = limit.saturating_sub(clock.elapsed() - start);
        if left.is_zero() {
            return Ok(None);
        }
        clock.sleep(poll.min(left));
        poll = (poll * 2).min(LONGEST_POLL);
    }
}

/// How the messages of a backlog are sent.
pub(crate) struct Sending<'a> {
    /// When to retry. Each message says itself whether it is idempotent.
    pub(crate) policy: &'a RetryPolicy,
    /// The time limit of the next delivery.
    pub(crate) limit: &'a dyn Fn() -> Duration,
    /// The connections of the run.
    pub(crate) connections: &'a mut Connections,
    /// The callback for events.
    pub(crate) observer: Observer<'a>,
}

/// What a processed message means for those after it.
enum Next {
    /// It has left the queue, and they follow.
    Go,
    /// It has left the queue, but they would fail, too.
    Stop(Blocked),
    /// It is still pending, and they must not overtake it.
    Block(Blocked),
}

/// The pending messages of a target.
pub(crate) struct Backlog<'a> {
    spool: &'a Spool,
    lock: TargetLock<'a>,
    clock: &'a dyn Clock,
    /// The messages that were pending when it was opened, and still are, oldest first.
    pending: VecDeque<OsString>,
    /// How many other messages are left, and are skipped.
    left_alone: usize,
    /// Why nothing may be sent: a message that a killed run left in `active` could not be moved.
    blocked: Option<Blocked>,
}

impl<'a> Backlog<'a> {
    /// Opens the backlog of the target of `lock`. Messages that a killed run left in `active` are requeued or
    /// dead-lettered first.
    ///
    /// # Errors
    /// If the spool cannot be read, and those of the `observer`.
    pub(crate) fn open(
        spool: &'a Spool,
        lock: TargetLock<'a>,
        clock: &'a dyn Clock,
        observer: Observer,
    ) -> Result<Backlog<'a>> {
        let mut backlog = Backlog {
            spool,
            lock,
            clock,
            pending: VecDeque::new(),
            left_alone: 0,
            blocked: None,
        };
        for name in backlog.lock.orphans()? {
            if let Next::Block(blocked) = backlog.recover(&name, observer)? {
                backlog.left_alone += 1;
                backlog.blocked = Some(blocked);
            }
        }
        backlog.pending = backlog.lock.pending()?.into();
        Ok(backlog)
    }

    /// How many messages of the target are left.
    pub(crate) fn remaining(&self) -> usize {
        self.pending.len() + self.left_alone
    }

    /// How many pending messages are older than `id`, or how many there are.
    pub(crate) fn older(&self, id: Option<&Id>) -> usize {
        match id {
            Some(id) => self
                .pending
                .partition_point(|name| name.as_os_str() < OsStr::new(id.as_str())),
            None => self.pending.len(),
        }
    }

    /// The oldest pending message.
    pub(crate) fn oldest(&self) -> Option<OsString> {
        self.pending.front().cloned()
    }

    /// The target's lock.
    pub(crate) fn lock(&mut self) -> &mut TargetLock<'a> {
        &mut self.lock
    }

    /// Releases the target. `is_empty`: nothing is pending, not even a message accepted since; then its lock file is
    /// removed.
    pub(crate) fn close(self, is_empty: bool) {
        if is_empty {
            self.lock.remove();
        }
    }

    /// Delivers the messages older than `id`, or all, until one blocks those after it.
    ///
    /// # Errors
    /// Those of the observer.
    pub(crate) fn deliver(&mut self, id: Option<&Id>, sending: &mut Sending) -> Result<End> {
        if let Some(blocked) = self.blocked.take() {
            return Ok(End::Blocked(blocked));
        }
        for _ in 0..self.older(id) {
            let limit = (sending.limit)();
            if limit.is_zero() {
                return Ok(End::TimedOut);
            }
            let Some(name) = self.pending.front().cloned() else {
                break;
            };
            match self.one(&name, limit, sending)? {
                Next::Go => drop(self.pending.pop_front()),
                Next::Stop(blocked) => {
                    self.pending.pop_front();
                    return Ok(End::Blocked(blocked));
                }
                Next::Block(blocked) => return Ok(End::Blocked(blocked)),
            }
        }
        Ok(End::Done)
    }

    /// Recovers a message found in `active`: the API may have accepted it.
    fn recover(&mut self, name: &OsStr, observer: Observer) -> Result<Next> {
        let (held, message, _) = match self.take(Place::Active, name, observer)? {
            Ok(taken) => taken,
            Err(next) => return Ok(next),
        };
        if let Some(why) = held.unknown_because(&message) {
            return self.dead_letter(held, &message, why, observer);
        }
        if let Some(_locked) = held.namesake() {
            let why = MessageError::NoMessage("another message of its name may have been accepted");
            if let Some(error) = set_aside(self.spool, Place::Queue, name, &why, observer)? {
                return Ok(Next::Block(Blocked::by(&error)));
            }
        }
        match held.requeue() {
            Ok(()) => Ok(Next::Go),
            Err(error) => leave(&error, observer),
        }
    }

    /// Dead-letters a message that the API may have accepted, for this reason, and that must not be sent twice.
    fn dead_letter(
        &mut self,
        held: Held,
        message: &Message,
        why: &str,
        observer: Observer,
    ) -> Result<Next> {
        if let Err(error) = held.dead_letter_because(why) {
            return leave(&error, observer);
        }
        observer(MessageEvent::DeadLettered {
            message,
            why,
            hint: Some(&self.remedy_for_unknown(message)),
            exit: Exit::IoErr,
        })?;
        Ok(Next::Go)
    }

    /// What to do about a dead letter that the API may have accepted.
    fn remedy_for_unknown(&self, message: &Message) -> String {
        let (dir, id) = (self.spool.dir().display(), &message.id);
        format!(
            "ask the API whether it has it: 'authpost drop {dir} {id}' removes it, 'authpost retry {dir} {id}' sends it again"
        )
    }

    /// Locks and reads the message called `name`. If it is damaged or not a message, it is set aside; if it cannot be used
    /// now, it stays, and that is reported.
    fn take(
        &mut self,
        place: Place,
        name: &OsStr,
        observer: Observer,
    ) -> Result<std::result::Result<(Held<'a>, Message, Document), Next>> {
        let held = match self.spool.hold(place, name) {
            Ok(Hold::Held(held)) => held,
            Ok(Hold::Gone) => return Ok(Err(Next::Go)),
            // Another run works on it now, for example `retry`.
            Ok(Hold::Busy) => {
                let blocked = Blocked::because("another run is working on the oldest");
                return Ok(Err(Next::Block(blocked)));
            }
            Ok(Hold::Invalid(why)) => {
                return next_to_invalid(self.spool, place, name, &why, observer).map(Err);
            }
            Err(error) => return leave(&error, observer).map(Err),
        };
        let why = match held.read() {
            Ok((message, body)) => return Ok(Ok((held, message, body))),
            Err(why) => why,
        };
        let error = why.of(&self.spool.path(place, name));
        match why {
            // Another version has to deliver it, so it does not block ours.
            MessageError::Version(_) => {
                self.left_alone += 1;
                observer(MessageEvent::Left(&error))?;
                Ok(Err(Next::Go))
            }
            MessageError::Unreadable(_) => leave(&error, observer).map(Err),
            MessageError::NoMessage(_) | MessageError::Exposed | MessageError::Damaged(_) => {
                next_to_invalid(self.spool, place, name, &why, observer).map(Err)
            }
        }
    }

    /// Delivers the message called `name` within `limit`.
    fn one(&mut self, name: &OsStr, limit: Duration, sending: &mut Sending) -> Result<Next> {
        let (mut held, message, body) = match self.take(Place::Queue, name, sending.observer)? {
            Ok(taken) => taken,
            Err(next) => return Ok(next),
        };
        if let Some(why) = held.unknown_because(&message) {
            return self.dead_letter(held, &message, why, sending.observer);
        }
        if sending.connections.cannot_reach(&message.target) {
            let blocked = Blocked::because("its API was not reached for another target");
            return Ok(Next::Block(blocked));
        }
        let mut job = message.job(body);
        let mut outcome = match self.attempt(&mut job, &message, &mut held, limit, sending) {
            Ok(outcome) => outcome,
            Err(error) => {
                let error = error_of_message(error);
                sending.connections.failed(&job.target, &error);
                let requeued = self.not_sent(held, &message, &error);
                (sending.observer)(MessageEvent::Left(&error))?;
                if let Err(error) = requeued {
                    (sending.observer)(MessageEvent::Left(&error))?;
                }
                return Ok(Next::Block(Blocked::by(&error)));
            }
        };
        if outcome.verdict.fate == Fate::Unsent {
            sending.connections.not_reached(&job.target);
        }
        outcome.spool = Spooling::Flushed;
        let put = journal::dispose(
            self.spool,
            &mut self.lock,
            held,
            &message,
            &outcome,
            self.clock,
        );
        let why = outcome.why();
        let unknown = outcome.verdict.may_have_been_accepted() && !message.idempotent;
        let unknown = unknown.then(|| self.remedy_for_unknown(&message));
        let hint = match (outcome.hint(), unknown) {
            (hint, None) => hint.map(str::to_owned),
            (None, unknown) => unknown,
            (Some(hint), Some(unknown)) => Some(format!("{hint}; {unknown}")),
        };
        (sending.observer)(match (&put, outcome.verdict.disposition) {
            (Err(error), _) => MessageEvent::NotMoved {
                message: &message,
                outcome: &outcome,
                error,
            },
            (Ok(()), Disposition::Delivered) => MessageEvent::Delivered(&message, &outcome),
            (Ok(()), Disposition::Requeue) => MessageEvent::Requeued {
                message: &message,
                outcome: &outcome,
                wait: self.lock.backoff().wait,
            },
            (Ok(()), Disposition::DeadLetter) => MessageEvent::DeadLettered {
                message: &message,
                why: &why,
                hint: hint.as_deref(),
                exit: outcome.exit(),
            },
        })?;
        (sending.observer)(MessageEvent::Attempted(&job, &outcome))?;
        Ok(match (put, outcome.verdict.disposition) {
            (Err(error), _) => Next::Block(Blocked::by(&error)),
            (Ok(()), Disposition::Requeue) => Next::Block(Blocked::after(&outcome)),
            (Ok(()), _) if outcome.verdict.blocks_target() => Next::Stop(Blocked::after(&outcome)),
            (Ok(()), _) => Next::Go,
        })
    }

    fn attempt(
        &self,
        job: &mut Job,
        message: &Message,
        held: &mut Held,
        limit: Duration,
        sending: &mut Sending,
    ) -> Result<Outcome> {
        let retries = self.spool.retry_state(OsStr::new(message.id.as_str()));
        let context = Context {
            policy: &RetryPolicy {
                idempotent: message.idempotent,
                ..sending.policy.clone()
            },
            limit,
            acceptance: Acceptance {
                expect: &message.expect,
                any_answer: message.any_answer,
                show: &Show::Body,
            },
            clock: self.clock,
            is_message: true,
            history: History {
                attempts: match message.idempotent {
                    true => retries.failures,
                    false => 0,
                },
                failed_alone: retries.failed_alone,
                gives_up_after: retries.gives_up_after(message.created, self.clock.unix()),
            },
        };
        job.target = auth::with_url(&job.target, Deadline::after(limit))?;
        let observer = &mut *sending.observer;
        let api = sending.connections.api(&job.target, observer)?;
        // An error while reporting does not stop the delivery.
        let tell = &mut |event: Event| drop(observer(MessageEvent::Delivering(job, event)));
        deliver(job, api, &context, &mut SpoolJournal(held), tell)
    }

    /// Requeues a message that was not sent because of an error of our own.
    ///
    /// # Errors
    /// If the spool cannot do it.
    pub(crate) fn not_sent(&mut self, held: Held, message: &Message, error: &Error) -> Result<()> {
        let now = self.clock.unix();
        let mut retries = self.spool.retry_state(OsStr::new(message.id.as_str()));
        retries.failed(message.created, now, false, &error.to_string());
        self.spool.save_state(&message.id, &retries);
        self.lock.failed(now, None);
        held.requeue()
    }
}

/// A message cannot be moved or read now: those after it must not overtake it.
fn leave(error: &Error, observer: Observer) -> Result<Next> {
    observer(MessageEvent::Left(error))?;
    Ok(Next::Block(Blocked::by(error)))
}

fn next_to_invalid(
    spool: &Spool,
    place: Place,
    name: &OsStr,
    why: &MessageError,
    observer: Observer,
) -> Result<Next> {
    Ok(match set_aside(spool, place, name, why, observer)? {
        None => Next::Go,
        Some(error) => Next::Block(Blocked::by(&error)),
    })
}

/// Dead-letters a file that is not a message, or a damaged message. Returns the error if that fails; it has been reported.
///
/// # Errors
/// Those of the `observer`.
pub(crate) fn set_aside(
    spool: &Spool,
    place: Place,
    name: &OsStr,
    why: &MessageError,
    observer: Observer,
) -> Result<Option<Error>> {
    let (why, exit) = match (place, why) {
        // The user may repair its mode and send it again, and has to know this.
        (Place::Active, MessageError::Exposed) => (format!("{why}; {STOPPED}"), Exit::IoErr),
        _ => (why.to_string(), Exit::DataErr),
    };
    if let Err(error) = spool.set_aside(place, name, &why) {
        observer(MessageEvent::Left(&error))?;
        return Ok(Some(error));
    }
    let path = spool.path(place, name);
    let why = &why;
    observer(MessageEvent::SetAside { path, why, exit })?;
    Ok(None)
}
