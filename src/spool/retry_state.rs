//! What is remembered between runs: for a message, how often delivery failed and why; for a target, when it is due.
//!
//! Never synced: if it is lost, the target is due at once, and nothing else happens. It must be safe if the clock jumps:
//! waits are durations, counted from a time in the past, and each gap between two failures ages a message by a day at
//! most. A failure is one failed delivery, which may have made several attempts.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::Spool;
use super::disk::private;
use crate::system::error::Result;
use crate::system::guard;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A message is given up after this many failures, if it is also this old.
const MIN_FAILURES: u64 = 10;

/// So old, in seconds.
pub(crate) const MIN_AGE: u64 = 7 * DAY;

/// What is remembered of a message. Times are in seconds since 1970, durations in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RetryState {
    /// How many deliveries failed.
    pub(crate) failures: u64,
    /// When the last one failed.
    pub(crate) last: u64,
    /// For how long it has been retried in total.
    pub(crate) waited: u64,
    /// How often it failed for a reason that concerns it alone.
    pub(crate) failed_alone: u64,
    /// What went wrong.
    pub(crate) error: String,
    /// The API's last answer, if there was one: its status, and the start of its body.
    pub(crate) answer: String,
}

impl RetryState {
    /// Parses the text of its file; `None` if it is invalid.
    pub(crate) fn parse(text: &[u8]) -> Option<RetryState> {
        let members: Value = serde_json::from_slice(text).ok()?;
        Some(RetryState {
            failures: members["tries"].as_u64()?,
            last: members["last"].as_u64()?,
            waited: members["waited"].as_u64()?,
            failed_alone: members["failed_alone"].as_u64().unwrap_or(0),
            error: members["error"].as_str()?.to_owned(),
            answer: members["answer"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// The text of its file.
    pub(crate) fn text(&self) -> String {
        json!({
            "tries": self.failures,
            "last": self.last,
            "waited": self.waited,
            "failed_alone": self.failed_alone,
            "error": self.error,
            "answer": self.answer,
        })
        .to_string()
    }

    /// Another delivery of the message, which was accepted at `created`, has failed. `alone`: for a reason that concerns
    /// this message only.
    pub(crate) fn failed(&mut self, created: u64, now: u64, alone: bool, error: &str) {
        let before = if self.failures == 0 {
            created
        } else {
            self.last
        };
        self.waited = self
            .waited
            .saturating_add(now.saturating_sub(before).min(DAY));
        self.failures += 1;
        self.failed_alone += u64::from(alone);
        self.last = now;
        self.error = error.to_owned();
        self.answer = String::new();
    }

    /// The number of failures after which the message is given up, if the next failure is the last.
    pub(crate) fn gives_up_after(&self, created: u64, now: u64) -> Option<u64> {
        let mut after = self.clone();
        after.failed(created, now, false, "");
        after.is_given_up().then_some(after.failures)
    }

    /// Whether deliveries failed often enough, for long enough.
    fn is_given_up(&self) -> bool {
        self.failures >= MIN_FAILURES && self.waited >= MIN_AGE
    }
}

/// What is remembered of a target. Times are in seconds since 1970, durations in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// How often in a row it failed when it was due.
    pub(crate) failures: u64,
    /// When the last one failed.
    pub(crate) last: u64,
    /// How long to wait from then.
    pub(crate) wait: u64,
    /// When the last alert about messages that are pending for long was printed.
    pub(crate) alerted: u64,
}

impl Backoff {
    /// Parses the text of its file; `None` if it is invalid.
    pub(crate) fn parse(text: &[u8]) -> Option<Backoff> {
        let members: Value = serde_json::from_slice(text).ok()?;
        Some(Backoff {
            failures: members["tries"].as_u64()?,
            last: members["last"].as_u64()?,
            wait: members["wait"].as_u64()?,
            alerted: members["alerted"].as_u64().unwrap_or(0),
        })
    }

    /// The text of its file.
    pub(crate) fn text(&self) -> String {
        json!({
            "tries": self.failures,
            "last": self.last,
            "wait": self.wait,
            "alerted": self.alerted,
        })
        .to_string()
    }

    /// Whether the last alert was more than a day ago.
    pub(crate) fn is_alert_due(&self, now: u64) -> bool {
        now.checked_sub(self.alerted).is_none_or(|gone| gone >= DAY)
    }

    /// How long until it is due; 0 if it is due, or if the clock was set back.
    pub(crate) fn left(&self, now: u64) -> u64 {
        match now.checked_sub(self.last) {
            Some(gone) => self.wait.saturating_sub(gone),
            None => 0,
        }
    }

    /// Records another failure, after which the API `asked` to wait. A failure before the target was due, as new documents
    /// cause it, does not double the wait.
    pub(crate) fn failed(&mut self, now: u64, asked: Option<Duration>) {
        let left = self.left(now);
        let doubled = match left {
            0 => (MINUTE << self.failures.min(6)).min(HOUR),
            left => left,
        };
        self.failures += u64::from(left == 0);
        self.wait = doubled.max(asked.map_or(0, |asked| asked.as_secs().min(DAY)));
        self.last = now;
    }
}

impl Spool {
    /// What is remembered of the message called `name`.
    pub(crate) fn retry_state(&self, name: &OsStr) -> RetryState {
        let read = || {
            let path = self.dir.join("state").join(name);
            let (file, metadata) = guard::open_own(&path, self.owner).ok()?.ok()?;
            if guard::is_exposed(&metadata) {
                return None;
            }
            // Its length is known. A long list would ask for it, and for the end, once more for each message.
            let mut text = vec![0; usize::try_from(metadata.len()).ok()?];
            file.read_exact_at(&mut text, 0).ok()?;
            RetryState::parse(&text)
        };
        read().unwrap_or_default()
    }

    /// Saves it; errors are ignored, because nothing depends on it. The file is a new one, so that no link is followed.
    pub(crate) fn save_state(&self, name: impl AsRef<Path>, retries: &RetryState) {
        let path = self.dir.join("state").join(name);
        let _ = fs::remove_file(&path);
        let _ = private(OpenOptions::new().write(true).create_new(true))
            .open(path)
            .and_then(|mut file| io::Write::write_all(&mut file, retries.text().as_bytes()));
    }

    /// Removes what is remembered of the message called `name`.
    ///
    /// # Errors
    /// [`Kind::Output`](crate::system::error::Kind::Output).
    pub(crate) fn clear_state(&self, name: &OsStr) -> Result<()> {
        let path = self.dir.join("state").join(name);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != ErrorKind::NotFound => {
                Err(self.failed("removing", &path, &why))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn tried(times: u64, gap: u64) -> RetryState {
        let mut state = RetryState::default();
        for time in 1..=times {
            state.failed(NOW, NOW + time * gap, false, "503");
        }
        state
    }

    #[test]
    fn waits_double_from_a_minute_to_an_hour() {
        let (mut backoff, mut now, mut waits) = (Backoff::default(), NOW, Vec::new());
        for _ in 0..8 {
            backoff.failed(now, None);
            waits.push(backoff.wait / MINUTE);
            now += backoff.wait;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn a_failure_before_it_is_due_does_not_double_the_wait() {
        let mut backoff = Backoff::default();
        backoff.failed(NOW, None);
        backoff.failed(NOW + 20, None);
        assert_eq!((backoff.failures, backoff.left(NOW + 20)), (1, 40));
        backoff.failed(NOW + 30, Some(Duration::from_secs(500)));
        assert_eq!((backoff.failures, backoff.left(NOW + 30)), (1, 500));
    }

    #[test]
    fn what_the_api_asks_for_is_obeyed_up_to_a_day() {
        let wait = |seconds| {
            let mut backoff = Backoff::default();
            backoff.failed(NOW, Some(Duration::from_secs(seconds)));
            backoff.wait
        };
        assert_eq!(wait(5), 60);
        assert_eq!(wait(7200), 7200);
        assert_eq!(wait(u64::MAX), DAY);
    }

    #[test]
    fn a_target_is_due_when_its_time_has_come_or_the_clock_is_not_to_be_believed() {
        let mut backoff = Backoff::default();
        backoff.failed(NOW, None);
        assert_eq!(backoff.left(NOW), 60);
        assert_eq!(backoff.left(NOW + 59), 1);
        assert_eq!(backoff.left(NOW + 60), 0);
        assert_eq!(backoff.left(NOW - 1), 0, "set back");
        assert_eq!(backoff.left(0), 0, "1970");
        assert_eq!(backoff.left(NOW + 3650 * DAY), 0, "ten years ahead");
    }

    #[test]
    fn giving_up_takes_ten_failures_and_seven_days_and_no_jump_of_the_clock() {
        assert!(!tried(9, DAY).is_given_up(), "too few failures");
        assert!(!tried(100, HOUR).is_given_up(), "too young");
        assert!(tried(10, DAY).is_given_up());
        assert!(tried(168, HOUR).is_given_up());
        let mut state = tried(20, MINUTE);
        state.failed(NOW, NOW + 3650 * DAY, false, "ten years ahead");
        state.failed(NOW, 0, false, "1970");
        state.failed(NOW, NOW, false, "and now");
        assert!(!state.is_given_up(), "{state:?}");
        let mut born_in_1970 = RetryState::default();
        (0..20).for_each(|_| born_in_1970.failed(0, NOW, false, "503"));
        assert!(!born_in_1970.is_given_up(), "{born_in_1970:?}");
    }

    #[test]
    fn a_state_survives_its_file_and_garbage_is_none() {
        let state = tried(3, 60);
        assert_eq!(
            RetryState::parse(state.text().as_bytes()),
            Some(state.clone())
        );
        let mut backoff = Backoff::default();
        backoff.failed(NOW, None);
        assert_eq!(
            Backoff::parse(backoff.text().as_bytes()),
            Some(backoff.clone())
        );
        for garbage in [
            "",
            "{}",
            "[]",
            "null",
            "\0\0",
            &state.text()[1..],
            r#"{"tries":-1}"#,
        ] {
            assert_eq!(RetryState::parse(garbage.as_bytes()), None, "{garbage:?}");
            assert_eq!(Backoff::parse(garbage.as_bytes()), None, "{garbage:?}");
        }
    }
}
