//! The warning that messages have been pending for long: once a day for each target, even with `--quiet`.

use std::ffi::OsStr;
use std::time::Duration;

use crate::delivery::backlog::Backlog;
use crate::output;
use crate::spool::{Id, Message, Place, Spool, TargetLock};
use crate::system::time::{self, Clock};

/// Warns if the oldest of the `count` messages that are pending for the target of `lock` is older than `after`, unless there
/// was a warning within the last day. `unflushed`: nothing flushes the spool. Returns whether it warned.
pub(super) fn alert(
    spool: &Spool,
    lock: &mut TargetLock,
    (oldest, count): (&OsStr, usize),
    after: Duration,
    unflushed: bool,
    clock: &dyn Clock,
) -> bool {
    let now = clock.unix();
    let accepted = Id::parse(oldest).map_or(now, |id| id.micros() / 1_000_000);
    let age = Duration::from_secs(now.saturating_sub(accepted));
    if age < after || !lock.backoff().is_alert_due(now) {
        return false;
    }
    let read = |place| spool.read_unlocked(place, oldest, Message::glance);
    let Some((_, Ok(message))) = read(Place::Queue).or_else(|| read(Place::Active)) else {
        return false;
    };
    let pending = match count {
        1 => "1 message is pending".to_owned(),
        count => format!("{count} messages are pending"),
    };
    let error = match spool.retry_state(oldest).error {
        error if error.is_empty() => error,
        error => format!(": {error}"),
    };
    let (url, age, dir) = (
        &message.target.url,
        time::in_words(age),
        spool.dir().display(),
    );
    let (nothing, remedy) = match unflushed {
        true => (
            ", and nothing flushes them",
            format!("run 'authpost flush -q {dir}' from cron"),
        ),
        false => ("", format!("'authpost list {dir}' shows what is pending")),
    };
    let text = format!("to {url}: {pending}, the oldest for {age}{nothing}{error}");
    output::warn(&text, Some(&remedy));
    lock.alerted(now);
    true
}

/// Warns if messages of `backlog` have been pending for longer than `after`, and nothing has flushed the spool for so long.
pub(super) fn alert_unflushed(
    spool: &Spool,
    backlog: &mut Backlog,
    after: Duration,
    clock: &dyn Clock,
) {
    let count = backlog.remaining();
    if let Some(oldest) = backlog.oldest()
        && spool.since_flush() >= after
    {
        let (pending, lock) = ((&*oldest, count), backlog.lock());
        alert(spool, lock, pending, after, true, clock);
    }
}
